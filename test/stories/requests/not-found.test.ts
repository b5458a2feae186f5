import { startGateway, type Answer, type Gateway } from '../../support/gateway';
import { restError, withoutCorrelation } from '../../support/refusals';

/**
 * Another organization's action and an unknown one look the same to a caller: the same answer to the byte (the id, the
 * correlation id and the time aside) after the same statements, and no trace in the audit log.
 */
let gateway: Gateway;
/** An audit entry of the other organization. */
let theirEntry = 0;

beforeAll(async () => {
  gateway = await startGateway();
  await gateway.rest('POST', `/api/v1/actions/22346/approve`, { user: 101 });
  const [entry] = await gateway.database.sql<{ id: number }>(
    'SELECT id FROM audit_log WHERE action_id = 22346',
  );
  theirEntry = entry?.id ?? 0;
});
afterAll(() => gateway.close());

const ADMIN = 1;
/** Actions of organization 2: one still pending, one approved. */
const THEIRS = [22345, 22346];
/** As long as the other organization's ids, so that lengths can be compared too. */
const UNKNOWN = 98765;
const NOT_FOUND =
  '{"detail":"Action ID not found","error_code":"ACTION_NOT_FOUND","status":404,' +
  '"correlation_id":"CORRELATION","timestamp":"TIME"}';

type Ask = (id: number) => Promise<Answer>;

/** What a caller and the database see of one request, with the id and what differs by time replaced. */
async function seen(ask: Ask, id: number) {
  gateway.database.statements.length = 0;
  const { status, headers, text } = await ask(id);
  const statements = gateway.database.statements.map(({ name, text: sql }) => ({ name, sql }));
  const told = Object.fromEntries([...headers].filter(([name]) => name !== 'date'));
  return { status, told, text: normalized(text, id), statements };
}

function normalized(text: string, id: number): string {
  return withoutCorrelation(text)
    .replaceAll(String(id), 'ID')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z/g, 'TIME');
}

/** Requests the unknown and the other organization's action, and returns what was seen. */
async function expectIndistinguishable(ask: Ask, theirs: readonly number[] = THEIRS) {
  const entriesBefore = await countEntries();
  const unknown = await seen(ask, UNKNOWN);
  expect(unknown.statements).not.toHaveLength(0);
  for (const id of theirs) expect(await seen(ask, id)).toEqual(unknown);
  expect(await countEntries()).toEqual(entriesBefore);
  return unknown;
}

const countEntries = () =>
  gateway.database.sql(
    'SELECT count(*) AS entries, (SELECT count(*) FROM refusal_throttle) AS throttled FROM audit_log',
  );

describe('over REST, with an unknown id and one of another organization,', () => {
  it.each([
    ['an admin', 1],
    ['a manager whose level does not reach it', 3],
    ['a manager whose limit does not reach it', 5],
  ])('%s cannot tell them apart by deciding', async (_who, user) => {
    for (const operation of ['approve', 'reject']) {
      const ask: Ask = (id) =>
        gateway.rest('POST', `/api/v1/actions/${String(id)}/${operation}`, { user, body: { reason: 'x' } });
      const { status, text } = await expectIndistinguishable(ask);
      expect([status, text]).toEqual([404, NOT_FOUND]);
    }
  });

  it.each(['', '/status'])('an analyst and an API key cannot tell them apart by GET {id}%s', async (rest) => {
    const apiKey = await gateway.apiKey({});
    for (const caller of [{ user: 4 }, { apiKey }]) {
      const ask: Ask = (id) => gateway.rest('GET', `/api/v1/actions/${String(id)}${rest}`, caller);
      const { status, text } = await expectIndistinguishable(ask);
      expect([status, text]).toEqual([404, NOT_FOUND]);
    }
  });

  it('an analyst, whose role decides nothing, cannot tell them apart by an attempt', async () => {
    const [own = 0] = await gateway.addActions([10]);
    const [theirs = 0] = await gateway.addActions([10], { organization: 2 });
    const ask: Ask = (id) => gateway.rest('POST', `/api/v1/actions/${String(id)}/approve`, { user: 4 });
    const unknown = await seen(ask, 87654);
    expect(unknown.status).toBe(403);
    for (const id of [theirs, own]) expect(await seen(ask, id)).toEqual(unknown);
  });

  it('a manager cannot tell them apart in a bulk, alone or beside one of their own', async () => {
    for (const operation of ['bulk-approve', 'bulk-reject']) {
      const alone: Ask = (id) =>
        gateway.rest('POST', `/api/v1/actions/${operation}`, { user: 42, body: { action_ids: [id] } });
      const { text } = await expectIndistinguishable(alone);
      expect(text).toContain(
        '"results":[{"action_id":ID,"error_code":"ACTION_NOT_FOUND","detail":"Action ID not found","status":404}]',
      );
      const bodies: unknown[] = [];
      for (const id of [UNKNOWN, ...THEIRS]) {
        const [own = 0] = await gateway.addActions([10]);
        const beside: Ask = () =>
          gateway.rest('POST', `/api/v1/actions/${operation}`, { user: 42, body: { action_ids: [own, id] } });
        const { text: body, statements } = await seen(beside, id);
        bodies.push({ body: body.replaceAll(String(own), 'OWN'), statements });
      }
      expect(bodies).toEqual(bodies.map(() => bodies[0]));
      const entries = 'SELECT id FROM audit_log WHERE organization_id = 1 AND action_id = ANY($1)';
      expect(await gateway.database.sql(entries, [[UNKNOWN, ...THEIRS]])).toEqual([]);
    }
  });

  it('an auditor cannot tell them apart by filtering the audit log', async () => {
    const ask: Ask = (id) =>
      gateway.rest('GET', `/api/admin/audit-logs?action_id=${String(id)}&include_total=true`, {
        user: ADMIN,
      });
    const { text } = await expectIndistinguishable(ask);
    expect(text).toBe('{"limit":100,"offset":0,"next_cursor":null,"logs":[],"total":0,"total_capped":false}');
  });
});

