import { startGateway, type Gateway } from '../../support/gateway';
import { idsOf, readPage, walkBackward, walkForward } from '../../support/pages';

/**
 * How people page through the list of actions, in which every demo action was submitted at the same moment
 * (docs/graphql-api.md#lists).
 */
const ADMIN = 1;
const ANALYST = 4;
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
  await gateway.addActions([5, 70, 100]);
  // A millisecond between some, nothing between most.
  await gateway.database.sql(
    "UPDATE actions SET submitted_at = submitted_at - interval '1 ms' WHERE id % 5 = 0",
  );
});
afterAll(() => gateway.close());

describe('an analyst who pages through the list of actions', () => {
  const ORDERS = [
    ['newest first, unasked', '', 'submittedAt', -1],
    ['oldest first', 'orderBy: { field: SUBMITTED_AT, direction: ASC }', 'submittedAt', 1],
    ['riskiest first', 'orderBy: { field: RISK_SCORE }', 'riskScore', -1],
    ['safest first', 'orderBy: { field: RISK_SCORE, direction: ASC }', 'riskScore', 1],
  ] as const;

  it.each(ORDERS)('%s, gets every action once, forward and backward', async (_name, args, property, sign) => {
    const list = { field: 'actions', args, node: property, user: ANALYST } as const;
    const forward = await walkForward(gateway, list, 7);
    const ids = idsOf(...forward);
    const rows = await gateway.database.sql<{ id: number }>(
      'SELECT id FROM actions WHERE organization_id = 1',
    );
    expect([...ids].sort()).toEqual(rows.map(({ id }) => id).sort());
    const keys = forward.flatMap(({ edges }) => edges.map(({ node }) => node[property] as string | number));
    const sorted = [...keys].sort((a, b) => (a === b ? 0 : a < b ? -sign : sign));
    expect(keys).toEqual(sorted);
    expect(idsOf(...(await walkBackward(gateway, list, 7)))).toEqual(ids);
  });

  it('gets each once though others arrive and are decided meanwhile', async () => {
    const filter = 'filter: {maxRiskScore: 40, status: [PENDING_APPROVAL]}';
    const list = { field: 'actions', args: filter, user: ANALYST } as const;
    const known = idsOf(await readPage(gateway, list, 'first: 100'));
    const seen: number[] = [];
    let page = await readPage(gateway, list, 'first: 5');
    for (;;) {
      const ids = idsOf(page);
      seen.push(...ids);
      await gateway.addActions([1, 1]);
      // Even the action that the cursor stands for has left the list by the next page.
      await gateway.rest('POST', `/api/v1/actions/${String(ids.at(-1))}/approve`, { user: ADMIN });
      if (!page.pageInfo.hasNextPage) break;
      page = await readPage(gateway, list, `first: 5, after: "${page.pageInfo.endCursor ?? ''}"`);
    }
    expect(seen.length).toBeGreaterThan(10);
    expect(seen).toEqual(known);
  });

  it('gets the page between two cursors, and learns on which side there is more', async () => {
    const list = { field: 'actions', user: ANALYST } as const;
    const { edges } = await readPage(gateway, list, 'first: 10');
    const [a, b] = [`after: "${edges[2]?.cursor ?? ''}"`, `before: "${edges[7]?.cursor ?? ''}"`];
    const ids = edges.map(({ node }) => Number(node['id']));
    const between = await readPage(gateway, list, `first: 100, ${a}, ${b}`);
    expect(idsOf(between)).toEqual(ids.slice(3, 7));
    expect(between.pageInfo).toMatchObject({ startCursor: edges[3]?.cursor, endCursor: edges[6]?.cursor });
    const start = await readPage(gateway, list, `first: 2, ${a}, ${b}`);
    expect([idsOf(start), start.pageInfo.hasNextPage]).toEqual([ids.slice(3, 5), true]);
    const end = await readPage(gateway, list, `last: 2, ${a}, ${b}`);
    expect([idsOf(end), end.pageInfo.hasPreviousPage]).toEqual([ids.slice(5, 7), true]);
  });

  it('learns that there is no more on either side of a list that fits', async () => {
    const list = { field: 'actions', args: 'filter: {minRiskScore: 100}', user: ANALYST } as const;
    for (const paging of ['', 'first: 6', 'last: 6', 'first: 100']) {
      const page = await readPage(gateway, list, paging);
      expect(page.edges).toHaveLength(6);
      expect(page.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false });
    }
    const none = { ...list, args: 'filter: {agentId: ["nobody"]}' };
    const noPage = { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null };
    expect(await readPage(gateway, none, '')).toEqual({ edges: [], pageInfo: noPage });
  });

  it('gets 25 by default and 100 at most, can skip rows, and learns which paging is invalid', async () => {
    await gateway.addActions(Array.from({ length: 60 }, () => 50));
    const list = { field: 'actions', user: ANALYST } as const;
    const most = idsOf(await readPage(gateway, list, 'first: 100'));
    expect(most).toHaveLength(100);
    expect(idsOf(await readPage(gateway, list, ''))).toEqual(most.slice(0, 25));
    expect(idsOf(await readPage(gateway, list, 'first: 3, offset: 10'))).toEqual(most.slice(10, 13));
    const cursor = Buffer.from('["id",1]').toString('base64url');
    for (const paging of [
      'first: 101',
      'last: 101',
      'first: -1',
      'offset: -1',
      `after: "${cursor}"`,
      'before: "x"',
    ])
      await expect(readPage(gateway, list, paging)).rejects.toThrow('VALIDATION_ERROR');
  });
});

describe('an analyst who asks how many actions there are', () => {
  const count = async (agents: string[], selection: string) => {
    gateway.database.statements.length = 0;
    const query = `query ($agents: [String!]) { actions(first: 1, filter: {agentId: $agents}) { ${selection} } }`;
    const { body } = await gateway.graphql(query, { user: ANALYST, variables: { agents } });
    return { page: body.data.actions, statements: gateway.database.statements.length };
  };

  it('has them counted only then, once, and to 10,000 at most', async () => {
    await gateway.database.sql(
      `INSERT INTO actions (organization_id, agent_id, action_type, risk_score, submitted_by)
       SELECT 1, CASE WHEN n <= 10000 THEN 'busy' ELSE 'quiet' END, 'test', 10, 4 FROM generate_series(1, 10050) n`,
    );
    const uncounted = await count(['busy'], 'edges { node { id } } pageInfo { hasNextPage }');
    const both = 'totalCount totalCountCapped edges { node { id } }';
    const [quiet, busy] = [await count(['quiet'], both), await count(['busy'], both)];
    expect(quiet.page).toMatchObject({ totalCount: 50, totalCountCapped: false });
    expect(busy.page).toMatchObject({ totalCount: 10_000, totalCountCapped: false });
    const capped = await count(['busy', 'quiet'], both);
    expect(capped.page).toMatchObject({ totalCount: 10_000, totalCountCapped: true });
    expect(capped.page.edges).toHaveLength(1);
    expect(capped.statements - uncounted.statements).toBe(1);
  });
});
