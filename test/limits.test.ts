import { getIntrospectionQuery } from 'graphql';
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

/** The same field so many times, under other names. */
function aliases(count: number, field: string): string {
  return Array.from({ length: count }, (_, n) => `f${String(n)}: ${field}`).join(' ');
}

/** A list ten times, with 250 values of each of its nodes. */
function tenTimes(list: string, field: string): string {
  return aliases(10, `${list} { edges { node { ${aliases(250, field)} } } }`);
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
       fragment C on AuditLog { ${aliases(30, 'details')} }`,
    ],
    [
      'whose votes of actions of audit entries are too many',
      `{ actions(first: 100) { edges { node { auditLogs(first: 20) { edges { node { action { votes {
       ${aliases(15, 'reason')} } } } } } } } } }`,
    ],
    ['that reads all people too often', `{ ${tenTimes('users(first: 100)', 'name')} }`],
    [
      'that reads all policies too often',
      `{ approvalPolicy { ${tenTimes('history(first: 100)', 'reason')} } }`,
    ],
    ['that asks for the schema eleven times', `{ ${aliases(11, '__schema { description }')} }`],
    [
      'whose questions about the schema multiply',
      `{ __schema { types { fields { args { ${aliases(100, 'name')} type { ${aliases(100, 'name')} } } } } } }`,
    ],
    ['of eleven root fields', `{ ${aliases(11, 'viewer { id }')} }`],
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
      "a full page of a reviewer's queue, explained",
      `{ actions(first: 100, filter: { decidableByViewer: true }) { edges { node { id votes { verdict votedAt reason
       user { id name } } viewerCanApprove { ...Explained } viewerCanReject { ...Explained } } } totalCount } }
       fragment Explained on Eligibility { allowed code detail requiredLevel heldLevel riskLimit reasonRequired
       bulkAllowed approvalsMissing votes { verdict user { id name role } } }`,
    ],
    ['the standard introspection', getIntrospectionQuery()],
    ['ten root fields', `{ ${aliases(10, 'viewer { id }')} }`],
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
  beforeAll(async () => {
    await gateway.database.sql(
      `INSERT INTO actions (organization_id, agent_id, action_type, risk_score, submitted_by, status, decided_by_kind,
         decided_at, correlation_id)
       SELECT 1, 'bulk', 'bulk', 10, 4, 'denied', 'policy', now(), 'x' FROM generate_series(1, 20000)`,
    );
    await gateway.database.sql(
      `INSERT INTO actions (organization_id, agent_id, action_type, risk_score, submitted_by, submitted_at, expires_at, status)
       SELECT 1, 'bulk', 'bulk', 10, 4, now() - interval '1 day',
         CASE WHEN n <= 20 THEN now() - interval '1 hour' WHEN n % 2 = 0 THEN now() + interval '1 day' END,
         CASE WHEN n <= 10 THEN 'expired' ELSE 'pending_approval' END
       FROM generate_series(1, 2000) n`,
    );
    await gateway.database.sql('ANALYZE actions');
  });

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

  it.each([
    ['a status', 'status: [PENDING_APPROVAL]', `1 'pending_approval' 6`, 'actions_by_status', /Sort/],
    ["the viewer's own queue", 'decidableByViewer: true', '1 3 3 6', 'actions_by_status', /Sort/],
    // Stored as expired or overdue, which are few: to order them is nothing.
    ['what has expired', 'status: [EXPIRED]', `1 'expired' 6`, 'actions_by_expiry', /actions_by_submission/],
  ])(
    'of %s is read from its index, however many other rows there are',
    async (_what, filter, values, index, never) => {
      const { statements } = gateway.database;
      statements.length = 0;
      await gateway.graphql(`{ actions(filter: { ${filter} }, first: 5) { edges { node { id } } } }`, {
        user: 3,
      });
      const list = statements.find(({ name }) => name.startsWith('list_'));
      const bound = values.split(' ');
      const text = (list?.text ?? '').replace(/\$(\d)(::text\[\])?/g, (_all, n: string, isList?: string) => {
        const value = bound[Number(n) - 1] ?? '';
        return isList === undefined ? value : `ARRAY[${value}]`;
      });
      const plan = await gateway.database.sql<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`);
      const shown = plan.map((row) => row['QUERY PLAN']).join('\n');
      expect(shown).toContain(index);
      expect(shown).not.toContain('Seq Scan');
      expect(shown).not.toMatch(never);
    },
  );
});
