import { decide, inRestWords, outcomeOf } from '../../support/apis';
import { startGateway, type Answer, type Gateway, type RequestOptions } from '../../support/gateway';

/** Each REST read beside its GraphQL operation: the same data from the same statements, or the same refusal. */
const [ADMIN, SECURITY, MANAGER, ANALYST] = [1, 2, 3, 4];
const UNKNOWN_ID = 999_999_999;
let gateway: Gateway;
let apiKey: string;
let approved = 0;
let denied = 0;
let pending = 0;

beforeAll(async () => {
  gateway = await startGateway();
  apiKey = await gateway.apiKey({ scopes: ['actions:read'] });
  [approved = 0, denied = 0, pending = 0] = await gateway.addActions([35, 62, 39.5]);
  const headers = { 'x-correlation-id': 'client-7', 'user-agent': 'A browser' };
  await decide(gateway, 'rest', 'approve', approved, { user: 42, headers });
  await decide(gateway, 'graphql', 'reject', denied, { user: 2, reason: 'No – 安全' });
  await decide(gateway, 'rest', 'approve', pending, { user: 5, reason: 'Me?' });
  await gateway.database.sql(
    `UPDATE actions SET agent_name = 'An agent', description = 'Tidy up', tool_name = 'sh',
       target_system = 'ci', target_resource = 'logs',
       submitted_at = submitted_at - interval '1 hour', updated_at = updated_at + interval '1 hour' WHERE id = $1`,
    [approved],
  );
});
afterAll(() => gateway.close());

const ACTION = `id agentId agentName actionType description toolName targetSystem targetResource status riskScore
  riskLevel requiredApprovalLevel submittedBy { id } submittedAt updatedAt decidedBy { id } decidedAt reason correlationId`;
const ENTRY = `id actionType actorKind actorId timestamp details ipAddress userAgent correlationId actionId reason
  refusalCode clientCorrelationId`;

type Node = Record<string, unknown>;

/** An Action as the documented REST body (docs/rest-api.md#read-actions). */
function actionBody({ submittedBy, submittedAt, decidedBy, ...action }: Node): unknown {
  const ids = {
    submittedBy: (submittedBy as Node)['id'],
    decidedBy: (decidedBy as Node | null)?.['id'] ?? null,
  };
  const { id, ...words } = inRestWords({ ...action, ...ids, createdAt: submittedAt });
  return { action_id: id, id, ...words };
}

/** An Action as the documented status body (docs/rest-api.md#read-actions). */
function statusBody({ updatedAt, ...action }: Node): unknown {
  const { id, risk_score, risk_level, status, reason, correlation_id, timestamp } = inRestWords({
    ...action,
    timestamp: updatedAt,
  });
  const decision = { pending_approval: 'pending', approved: 'allowed', denied: 'denied' }[status as string];
  const decision_ready = status !== 'pending_approval';
  return {
    action_id: id,
    status,
    risk_score,
    timestamp,
    decision_ready,
    decision,
    risk_level,
    reason,
    correlation_id,
  };
}

/** An AuditLog as the documented audit record (docs/rest-api.md#audit-records). */
function recordBody({ actorKind, actorId, ...entry }: Node): unknown {
  const { id, ...words } = inRestWords(entry);
  const user_id = actorKind === 'USER' ? Number(actorId) : null;
  return { audit_id: id, user_id, organization_id: 1, ...words };
}

/** The body of the answer, and the names of the statements that the request ran. */
async function observed(ask: () => Promise<Answer>): Promise<{ body: never; statements: string[] }> {
  const { statements } = gateway.database;
  statements.length = 0;
  const { status, body } = await ask();
  expect(status).toBe(200);
  return { body: body as never, statements: statements.map(({ name }) => name) };
}

async function expectSameRead(
  path: string,
  query: string,
  request: RequestOptions & { readonly variables?: Record<string, unknown> },
  bodyOf: (data: Record<string, unknown>) => unknown,
): Promise<unknown> {
  const rest = await observed(() => gateway.rest('GET', path, request));
  const graphql = await observed(() => gateway.graphql(query, request));
  const { data } = graphql.body as { data: Record<string, unknown> };
  expect({ ...graphql, body: bodyOf(data) }).toEqual(rest);
  return rest.body;
}

