import { startGateway, type Answer, type Gateway } from '../../support/gateway';

/** As large as parameters can be, nearly. */
const LARGE = 60_000;

let gateway: Gateway;
let ids: number[];
beforeAll(async () => {
  gateway = await startGateway();
  const rows = await gateway.database.sql<{ id: number }>(
    `INSERT INTO actions (organization_id, agent_id, action_type, risk_score, submitted_by, parameters, description, target_resource)
     SELECT 1, 'agent', 'test', 10, 4, jsonb_build_object('text', repeat('p', $1::integer)), repeat('€', 10000), repeat('€', 2000)
     FROM generate_series(1, 400) RETURNING id`,
    [LARGE],
  );
  ids = rows.map(({ id }) => id);
});
afterAll(() => gateway.close());

function faults({ body }: Answer): string[] {
  const { errors = [] } = body as {
    errors?: { extensions: { code: string; errors?: { type: string }[] } }[];
  };
  return errors.flatMap(({ extensions }) => [
    extensions.code,
    ...(extensions.errors ?? []).map(({ type }) => type),
  ]);
}

const page = (alias: string): string => `${alias}: actions(first: 100) { edges { node { id parameters } } }`;

it('an analyst reads a page of large actions', async () => {
  const { body } = await gateway.graphql(`{ ${page('one')} }`, { user: 4 });
  expect(body.data.one.edges[99].node.parameters.text).toHaveLength(LARGE);
});

it('an analyst who asks for ten pages of large actions is told to page, and the gateway reads no more than fits', async () => {
  const { statements } = gateway.database;
  statements.length = 0;
  const aliases = Array.from({ length: 10 }, (_, n) => page(`a${String(n)}`));
  const answer = await gateway.graphql(`{ ${aliases.join('\n')} }`, { user: 4 });
  expect(answer.body.data).toBeNull();
  expect(faults(answer)).toEqual(['VALIDATION_ERROR', 'answer_size']);
  expect(answer.body.errors[0].message).toContain('`first` and `after`');
  // The first is read again once there is room for it; the second exceeds the limit, and no other is run.
  expect(statements.filter(({ text }) => text.includes('"sizeBefore"'))).toHaveLength(3);
});

it('an analyst who asks repeatedly for the same large actions, nested, is told to page', async () => {
  await gateway.database.sql(
    `INSERT INTO audit_log (organization_id, action_type, "timestamp", actor_kind, action_id, details, correlation_id, canonical, leaf_hash)
     SELECT 1, 'test', now(), 'system', $1::bigint, 'n', 'c', '\\x00', sha256('\\x00') FROM generate_series(1, 100)`,
    [ids[0]],
  );
  const nested = `auditLogs(first: 100) { edges { node { action { parameters } } } }`;
  const query = `{ a: ${nested} b: ${nested} }`;
  expect(faults(await gateway.graphql(query, { user: 4 }))).toEqual(['VALIDATION_ERROR', 'answer_size']);
});

it('a legacy client whose list is too large is told a limit that fits', async () => {
  const refused = await gateway.rest('GET', '/api/v1/actions?limit=400', { user: 4 });
  expect(refused.status).toBe(422);
  const [fault] = refused.body.errors as { loc: string[]; msg: string }[];
  expect(fault?.loc).toEqual(['query', 'limit']);
  const limit = Number(/limit=(\d+) fits/.exec(fault?.msg ?? '')?.[1]);
  const fits = await gateway.rest('GET', `/api/v1/actions?limit=${String(limit)}`, { user: 4 });
  expect(fits.status).toBe(200);
  expect(fits.body).toHaveLength(limit);
  const more = await gateway.rest('GET', `/api/v1/actions?limit=${String(limit + 1)}`, { user: 4 });
  expect(more.status).toBe(422);
});

it('a bulk whose answer could be too large decides nothing; a smaller one decides and is answered', async () => {
  const bulk = (some: readonly number[]): Promise<Answer> =>
    gateway.graphql(
      `mutation ($ids: [ID!]!) { bulkRejectActions(actionIds: $ids) { succeeded results { decision { action { parameters } } } } }`,
      { user: 1, variables: { ids: some.map(String) } },
    );
  const refused = await bulk(ids);
  expect(faults(refused)).toEqual(['VALIDATION_ERROR', 'limit']);
  const [before] = await gateway.database.sql<{ count: number }>(
    `SELECT count(*) FROM actions WHERE id = ANY($1::bigint[]) AND status <> 'pending_approval'`,
    [ids],
  );
  expect(before?.count).toBe(0);
  const { body } = await bulk(ids.slice(0, 100));
  expect(body.data.bulkRejectActions.succeeded).toBe(100);
  expect(body.data.bulkRejectActions.results[99].decision.action.parameters.text).toHaveLength(LARGE);
});

it('an admin who asks for a long history beside a change of the policy changes nothing; a shorter one is answered', async () => {
  const version = async () =>
    (await gateway.graphql('{ approvalPolicy { version } }', { user: 1 })).body.data.approvalPolicy
      .version as number;
  const change = (expectedVersion: number, first: number): Promise<Answer> =>
    gateway.graphql(
      `mutation ($v: Int!, $patch: ApprovalPolicyPatch!) { changeApprovalPolicy(expectedVersion: $v, patch: $patch, reason: "r") {
        history(first: ${String(first)}) { edges { node { version scoringRules { actionType toolName targetSystem riskIndicator score } } } } } }`,
      { user: 1, variables: { v: expectedVersion, patch: { scoringRules } } },
    );
  const longest = '\u4e00'.repeat(200);
  const patterns = { actionType: longest, toolName: longest, targetSystem: longest, riskIndicator: longest };
  const scoringRules = Array.from({ length: 50 }, (_, score) => ({ ...patterns, score }));
  const before = await version();
  // A hundred such versions would exceed 10 MB.
  expect(faults(await change(before, 100))).toEqual(['VALIDATION_ERROR', 'limit']);
  expect(await version()).toBe(before);
  const { body, text } = await change(before, 50);
  const [newest] = body.data.changeApprovalPolicy.history.edges;
  expect(newest.node).toEqual({ version: before + 1, scoringRules });
  expect(Buffer.byteLength(text) * 100).toBeGreaterThan(10_000_000);
});

it('a filter has at most 500 members in each of its lists', async () => {
  for (const [list, member] of [
    ['status', 'DENIED'],
    ['riskLevel', 'LOW'],
    ['agentId', '"a"'],
    ['actionType', '"a"'],
    ['decidedBy', '"1"'],
  ] as const) {
    const query = (count: number): string =>
      `{ actions(filter: { ${list}: [${Array.from({ length: count }, () => member).join(' ')}] }) { pageInfo { hasNextPage } } }`;
    expect(faults(await gateway.graphql(query(500), { user: 4 }))).toEqual([]);
    expect(faults(await gateway.graphql(query(501), { user: 4 }))).toEqual(['VALIDATION_ERROR', 'length']);
  }
});