describe('over GraphQL, with an unknown id and one of another organization,', () => {
  it.each(['approveAction', 'rejectAction'])('a manager cannot tell them apart by %s', async (field) => {
    const mutation = `mutation($id: ID!) { ${field}(actionId: $id) { actionId status } }`;
    const ask: Ask = (id) => gateway.graphql(mutation, { user: 42, variables: { id } });
    const { status, text } = await expectIndistinguishable(ask);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({
      errors: [{ message: 'Action ID not found', extensions: { code: 'ACTION_NOT_FOUND', status: 404 } }],
    });
  });

  it.each(['bulkApproveActions', 'bulkRejectActions'])(
    'a manager cannot tell them apart by %s',
    async (field) => {
      const mutation = `mutation($ids: [ID!]!) { ${field}(actionIds: $ids) {
      requested succeeded failed results { actionId decision { status } refusal { code status detail currentStatus
        decidedBy decidedAt requiredLevel heldLevel riskScore riskLimit } } } }`;
      const ask: Ask = (id) => gateway.graphql(mutation, { user: 42, variables: { ids: [id] } });
      const { text } = await expectIndistinguishable(ask);
      const none = null;
      expect(JSON.parse(text)).toEqual({
        data: {
          [field]: {
            ...{ requested: 1, succeeded: 0, failed: 1 },
            results: [
              {
                actionId: 'ID',
                decision: none,
                refusal: {
                  ...{ code: 'ACTION_NOT_FOUND', status: 404, detail: 'Action ID not found' },
                  ...{ currentStatus: none, decidedBy: none, decidedAt: none },
                  ...{ requiredLevel: none, heldLevel: none, riskScore: none, riskLimit: none },
                },
              },
            ],
          },
        },
      });
    },
  );

  it('an analyst reads null for either action, whatever fields are selected', async () => {
    const query = `query($id: ID!) { action(id: $id) { id status viewerCanApprove { allowed code } decidedBy { id }
      auditLogs { totalCount edges { node { id } } } } }`;
    const ask: Ask = (id) => gateway.graphql(query, { user: 4, variables: { id } });
    const { text } = await expectIndistinguishable(ask);
    expect(JSON.parse(text)).toEqual({ data: { action: null } });
  });

  it('an analyst reads null for an audit entry of another organization', async () => {
    const query = 'query($id: ID!) { auditLog(id: $id) { id details action { id } actor { name } } }';
    const ask: Ask = (id) => gateway.graphql(query, { user: 4, variables: { id } });
    const { text } = await expectIndistinguishable(ask, [theirEntry]);
    expect(JSON.parse(text)).toEqual({ data: { auditLog: null } });
    const theirs = await gateway.graphql(query, { user: 104, variables: { id: theirEntry } });
    expect(theirs.body).toMatchObject({ data: { auditLog: { action: { id: '22346' } } } });
  });

  it.each([
    ['actions', 'ActionFilter', 'decidedBy', 101],
    ['auditLogs', 'AuditLogFilter', 'actorId', 101],
    ['auditLogs', 'AuditLogFilter', 'actionId', 22346],
  ])(
    'an analyst finds nothing in %s by a %s with the %s of another organization',
    async (list, type, field, theirs) => {
      const query = `query($filter: ${type}) { ${list}(filter: $filter) { totalCount edges { node { id } } } }`;
      const ask: Ask = (id) => gateway.graphql(query, { user: 4, variables: { filter: { [field]: [id] } } });
      const { text } = await expectIndistinguishable(ask, [theirs]);
      expect(JSON.parse(text)).toEqual({ data: { [list]: { totalCount: 0, edges: [] } } });
    },
  );
});

it('an action is found by its own organization, so that the tests above depend on whose it is', async () => {
  const own = await gateway.rest('GET', '/api/v1/actions/22345', { user: 104 });
  expect([own.status, restError(own).error_code]).toEqual([200, undefined]);
  const refused = await gateway.rest('POST', '/api/v1/actions/22346/approve', { user: 142 });
  expect(refused.status).toBe(403);
});
