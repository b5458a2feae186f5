import { SEAL_ENTRIES } from '../../../src/persistence/audit/seal.store';
import { startGateway, type Gateway } from '../../support/gateway';

/**
 * The cost of a list does not depend on how many rows exist: a busy organization with 100,000 actions and audit entries
 * beside a quiet one with 20. The rows that PostgreSQL reads are counted, not time.
 */
const BUSY = 100_000;
const QUIET = 20;
const PAGE = 25;

let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
  const { database } = gateway;
  for (const [organization, submitter, count] of [
    [1, 4, BUSY],
    [2, 104, QUIET],
  ]) {
    const values = [organization, submitter, count];
    await database.sql(
      `INSERT INTO actions (organization_id, agent_id, action_type, risk_score, submitted_by, submitted_at, expires_at,
         status, decided_by_kind, decided_by, decided_at, correlation_id)
       SELECT $1::bigint, 'agent-' || n % 50, 'type-' || n % 9, n % 101, $2::bigint, now() - n * interval '1 minute',
         CASE WHEN n % 10 = 5 THEN now() + interval '1 day' END, status,
         CASE WHEN status <> 'pending_approval' THEN 'user' END, CASE WHEN status <> 'pending_approval' THEN $2::bigint END,
         CASE WHEN status <> 'pending_approval' THEN now() END, CASE WHEN status <> 'pending_approval' THEN 'c' END
       FROM generate_series(1, $3::integer) n, LATERAL (SELECT CASE n % 1000 WHEN 0 THEN 'denied' WHEN 1 THEN 'pending_approval'
         ELSE 'approved' END AS status) s`,
      values,
    );
    await database.sql(
      `INSERT INTO audit_log (organization_id, action_type, "timestamp", actor_kind, actor_id, action_id, details,
         correlation_id, canonical, leaf_hash)
       SELECT $1::bigint, CASE n % 1000 WHEN 0 THEN 'policy_changed' WHEN 1 THEN 'user_changed' ELSE 'action_approved' END,
         now() - n * interval '1 minute', 'user', CASE n % 1000 WHEN 2 THEN $2::bigint + 1 WHEN 3 THEN $2::bigint + 2 ELSE $2::bigint END,
         1000000 + n, 'Entry ' || n, 'correlation-' || n, '\\x00', sha256('\\x00')
       FROM generate_series(1, $3::integer) n`,
      values,
    );
  }
  await database.sql('ANALYZE');
});
afterAll(() => gateway.close());

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** Runs a GraphQL query and returns the plans of its list statements, as they were executed. */
async function plansOf(user: number, query: string): Promise<PlanNode[]> {
  const { statements } = gateway.database;
  statements.length = 0;
  const answer = await gateway.graphql(query, { user });
  expect(answer.body.errors).toBeUndefined();
  const lists = statements.filter(({ name }) => name.startsWith('list_'));
  expect(lists).toHaveLength(1);
  return Promise.all(lists.map(({ text, values }) => planOf(text, values)));
}

/** Runs a statement and returns its plan, as it was executed. */
async function planOf(text: string, values: readonly unknown[]): Promise<PlanNode> {
  const [row] = await gateway.database.sql<Explained>(`${EXPLAIN} ${text}`, [...values]);
  return planIn(row);
}

const EXPLAIN = 'EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF)';

interface Explained {
  readonly 'QUERY PLAN': readonly { readonly Plan: PlanNode }[];
}

function planIn(row: Explained | undefined): PlanNode {
  const [explained] = row?.['QUERY PLAN'] ?? [];
  if (explained === undefined) throw new Error('There is no plan');
  return explained.Plan;
}

/** Every node that reads a table, with the rows that it read. */
function scansOf(node: PlanNode): { type: string; rows: number }[] {
  const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  const rows = (node['Actual Rows'] + removed) * node['Actual Loops'];
  const own = node['Relation Name'] === undefined ? [] : [{ type: node['Node Type'], rows }];
  return [...own, ...(node.Plans ?? []).flatMap(scansOf)];
}

/** How many rows a list's page may read: a few pages of neighbours that a filter passes over. */
async function expectCheap(user: number, query: string, most: number): Promise<void> {
  for (const plan of await plansOf(user, query)) {
    const scans = scansOf(plan);
    expect(scans.length).toBeGreaterThan(0);
    // A table of a few pages is read whole; the quiet organization's neighbour must not cause that.
    expect(scans.filter(({ type }) => type === 'Seq Scan')).toEqual([]);
    expect(scans.reduce((sum, { rows }) => sum + rows, 0)).toBeLessThanOrEqual(most);
  }
}

const actions = (args: string): string =>
  `{ actions(first: ${String(PAGE)}${args}) { edges { node { id } } pageInfo { hasNextPage } } }`;
const auditLogs = (args: string): string =>
  `{ auditLogs(first: ${String(PAGE)}${args}) { edges { node { id } } pageInfo { hasNextPage } } }`;