describe.each([
  ['an analyst', () => ({ user: ANALYST })],
  ['an API key', () => ({ apiKey })],
])('%s who reads', (_who, by) => {
  it.each([
    ['a pending action', () => pending, 'pending_approval'],
    ['an approved action', () => approved, 'approved'],
    ['a denied action', () => denied, 'denied'],
  ])('%s, or its status, gets the same over either API', async (_which, id, status) => {
    const path = `/api/v1/actions/${String(id())}`;
    const variables = { id: id() };
    const query = `query ($id: ID!) { action(id: $id) { ${ACTION} } }`;
    const one = await expectSameRead(path, query, { ...by(), variables }, ({ action }) =>
      actionBody(action as Node),
    );
    expect(one).toMatchObject({ action_id: id(), status });
    const polled = `query ($id: ID!) { action(id: $id) { id status riskScore riskLevel updatedAt reason correlationId } }`;
    await expectSameRead(`${path}/status`, polled, { ...by(), variables }, ({ action }) =>
      statusBody(action as Node),
    );
  });

  it.each([UNKNOWN_ID, 22345])(
    'action %d, which belongs to others, finds nothing over either API',
    async (id) => {
      for (const path of [`/api/v1/actions/${String(id)}`, `/api/v1/actions/${String(id)}/status`])
        expect(outcomeOf(await gateway.rest('GET', path, by()))).toMatchObject({
          status: 404,
          code: 'ACTION_NOT_FOUND',
          detail: `Action ${String(id)} not found`,
        });
      const { body } = await gateway.graphql(`{ action(id: ${String(id)}) { id } }`, by());
      expect(body).toEqual({ data: { action: null } });
    },
  );

  it.each([
    ['', { first: 100 }],
    ['?limit=7&offset=3', { first: 7, offset: 3 }],
    ['?limit=100&status_filter=approved', { first: 100, filter: { status: ['APPROVED'] } }],
    ['?agent_id=test-agent&limit=2', { first: 2, filter: { agentId: ['test-agent'] } }],
    ['?agent_id=nobody', { first: 100, filter: { agentId: ['nobody'] } }],
  ])('the list %s gets the same over either API, in the same order', async (search, variables) => {
    const query = `query ($filter: ActionFilter, $first: Int, $offset: Int) {
      actions(filter: $filter, first: $first, offset: $offset) { edges { node { ${ACTION} } } } }`;
    await expectSameRead(`/api/v1/actions${search}`, query, { ...by(), variables }, ({ actions }) =>
      nodesOf(actions).map(actionBody),
    );
  });
});

function nodesOf(connection: unknown): readonly Node[] {
  return (connection as { edges: { node: Node }[] }).edges.map(({ node }) => node);
}

const AUDIT_LOGS = `query ($filter: AuditLogFilter, $first: Int, $offset: Int, $after: String, $total: Boolean!) {
  auditLogs(filter: $filter, first: $first, offset: $offset, after: $after) {
    edges { node { ${ENTRY} } } pageInfo { hasNextPage endCursor }
    totalCount @include(if: $total) totalCountCapped @include(if: $total) } }`;

