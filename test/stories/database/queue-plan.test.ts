import { startGateway, type Gateway } from '../../support/gateway';

/** Far more than a page, and than the planner takes the queue for. */
const PENDING = 50_000;

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
  const { database } = gateway;
  await database.sql('ALTER TABLE actions SET (autovacuum_enabled = false)');
  // Statistics of a time when hardly anything was pending.
  await database.sql(
    `INSERT INTO actions (organization_id, agent_id, action_type, risk_score, submitted_by, status, decided_by_kind, decided_at, correlation_id)
     SELECT 1, 'agent', 'test', n % 101, 4, 'approved', 'policy', now(), 'c' FROM generate_series(1, 5000) n`,
  );
  await database.sql('ANALYZE actions');
  await database.sql(
    `INSERT INTO actions (organization_id, agent_id, action_type, risk_score, submitted_by)
     SELECT 1, 'agent', 'test', n % 101, 4 FROM generate_series(1, $1::integer) n`,
    [PENDING],
  );
}, 300_000);
afterAll(() => gateway.close());

interface PlanNode {
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

function rowsReadIn(node: PlanNode): number {
  const own = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
  const below = (node.Plans ?? []).reduce((sum, plan) => sum + rowsReadIn(plan), 0);
  return (node['Relation Name'] === undefined ? 0 : own) + below;
}

it.each([
  ['', 1_000],
  // Counting ends at 10,000.
  ['totalCount', 60_000],
])(
  'a page of a long queue reads a few of its rows, though the statistics are stale (%s)',
  async (count, most) => {
    const { statements } = gateway.database;
    statements.length = 0;
    const query = `{ actions(filter: { decidableByViewer: true }) { ${count} edges { node { id } } } }`;
    const { body } = await gateway.graphql(query, { user: 2 });
    expect(body.data.actions.edges).toHaveLength(25);
    const settings = statements.find(({ name }) => name === 'follow_indexes');
    const lists = statements.filter(({ name }) => name.startsWith('list_'));
    expect(lists).toHaveLength(count === '' ? 1 : 2);
    let read = 0;
    for (const { text, values } of lists)
      read += await gateway.database.owner.transaction(async (sql) => {
        if (settings !== undefined) await sql.query({ name: 'settings', text: settings.text }, []);
        const explain = `EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) ${text}`;
        const [row] = await sql.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
          { name: 'explain', text: explain },
          values,
        );
        return row === undefined ? Infinity : rowsReadIn(row['QUERY PLAN'][0].Plan);
      });
    expect(read).toBeLessThan(most);
  },
);
