import { startGateway, type Answer, type Gateway } from '../../support/gateway';
import { idsOf, readPage, walkBackward, walkForward } from '../../support/pages';

/** What people read of the audit log over GraphQL (docs/audit-log.md#reading-the-log). */
const ADMIN = 1;
const SECURITY_MANAGER = 2;
const MANAGER = 3;
const ANALYST = 4;
const SENIOR = 42;
const AGENT = { 'user-agent': 'analysts-browser/1.0', 'x-correlation-id': 'client-17' };
let gateway: Gateway;
let single: Answer;

beforeAll(async () => {
  gateway = await startGateway();
  // One bulk of five at one moment, then single decisions and refusals of several people, each at its own.
  await decide('bulk-approve', SENIOR, {
    action_ids: [12300, 12301, 12302, 12303, 12304],
    reason: '100% checked',
  });
  single = await decide('12345/approve', SENIOR, { reason: 'under_score' });
  await decide('12346/reject', SECURITY_MANAGER, { reason: 'C:\\temp is no target' });
  await decide('12347/approve', MANAGER);
  await decide('12345/approve', ADMIN);
  await decide('12348/reject', ANALYST);
});
afterAll(() => gateway.close());

function decide(path: string, user: number, body?: unknown): Promise<Answer> {
  return gateway.rest('POST', `/api/v1/actions/${path}`, { user, headers: AGENT, body });
}

/** An audit entry as the tests' own filter reads it. */
interface Listed {
  readonly id: string;
  readonly actionType: string;
  readonly actor: { readonly id: string } | null;
  readonly actorKind: string;
  readonly actionId: string | null;
  readonly timestamp: string;
  readonly correlationId: string;
  readonly details: string;
  readonly reason: string | null;
}

const LISTED = 'id actionType actor { id } actorKind actionId timestamp correlationId details reason';

async function listed(filter: string, user = ANALYST): Promise<Listed[]> {
  const query = `{ auditLogs(first: 100, filter: ${filter}) { edges { node { ${LISTED} } } } }`;
  const { body } = await gateway.graphql(query, { user });
  if (body.errors !== undefined) throw new Error(JSON.stringify(body.errors));
  return body.data.auditLogs.edges.map(({ node }: { node: Listed }) => node);
}

describe('an analyst who reads one entry', () => {
  it('gets who did what to which action, when and under which policy', async () => {
    const [{ id }] = (await listed('{actionType: ["action_approved"], actionId: [12345]}')) as [Listed];
    const query = `{ auditLog(id: "${id}") { id actionType actor { id name } actorKind actorId actionId
      action { id status decidedBy { id } } timestamp details verdict reason refusalCode riskScore requiredLevel
      heldLevel policyVersion correlationId clientCorrelationId } }`;
    const { body } = await gateway.graphql(query, { user: ANALYST });
    expect(body).toEqual({
      data: {
        auditLog: {
          id,
          actionType: 'action_approved',
          actor: { id: '42', name: 'Sue Senior' },
          actorKind: 'USER',
          actorId: '42',
          actionId: '12345',
          action: { id: '12345', status: 'APPROVED', decidedBy: { id: '42' } },
          timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          details: 'Action 12345 approved by user 42',
          verdict: 'APPROVE',
          reason: 'under_score',
          refusalCode: null,
          riskScore: 35,
          requiredLevel: 1,
          heldLevel: 2,
          policyVersion: 1,
          correlationId: single.body.correlation_id,
          clientCorrelationId: 'client-17',
        },
      },
    });
  });

  it("reads a denied attempt with its code, and the system's entries without an actor", async () => {
    const fields =
      'actor { id } actorKind actionId action { id } refusalCode requiredLevel heldLevel verdict';
    const of = async (filter: string) => {
      const query = `{ auditLogs(first: 1, filter: ${filter}) { edges { node { ${fields} } } } }`;
      return (await gateway.graphql(query, { user: ANALYST })).body.data.auditLogs.edges[0].node;
    };
    expect(await of(`{actionType: ["decision_refused"], actorId: [${String(MANAGER)}]}`)).toEqual({
      actor: { id: '3' },
      actorKind: 'USER',
      actionId: '12347',
      action: { id: '12347' },
      refusalCode: 'APPROVAL_LEVEL_REQUIRED',
      requiredLevel: 2,
      heldLevel: 1,
      verdict: 'APPROVE',
    });
    const system = { actor: null, actorKind: 'SYSTEM', actionId: null, action: null, refusalCode: null };
    expect(await of('{actionType: ["user_changed"]}')).toMatchObject(system);
  });

  it('gets null for an unknown id, and VALIDATION_ERROR for an invalid one', async () => {
    const unknown = await gateway.graphql('{ auditLog(id: "9007199254740991") { id } }', { user: ANALYST });
    expect(unknown.body).toEqual({ data: { auditLog: null } });
    const { body } = await gateway.graphql('{ auditLog(id: "0") { id } }', { user: ANALYST });
    expect(body.errors).toMatchObject([{ extensions: { code: 'VALIDATION_ERROR' } }]);
  });

  it('does not see where a request came from, nor does a manager; an admin and a security manager do', async () => {
    const [{ id }] = (await listed('{actionType: ["action_approved"], actionId: [12345]}')) as [Listed];
    const origin = 'ipAddress userAgent';
    const query = `{ auditLog(id: "${id}") { ${origin} }
      auditLogs(filter: {correlationId: ["${String(single.body.correlation_id)}"]}) { edges { node { ${origin} } } }
      action(id: 12345) { auditLogs { edges { node { actionType ${origin} } } } } }`;
    for (const user of [ADMIN, SECURITY_MANAGER, MANAGER, ANALYST, SENIOR]) {
      const { data } = (await gateway.graphql(query, { user })).body;
      const sees = user === ADMIN || user === SECURITY_MANAGER;
      const shown = { ipAddress: sees ? '127.0.0.1' : null, userAgent: sees ? AGENT['user-agent'] : null };
      expect(data.auditLog).toEqual(shown);
      expect(data.auditLogs.edges).toEqual([{ node: shown }]);
      expect(data.action.auditLogs.edges).toContainEqual({
        node: { actionType: 'action_approved', ...shown },
      });
    }
  });
});