const LISTS: readonly (readonly [what: string, query: string])[] = [
  ['all actions', actions('')],
  ['the oldest actions', actions(', orderBy: { field: SUBMITTED_AT, direction: ASC }')],
  ['the riskiest actions', actions(', orderBy: { field: RISK_SCORE, direction: DESC }')],
  ['what is pending', actions(', filter: { status: [PENDING_APPROVAL] }')],
  ['what was denied', actions(', filter: { status: [DENIED] }')],
  ['what is pending or was denied', actions(', filter: { status: [PENDING_APPROVAL, DENIED] }')],
  ['one agent’s actions', actions(', filter: { agentId: ["agent-7"] }')],
  ['several agents’ actions', actions(', filter: { agentId: ["agent-7", "agent-9", "nobody"] }')],
  ['actions of a type', actions(', filter: { actionType: ["type-3"] }')],
  ['critical actions', actions(', filter: { riskLevel: [CRITICAL] }')],
  ['all of the audit log', auditLogs('')],
  ['the oldest entries', auditLogs(', orderBy: { direction: ASC }')],
  ['one rare type of entries', auditLogs(', filter: { actionType: ["policy_changed"] }')],
  ['two rare types of entries', auditLogs(', filter: { actionType: ["policy_changed", "user_changed"] }')],
  ['one reviewer’s entries', auditLogs(', filter: { actorId: ["5"] }')],
  ['two reviewers’ entries', auditLogs(', filter: { actorId: ["5", "6"] }')],
  ['one action’s entries', auditLogs(', filter: { actionId: ["1000007"] }')],
  ['several actions’ entries', auditLogs(', filter: { actionId: ["1000007", "1000008", "1099999"] }')],
  ['one correlation’s entries', auditLogs(', filter: { correlationId: ["correlation-7"] }')],
];

describe.each(LISTS)('a page of %s', (_what, query) => {
  it('reads a few rows of a busy organization', () => expectCheap(1, query, 12 * PAGE));

  it('reads no more rows of a quiet one than it has', () => expectCheap(101, query, 4 * QUIET));
});

it('a page deep in the audit log reads as many rows as the first', async () => {
  const cursor = async (direction: string, depth: number): Promise<string> => {
    const [row] = await gateway.database.sql<{ id: number; at: Date }>(
      `SELECT id, "timestamp" AS at FROM audit_log WHERE organization_id = 1 ORDER BY "timestamp" ${direction}, id ${direction} OFFSET $1 LIMIT 1`,
      [depth],
    );
    if (row === undefined) throw new Error('There is no such depth');
    return Buffer.from(JSON.stringify(['timestamp', row.at.toISOString(), row.id])).toString('base64url');
  };
  const after = await cursor('DESC', BUSY - 100);
  await expectCheap(1, auditLogs(`, after: "${after}"`), PAGE + 2);
});

it.each([
  ['is as long as is believed', 50_000],
  ['is shorter than is believed', 100],
])('the sealer reads only what waits, where its queue %s', async (_what, length) => {
  const batch = 64;
  const plan = await gateway.database.owner.transactionIf(
    async (sql) => {
      const run = (text: string, values: readonly unknown[] = []) =>
        sql.query<Explained>({ name: 'explained', text }, values);
      const fill = `INSERT INTO audit_pending (organization_id, audit_id)
        SELECT organization_id, id FROM audit_log WHERE organization_id = 1 ORDER BY id DESC LIMIT $1`;
      await run(fill, [50_000]);
      await run('ANALYZE audit_pending');
      await run('DELETE FROM audit_pending');
      await run(fill, [length]);
      const [row] = await run(`${EXPLAIN} ${SEAL_ENTRIES.text}`, [1, 0, batch]);
      return planIn(row);
    },
    () => false,
  );
  const scans = scansOf(plan);
  expect(scans.map(({ type }) => type)).not.toContain('Seq Scan');
  // The queue, the log, and the queue again as its places are given up.
  expect(scans.reduce((sum, { rows }) => sum + rows, 0)).toBe(3 * batch);
});

it('several filter values give the list’s order, page by page, as one value does, with the right count', async () => {
  const page = async (args: string): Promise<{ ids: string[]; end: string; total: number }> => {
    const answer = await gateway.graphql(
      `{ auditLogs(first: 50, filter: { actionType: ["policy_changed", "user_changed", "policy_changed"] }${args}) {
         totalCount edges { node { id } } pageInfo { endCursor } } }`,
      { user: 1 },
    );
    const { edges, pageInfo, totalCount } = answer.body.data.auditLogs;
    return { ids: edges.map((edge: any) => edge.node.id), end: pageInfo.endCursor, total: totalCount };
  };
  const expected = await gateway.database.sql<{ id: number }>(
    `SELECT id FROM audit_log WHERE organization_id = 1 AND action_type IN ('policy_changed', 'user_changed') ORDER BY "timestamp" DESC, id DESC`,
  );
  const all = expected.map(({ id }) => String(id));
  const first = await page('');
  const second = await page(`, after: "${first.end}"`);
  expect([...first.ids, ...second.ids]).toEqual(all.slice(0, 100));
  expect((await page(', offset: 30')).ids).toEqual(all.slice(30, 80));
  expect(first.total).toBe(all.length);
});
