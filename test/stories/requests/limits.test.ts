import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getIntrospectionQuery, parse, print, separateOperations, specifiedRules, validate } from 'graphql';
import { makeSchemaForPrinting } from '../../../src/app';
import { PARSE_LIMITS, withinLimits } from '../../../src/graphql/limits';
import { startGateway, type Gateway } from '../../support/gateway';
import { graphqlBody, graphqlCodeOf } from '../../support/refusals';

/** How much a reader can request in one operation, and that repeated fields need few statements. */
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
function aliases(count: number, field: string, from = 0): string {
  return Array.from({ length: count }, (_, n) => `f${String(from + n)}: ${field}`).join(' ');
}

/** One fragment, spread so many times. */
function spreads(count: number): string {
  return `{ viewer { ${'...Name '.repeat(count)} } } fragment Name on User { name }`;
}

/** Fragments that each spread the next one twice; the last one selects the name. */
function bomb(fuses: number): string {
  return Array.from({ length: fuses }, (_, n) => {
    const next = `...F${String(n + 1)}`;
    return `fragment F${String(n)} on User { ${n < fuses - 1 ? `${next} ${next}` : 'name'} }`;
  }).join(' ');
}

const ENTRY = `id actionType actorKind actionId timestamp details reason refusalCode riskScore requiredLevel heldLevel
  policyVersion ipAddress userAgent correlationId clientCorrelationId`;
const ACTION = `id agentId agentName actionType description toolName targetSystem targetResource status riskScore
  riskLevel submittedAt reason correlationId`;

async function codeOf(query: string, variables?: Record<string, unknown>): Promise<string | null> {
  const answer = await gateway.graphql(query, { user: 4, ...(variables && { variables }) });
  return graphqlCodeOf(answer) ?? null;
}

const COST = 'VALIDATION_ERROR';
const RULE = 'GRAPHQL_VALIDATION_FAILED';
const LENGTH = 'GRAPHQL_PARSE_FAILED';

describe('an analyst is refused an operation', () => {
  it.each([
    [RULE, 'that goes round from actions to audit entries and back', `{ action(id: 12345) { ${turns(3)} } }`],
    [RULE, 'of fifty-one spread fragments', spreads(51)],
    [
      RULE,
      'of thirteen levels',
      `{ actions { edges { node { auditLogs { edges { node { action { auditLogs { edges { node { action {
       submittedBy { id } } } } } } } } } } } } }`,
    ],
    [
      COST,
      'whose lists in lists hold too much',
      `{ actions(first: 100) { edges { node { ${turns(2, '(first: 100)')} } } } }`,
    ],
    [
      COST,
      'whose fragments multiply what they spread',
      `{ action(id: 12345) { ...A } }
       fragment A on Action { auditLogs(first: 100) { edges { node { action { ...B } } } } }
       fragment B on Action { auditLogs(first: 100) { edges { node { ...C action { ${ACTION} } } } } }
       fragment C on AuditLog { ${ENTRY} }`,
    ],
    [
      COST,
      'whose votes of actions of audit entries are too many',
      `{ actions(first: 100) { edges { node { auditLogs(first: 20) { edges { node { action { votes {
       ${aliases(15, 'reason')} } } } } } } } } }`,
    ],
    [
      COST,
      'whose questions about the schema multiply',
      `{ __schema { types { fields { args { type { fields { args { type { ${aliases(12, 'name')} ${'} '.repeat(9)}`,
    ],
    [RULE, 'of eleven root fields', `{ ${aliases(11, 'viewer { id }')} }`],
    [RULE, 'that asks for the schema eleven times', `{ ${aliases(11, '__schema { description }')} }`],
    [RULE, 'of sixteen aliases', `{ viewer { ${aliases(16, 'name')} } }`],
    [RULE, 'of sixteen aliases of __typename', `{ viewer { ${aliases(16, '__typename')} } }`],
    [
      RULE,
      'whose fragments hold sixteen aliases once they are spread',
      `{ viewer { ...A } action(id: 1) { submittedBy { ...A } decidedBy { ...A } votes { user { ...A } } } }
       fragment A on User { ${aliases(4, 'name')} }`,
    ],
    [RULE, 'that repeats one field sixteen times', `{ viewer { id ${'id '.repeat(16)} } }`],
    [RULE, 'that repeats it in fragments within', `{ viewer { id ${'... { id } '.repeat(16)} } }`],
    [RULE, 'of eleven directives', `{ viewer { ${aliases(11, 'id @skip(if: false)')} } }`],
    [RULE, 'with a fragment bomb', `{ viewer { ...F0 } } ${bomb(40)}`],
    [RULE, 'with a small one', `{ viewer { ...F0 } } ${bomb(6)}`],
    [RULE, 'with a fragment that spreads itself', '{ viewer { ...A } } fragment A on User { id ...A }'],
    [
      RULE,
      'beside one that is too deep',
      `query A { viewer { id } } query B { action(id: 1) { ${turns(3)} } }`,
    ],
    [LENGTH, 'of more than 1,000 tokens', `{ viewer { id } } ${'{ viewer { id } } '.repeat(200)}`],
    [LENGTH, 'that is 50,000 fields deep', `${'{a'.repeat(50_000)}${'}'.repeat(50_000)}`],
  ])('%s %s', async (code, _what, query) => {
    expect(await codeOf(query)).toBe(code);
    expect((await gateway.rest('GET', '/readyz')).status).toBe(200);
  });

  it('whose page size comes in a variable', async () => {
    const query = `query ($n: Int) { actions(first: $n) { edges { node { ${turns(2, '(first: $n)')} } } } }`;
    expect(await codeOf(query, { n: 100 })).toBe('VALIDATION_ERROR');
    expect(await codeOf(query, { n: 10 })).toBeNull();
    // A default that no variable overrides is a size too.
    const byDefault = (size: number): string => query.replace('$n: Int', `$n: Int = ${String(size)}`);
    expect(await codeOf(byDefault(100))).toBe('VALIDATION_ERROR');
    expect(await codeOf(byDefault(100), { n: 10 })).toBeNull();
    expect(await codeOf(byDefault(10))).toBeNull();
  });
});

