import { startGateway, type Gateway } from './support/gateway';

/** How much a reader can ask of one operation, and that what is asked often stays few statements. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

/** `action { auditLogs { … { action { … } } } }`, this many turns. */
function turns(count: number, page = ''): string {
  const inner =
    count === 0 ? 'id' : `auditLogs${page} { edges { node { action { ${turns(count - 1, page)} } } } }`;
  return inner;
}

async function codeOf(query: string, variables?: Record<string, unknown>): Promise<string | null> {
  const { body } = await gateway.graphql(query, { user: 4, ...(variables && { variables }) });
  return body.errors?.[0]?.extensions.code ?? null;
}

describe('an analyst is refused an operation', () => {
  it.each([
    ['that goes round from actions to audit entries and back', `{ action(id: 12345) { ${turns(3)} } }`],
    [
      'whose lists in lists hold too much',
      `{ actions(first: 100) { edges { node { ${turns(2, '(first: 100)')} } } } }`,
    ],
    [
      'whose fragments multiply what they spread',
      `{ action(id: 12345) { ...A } }
       fragment A on Action { auditLogs(first: 100) { edges { node { action { ...B } } } } }
       fragment B on Action { auditLogs(first: 100) { edges { node { ...C x: action { id } } } } }
       fragment C on AuditLog { ${Array.from({ length: 30 }, (_, n) => `f${String(n)}: details`).join(' ')} }`,
    ],
    [
      'of eleven root fields',
      `{ ${Array.from({ length: 11 }, (_, n) => `a${String(n)}: viewer { id }`).join(' ')} }`,
    ],
  ])('%s', async (_what, query) => {
    expect(await codeOf(query)).toBe('VALIDATION_ERROR');
    expect((await gateway.rest('GET', '/readyz')).status).toBe(200);
  });

  it('whose page size comes in a variable', async () => {
    const query = `query ($n: Int) { actions(first: $n) { edges { node { ${turns(2, '(first: $n)')} } } } }`;
    expect(await codeOf(query, { n: 100 })).toBe('VALIDATION_ERROR');
    expect(await codeOf(query, { n: 10 })).toBeNull();
    // A default that nobody overrides is a size too.
    const byDefault = (size: number): string => query.replace('$n: Int', `$n: Int = ${String(size)}`);
    expect(await codeOf(byDefault(100))).toBe('VALIDATION_ERROR');
    expect(await codeOf(byDefault(100), { n: 10 })).toBeNull();
    expect(await codeOf(byDefault(10))).toBeNull();
  });
});

describe('an analyst is answered', () => {
  it.each([
    [
      'a full page with what belongs to it',
      `{ actions(first: 100) { edges { node { id status
       submittedBy { name } decidedBy { name } viewerCanApprove { allowed code } auditLogs(first: 5) { edges { node {
       id details timestamp actor { name } } } } } } totalCount } }`,
    ],
    [
      'ten root fields',
      `{ ${Array.from({ length: 10 }, (_, n) => `a${String(n)}: viewer { id }`).join(' ')} }`,
    ],
    [
      'the introspection of deeply wrapped types',
      `{ __schema { types { fields { type { ofType { ofType { ofType {
       ofType { ofType { ofType { ofType { ofType { ofType { name } } } } } } } } } } } } } }`,
    ],
  ])('%s', async (_what, query) => {
    expect(await codeOf(query)).toBeNull();
  });
});

describe('a list that is asked for again and again', () => {
  it('is one statement, in whatever order and how often its risk levels are named', async () => {
    const { statements } = gateway.database;
    statements.length = 0;
    for (const levels of ['LOW, HIGH', 'HIGH, LOW', 'HIGH, LOW, HIGH', 'LOW, LOW, HIGH, HIGH'])
      await gateway.graphql(`{ actions(filter: { riskLevel: [${levels}] }) { edges { node { id } } } }`, {
        user: 4,
      });
    const lists = statements.filter(({ name }) => name.startsWith('list_'));
    expect(lists).toHaveLength(4);
    expect(new Set(lists.map(({ name }) => name)).size).toBe(1);
  });

  it('of one status is read from the index in its order, however many rows have another status', async () => {
    await gateway.database.sql(
      `INSERT INTO actions (organization_id, agent_id, action_type, risk_score, submitted_by, status, decided_by_kind,
         decided_at, correlation_id)
       SELECT 1, 'bulk', 'bulk', 10, 4, 'denied', 'policy', now(), 'x' FROM generate_series(1, 20000)`,
    );
    await gateway.database.sql('ANALYZE actions');
    const { statements } = gateway.database;
    statements.length = 0;
    await gateway.graphql(
      '{ actions(filter: { status: [PENDING_APPROVAL] }, first: 5) { edges { node { id } } } }',
      {
        user: 4,
      },
    );
    const list = statements.find(({ name }) => name.startsWith('list_'));
    const text = (list?.text ?? '').replace('$1', '1').replace('$2', `'pending_approval'`).replace('$3', '6');
    const plan = await gateway.database.sql<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`);
    const shown = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(shown).toContain('actions_by_status');
    expect(shown).not.toMatch(/Seq Scan|Sort/);
  });
});