describe('an analyst who filters the audit log', () => {
  const mentions = (text: string) => (entry: Listed) =>
    entry.details.includes(text) || entry.reason?.includes(text) === true;

  it.each<[string, string, (entry: Listed) => boolean]>([
    ['a type', 'actionType: ["action_denied"]', (e) => e.actionType === 'action_denied'],
    [
      'types',
      'actionType: ["action_denied", "decision_refused"]',
      (e) => ['action_denied', 'decision_refused'].includes(e.actionType),
    ],
    ['a person', 'actorId: ["42"]', (e) => e.actor?.id === '42'],
    ['people', 'actorId: [1, 3]', (e) => ['1', '3'].includes(e.actor?.id ?? '')],
    ['an action', 'actionId: ["12345"]', (e) => e.actionId === '12345'],
    ['actions', 'actionId: [12301, 12346]', (e) => ['12301', '12346'].includes(e.actionId ?? '')],
    ['words of the details', 'search: "denied by user"', mentions('denied by user')],
    ['words of the reason', 'search: "no target"', mentions('no target')],
    ['a percent sign', 'search: "100%"', mentions('100%')],
    ['an underscore', 'search: "under_s"', mentions('under_s')],
    ['a backslash', String.raw`search: "C:\\temp"`, mentions('C:\\temp')],
    [
      'several things at once',
      'actorId: [42], actionId: [12345, 12346], search: "approved"',
      (e) => e.actor?.id === '42' && ['12345', '12346'].includes(e.actionId ?? '') && mentions('approved')(e),
    ],
  ])('by %s gets exactly the matching entries', async (_what, filter, matches) => {
    const all = await listed('{}');
    const expected = all.filter(matches).map(({ id }) => id);
    expect(expected.length).toBeGreaterThan(0);
    expect(expected.length).toBeLessThan(all.length);
    expect((await listed(`{ ${filter} }`)).map(({ id }) => id)).toEqual(expected);
  });

  it('by a correlation id gets the whole bulk of that request and nothing else', async () => {
    const [{ correlationId }] = (await listed('{actionId: [12302]}')) as [Listed];
    const entries = await listed(`{ correlationId: ["${correlationId}"] }`);
    expect(entries.map(({ actionId }) => Number(actionId)).sort()).toEqual([
      12300, 12301, 12302, 12303, 12304,
    ]);
    const both = [correlationId, String(single.body.correlation_id)];
    expect(await listed(`{ correlationId: ${JSON.stringify(both)} }`)).toHaveLength(6);
  });

  it('by a time range has its start included and its end excluded', async () => {
    const [{ timestamp }] = (await listed('{actionId: [12302]}')) as [Listed];
    const next = new Date(Date.parse(timestamp) + 1).toISOString();
    const bulk = (await listed(`{ from: "${timestamp}", to: "${next}" }`)).map((entry) => entry.timestamp);
    expect(bulk).toEqual(Array.from({ length: 5 }, () => timestamp));
    const [before, after] = [
      await listed(`{ to: "${timestamp}" }`),
      await listed(`{ from: "${timestamp}" }`),
    ];
    expect(before.every((entry) => entry.timestamp < timestamp)).toBe(true);
    expect(after.every((entry) => entry.timestamp >= timestamp)).toBe(true);
    expect(before.length).toBeGreaterThan(0);
    expect(before.length + after.length).toBe((await listed('{}')).length);
  });
});