describe('a reader of the audit log', () => {
  const [from, to] = ['2020-01-01T00:00:00Z', '2100-01-01T00:00:00Z'];

  it.each([
    ['all of it', '', {}],
    ['a page with its count', 'limit=2&offset=1&include_total=true', { first: 2, offset: 1, total: true }],
    ['what is of a type', 'action_type=decision_refused', { filter: { actionType: ['decision_refused'] } }],
    ['what a user did', 'user_id=2', { filter: { actorId: [2] } }],
    ['a time range', `from=${from}&to=${to}`, { filter: { from, to } }],
    ['an empty time range', `from=${to}`, { filter: { from: to } }],
  ])('gets %s the same over either API', async (_what, search, variables) => {
    for (const user of [ADMIN, SECURITY]) await expectSameAuditLogs(user, search, variables);
  });

  it('gets the entries of an action, and of a correlation id, the same over either API', async () => {
    const body = await expectSameAuditLogs(ADMIN, `action_id=${String(approved)}`, {
      filter: { actionId: [approved] },
    });
    const [record] = body.logs;
    expect(record).toMatchObject({ user_id: 42, user_agent: 'A browser', client_correlation_id: 'client-7' });
    const correlationId = String(record?.['correlation_id']);
    const ofRequest = await expectSameAuditLogs(SECURITY, `correlation_id=${correlationId}`, {
      filter: { correlationId: [correlationId] },
    });
    expect(ofRequest.logs).toEqual([record]);
  });

  it('continues from the same cursor over either API', async () => {
    const first = await expectSameAuditLogs(ADMIN, 'limit=2', { first: 2 });
    const after = first.next_cursor ?? '';
    const next = await expectSameAuditLogs(ADMIN, `limit=2&cursor=${after}`, { first: 2, after });
    expect(next.logs).toHaveLength(2);
    expect(first.logs).not.toEqual(next.logs);
  });

  it.each([MANAGER, ANALYST])('is refused over REST as user %d, who may read it in GraphQL', async (user) => {
    const answer = await gateway.rest('GET', '/api/admin/audit-logs', { user });
    expect(outcomeOf(answer)).toMatchObject({ status: 403, code: 'INSUFFICIENT_PERMISSIONS' });
    const filter = { actionId: [approved] };
    const { body } = await gateway.graphql(AUDIT_LOGS, { user, variables: { filter, total: false } });
    expect(nodesOf((body as { data: { auditLogs: unknown } }).data.auditLogs)).toMatchObject([
      { actorId: '42', ipAddress: null, userAgent: null, clientCorrelationId: 'client-7' },
    ]);
  });

  interface AuditLogs {
    readonly next_cursor: string | null;
    readonly logs: readonly Node[];
  }

  async function expectSameAuditLogs(user: number, search: string, asked: Node): Promise<AuditLogs> {
    const variables = { first: 100, offset: 0, total: false, ...asked };
    const path = `/api/admin/audit-logs?${search}`;
    const same = await expectSameRead(path, AUDIT_LOGS, { user, variables }, ({ auditLogs }) => {
      const { pageInfo, totalCount, totalCountCapped } = auditLogs as Node;
      const { hasNextPage, endCursor } = pageInfo as Node;
      return {
        limit: variables.first,
        offset: variables.offset,
        next_cursor: hasNextPage === true ? endCursor : null,
        logs: nodesOf(auditLogs).map(recordBody),
        ...(totalCount !== undefined && { total: totalCount, total_capped: totalCountCapped }),
      };
    });
    return same as AuditLogs;
  }
});

describe('a read is refused the same over either API', () => {
  const forged = { headers: { authorization: 'Bearer e30.e30.e30' } };
  const [one, list, log] = [
    '{ action(id: 12345) { id } }',
    '{ actions { edges { node { id } } } }',
    '{ auditLogs { edges { node { id } } } }',
  ];

  it.each([
    ['one action to nobody', 'MISSING_AUTH', '/api/v1/actions/12345', one, () => ({})],
    ['a status to nobody', 'MISSING_AUTH', '/api/v1/actions/12345/status', one, () => ({})],
    ['a list to nobody', 'MISSING_AUTH', '/api/v1/actions', list, () => ({})],
    ['the audit log to nobody', 'MISSING_AUTH', '/api/admin/audit-logs', log, () => ({})],
    ['one action to a forged token', 'INVALID_TOKEN', '/api/v1/actions/12345', one, () => forged],
    [
      'the audit log to a deactivated manager',
      'INVALID_TOKEN',
      '/api/admin/audit-logs',
      log,
      () => ({ user: 6 }),
    ],
    ['the audit log to an API key', 'JWT_REQUIRED', '/api/admin/audit-logs', log, () => ({ apiKey })],
    [
      'an id of 0',
      'VALIDATION_ERROR',
      '/api/v1/actions/0',
      '{ action(id: 0) { id } }',
      () => ({ user: ANALYST }),
    ],
    [
      'a status of x',
      'VALIDATION_ERROR',
      '/api/v1/actions/x/status',
      '{ action(id: "x") { id } }',
      () => ({ user: ANALYST }),
    ],
  ])('%s, with %s', async (_what, code, path, query, by) => {
    const [rest, graphql] = [await gateway.rest('GET', path, by()), await gateway.graphql(query, by())].map(
      outcomeOf,
    );
    expect(rest).toMatchObject({ code, facts: {} });
    const place = code === 'VALIDATION_ERROR' ? { detail: rest?.detail } : {};
    expect({ ...graphql, http: rest?.http, ...place }).toEqual(rest);
  });

  it('an action to an API key that may only submit, with INSUFFICIENT_PERMISSIONS', async () => {
    const submitter = { apiKey: await gateway.apiKey({ scopes: ['actions:submit'] }) };
    const rest = outcomeOf(await gateway.rest('GET', '/api/v1/actions/12345', submitter));
    const graphql = outcomeOf(await gateway.graphql(one, submitter));
    expect(rest).toMatchObject({ status: 403, code: 'INSUFFICIENT_PERMISSIONS' });
    expect({ ...graphql, http: 403 }).toEqual(rest);
  });
});