/** Fields of the actions of a hundred audit entries of each of a hundred actions. */
const ofTenThousand = (fields: string): string =>
  `{ actions(first: 100) { edges { node { auditLogs(first: 100) { edges { node { action { ${fields} } } } } } } } }`;

it('an analyst may select the ids and types of ten thousand actions, and not their JSON and long texts, which weigh more', async () => {
  expect(await codeOf(ofTenThousand('id actionType'))).toBeNull();
  for (const fields of ['parameters description', 'parameters context riskIndicators'])
    expect(await codeOf(ofTenThousand(fields))).toBe(COST);
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
    ['fifteen aliases', `{ viewer { ${aliases(15, 'name')} } }`],
    ['ten directives', `{ viewer { id @skip(if: false) ${aliases(9, 'name @include(if: true)')} } }`],
    [
      'twelve levels',
      '{ actions { edges { node { auditLogs { edges { node { action { auditLogs { edges { node { actor { id } } } } } } } } } } } }',
    ],
    ['fragments in fragments', `{ viewer { ...F0 } } ${bomb(5)}`],
    ['fifty spread fragments', spreads(50)],
    [
      'the introspection of deeply wrapped types',
      `{ __schema { types { fields { type { ofType { ofType { ofType {
       ofType { ofType { ofType { ofType { ofType { ofType { name } } } } } } } } } } } } } }`,
    ],
  ])('%s', async (_what, query) => {
    expect(await codeOf(query)).toBeNull();
  });
});

describe("a frontend's developer", () => {
  const TYPOS: readonly (readonly [string, Record<string, unknown>?])[] = [
    ['{ viewer { nam } }'],
    ['{ actions(filter: { riskLevel: [LOWW] }) { totalCount } }'],
    [
      'query ($filter: ActionFilter) { actions(filter: $filter) { totalCount } }',
      { filter: { riskLevels: [] } },
    ],
    [
      'query ($filter: ActionFilter) { actions(filter: $filter) { totalCount } }',
      { filter: { riskLevel: ['LOWW'] } },
    ],
  ];

  it('learns in development what was probably meant, and in production nothing that the document did not hold', async () => {
    const production = await startGateway({ database: gateway.database, anonymousIntrospection: false });
    try {
      for (const [query, variables = {}] of TYPOS) {
        const told = await gateway.graphql(query, { user: 4, variables });
        expect(told.text).toContain('Did you mean');
        const hidden = await production.graphql(query, { user: 4, variables });
        expect(hidden.text).toContain('"errors"');
        expect(hidden.text).not.toMatch(/did you mean|stacktrace|node_modules/i);
      }
    } finally {
      await production.close();
    }
  });

  it('runs one operation of many in a document of nearly 1,000 tokens', async () => {
    const query = Array.from({ length: 124 }, (_, n) => `query Q${String(n)} { viewer { id } }`).join(' ');
    const body = { query, operationName: 'Q77' };
    const answer = await gateway.rest('POST', '/graphql', { user: 4, body });
    expect(answer.body).toEqual({ data: { viewer: { id: '4' } } });
  });

  it('gets the first nine faults of a document, and is told that there are more', async () => {
    const query = `{ viewer { ${Array.from({ length: 100 }, (_, n) => `x${String(n)}`).join(' ')} } }`;
    const { errors = [] } = graphqlBody(await gateway.graphql(query, { user: 4 }));
    expect(errors).toHaveLength(10);
    expect(errors.at(-1)?.message).toContain('Too many validation errors');
  });

  it('finds every document of this project within the limits', () => {
    const folder = join(__dirname, '..', '..', '..', 'src');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.graphql'),
    );
    expect(files.length).toBeGreaterThanOrEqual(8);
    const schema = makeSchemaForPrinting();
    for (const file of files) {
      const operations = separateOperations(parse(readFileSync(join(folder, file), 'utf8')));
      for (const operation of Object.values(operations)) {
        const document = parse(print(operation), PARSE_LIMITS);
        expect([file, validate(schema, document, [...specifiedRules, withinLimits])]).toEqual([file, []]);
      }
    }
  });
});

describe('a list that is requested repeatedly', () => {
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
    // Stored as expired or overdue, which are few: sorting them costs nothing.
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