describe('an analyst who pages through the audit log', () => {
  it.each([
    ['newest first, unasked', '', -1],
    ['oldest first', 'orderBy: { direction: ASC }', 1],
  ])(
    '%s, gets every entry once, forward and backward, a bulk of one moment too',
    async (_name, args, sign) => {
      const list = { field: 'auditLogs', args, node: 'timestamp', user: ANALYST } as const;
      const forward = await walkForward(gateway, list, 2);
      const rows = await gateway.database.sql<{ id: number }>(
        'SELECT id FROM audit_log WHERE organization_id = 1 ORDER BY id',
      );
      const ids = idsOf(...forward);
      expect([...ids].sort((a, b) => a - b)).toEqual(rows.map(({ id }) => id));
      const times = forward.flatMap(({ edges }) => edges.map(({ node }) => String(node['timestamp'])));
      expect(times).toEqual([...times].sort((a, b) => (a === b ? 0 : a < b ? -sign : sign)));
      expect(idsOf(...(await walkBackward(gateway, list, 2)))).toEqual(ids);
    },
  );

  it('gets at most 100, can skip rows, and has entries counted only on request', async () => {
    const list = { field: 'auditLogs', user: ANALYST } as const;
    await expect(readPage(gateway, list, 'first: 101')).rejects.toThrow('VALIDATION_ERROR');
    const ids = idsOf(await readPage(gateway, list, 'first: 100'));
    expect(idsOf(await readPage(gateway, list, 'first: 3, offset: 4'))).toEqual(ids.slice(4, 7));
    const statements = async (selection: string) => {
      gateway.database.statements.length = 0;
      const { body } = await gateway.graphql(`{ auditLogs(first: 1) { ${selection} } }`, { user: ANALYST });
      return { ...body.data.auditLogs, count: gateway.database.statements.length };
    };
    const uncounted = await statements('edges { node { id } }');
    const counted = await statements('edges { node { id } } totalCount totalCountCapped');
    expect(counted).toMatchObject({ totalCount: ids.length, totalCountCapped: false });
    expect(counted.count - uncounted.count).toBe(1);
  });
});

describe('an analyst who reads the audit log of an action', () => {
  const nested = async (args: string) => {
    const query = `{ action(id: 12345) { auditLogs${args} { totalCount totalCountCapped
      pageInfo { hasNextPage endCursor } edges { node { id actionType } } } } }`;
    return (await gateway.graphql(query, { user: ANALYST })).body.data.action.auditLogs;
  };

  it('gets only its entries, newest first, counted and page by page', async () => {
    const all = await nested('');
    const types = (page: { edges: { node: Listed }[] }) => page.edges.map(({ node }) => node.actionType);
    expect(types(all)).toEqual(['decision_refused', 'action_approved']);
    expect(all).toMatchObject({ totalCount: 2, totalCountCapped: false, pageInfo: { hasNextPage: false } });
    const first = await nested('(first: 1)');
    expect(types(first)).toEqual(['decision_refused']);
    expect(first).toMatchObject({ totalCount: 2, pageInfo: { hasNextPage: true } });
    const second = await nested(`(first: 1, after: "${String(first.pageInfo.endCursor)}")`);
    expect(types(second)).toEqual(['action_approved']);
    expect(second).toMatchObject({ totalCount: 2, pageInfo: { hasNextPage: false } });
  });

  it("gets each listed action's own entries, and an empty page where there are none", async () => {
    const query = `{ actions(first: 100, filter: {search: "demo"}) { edges { node { id
      auditLogs(first: 1) { totalCount edges { node { actionId } } } } } } }`;
    const { body } = await gateway.graphql(query, { user: ANALYST });
    const told = new Map<string, unknown>();
    for (const { node } of body.data.actions.edges) told.set(node.id, node.auditLogs);
    expect(told.get('12345')).toEqual({ totalCount: 2, edges: [{ node: { actionId: '12345' } }] });
    expect(told.get('12301')).toEqual({ totalCount: 1, edges: [{ node: { actionId: '12301' } }] });
    expect(told.get('12349')).toEqual({ totalCount: 0, edges: [] });
  });
});
