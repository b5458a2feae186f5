import { startGateway, type Gateway } from '../../support/gateway';

/** The sums over the audit log that analysts read. */
let gateway: Gateway;

const ANALYST = 104;

/** Moments of entries and what happened at each; every action was submitted on 10 January at midnight. */
const ENTRIES = [
  { at: '2026-01-10T00:00:10Z', type: 'action_approved', user: 142, score: 20, verdict: 'approve' },
  { at: '2026-01-10T00:00:20Z', type: 'action_approved', user: 142, score: 50, verdict: 'approve' },
  { at: '2026-01-10T00:01:00Z', type: 'vote_recorded', user: 142, score: 90, verdict: 'approve' },
  { at: '2026-01-10T00:01:40Z', type: 'action_denied', user: 101, score: 90, verdict: 'reject' },
  {
    ...{ at: '2026-01-10T12:00:00Z', type: 'decision_refused', user: 142, score: 90, verdict: 'approve' },
    code: 'APPROVAL_LEVEL_REQUIRED',
  },
  {
    at: '2026-01-10T23:59:59.999Z',
    type: 'decision_refused',
    key: 7,
    verdict: 'reject',
    code: 'JWT_REQUIRED',
  },
  { at: '2026-01-11T00:00:00Z', type: 'action_approved', user: 101, score: 39.5, verdict: 'approve' },
  { at: '2026-01-11T05:00:00Z', type: 'action_expired', score: 75 },
  // What is neither a decision nor a denied attempt counts nowhere.
  { at: '2026-01-10T13:00:00Z', type: 'policy_changed', user: 101 },
  { at: '2026-01-10T13:00:00Z', type: 'action_submitted', user: 104, score: 20 },
];

beforeAll(async () => {
  gateway = await startGateway();
  await add(2, ENTRIES);
  await add(1, [
    { at: '2026-01-10T00:00:10Z', type: 'action_approved', user: 42, score: 20, verdict: 'approve' },
  ]);
});
afterAll(() => gateway.close());

async function add(organizationId: number, entries: readonly object[]): Promise<void> {
  await gateway.database.sql(
    `WITH entry AS (
       SELECT *, 7000000 + $1 * 1000 + n AS action_id
       FROM json_to_recordset($2::json) AS e(n bigint, at timestamptz, type text, "user" bigint, key bigint,
         score double precision, verdict text, code text)
     ),
     action AS (
       INSERT INTO actions (organization_id, id, agent_id, action_type, risk_score, submitted_by, submitted_at)
       SELECT $1, action_id, 'agent', 'test', coalesce(score, 0), (SELECT min(id) FROM users WHERE organization_id = $1),
         '2026-01-10T00:00:00Z'
       FROM entry
     )
     INSERT INTO audit_log (organization_id, action_type, "timestamp", actor_kind, actor_id, action_id, verdict, refusal_code,
       risk_score, details, correlation_id, canonical, leaf_hash)
     SELECT $1, type, at, CASE WHEN "user" IS NOT NULL THEN 'user' WHEN key IS NOT NULL THEN 'api_key' ELSE 'system' END,
       coalesce("user", key), action_id, verdict, code, score, 'made', 'made', '', sha256('')
     FROM entry`,
    [organizationId, JSON.stringify(entries.map((entry, n) => ({ n, ...entry })))],
  );
}

async function sums(
  groupBy: string,
  from = '2026-01-10T00:00:00Z',
  to = '2026-01-12T00:00:00Z',
): Promise<unknown[]> {
  const { body } = await gateway.graphql(
    `query ($groupBy: AuditSummaryKey!, $from: DateTime, $to: DateTime) {
       auditSummary(groupBy: $groupBy, from: $from, to: $to) {
         key approved denied votes refused expired medianSecondsToDecide p95SecondsToDecide } }`,
    { user: ANALYST, variables: { groupBy, from, to } },
  );
  return (body.data.auditSummary as Record<string, unknown>[]).map((group) => Object.values(group));
}

it.each([
  [
    'DAY',
    [
      ['2026-01-11', 1, 0, 0, 0, 1, 86_400, 86_400],
      ['2026-01-10', 2, 1, 1, 2, 0, 20, 92],
    ],
  ],
  [
    'VERDICT',
    [
      ['reject', 0, 1, 0, 1, 0, 100, 100],
      ['approve', 3, 0, 1, 1, 0, 20, 77_762],
      [null, 0, 0, 0, 0, 1, null, null],
    ],
  ],
  [
    'RISK_LEVEL',
    [
      ['medium', 1, 0, 0, 0, 0, 20, 20],
      ['low', 2, 0, 0, 0, 0, 43_205, 82_080.5],
      ['high', 0, 0, 0, 0, 1, null, null],
      ['critical', 0, 1, 1, 1, 0, 100, 100],
      [null, 0, 0, 0, 1, 0, null, null],
    ],
  ],
  [
    'REVIEWER',
    [
      ['142', 2, 0, 1, 1, 0, 15, 19.5],
      ['101', 1, 1, 0, 0, 0, 43_250, 82_085],
      [null, 0, 0, 0, 1, 1, null, null],
    ],
  ],
  [
    'REFUSAL_CODE',
    [
      ['JWT_REQUIRED', 0, 0, 0, 1, 0, null, null],
      ['APPROVAL_LEVEL_REQUIRED', 0, 0, 0, 1, 0, null, null],
    ],
  ],
])(
  'an analyst gets the counts and times to decide of their own organization by %s',
  async (key, expected) => {
    const groups = (await sums(key)).map((group) =>
      (group as unknown[]).map((cell) => (typeof cell === 'number' ? Number(cell.toFixed(3)) : cell)),
    );
    expect(groups).toEqual(expected);
  },
);

it('an analyst who asks for a time range gets its start included and its end excluded', async () => {
  const between = (from: string, to: string) => sums('VERDICT', from, to);
  expect(await between('2026-01-10T00:00:10Z', '2026-01-10T00:00:20Z')).toEqual([
    ['approve', 1, 0, 0, 0, 0, 10, 10],
  ]);
  expect(await between('2026-01-10T00:00:10.001Z', '2026-01-10T00:00:20Z')).toEqual([]);
  expect(await between('2026-01-10T00:00:10Z', '2026-01-10T00:00:20.001Z')).toEqual([
    ['approve', 2, 0, 0, 0, 0, 15, 19.5],
  ]);
});

it('an analyst costs the database one statement, whether a sum covers nothing or years', async () => {
  const statementsOf = async (from: string, to: string): Promise<string[]> => {
    gateway.database.statements.length = 0;
    await sums('REVIEWER', from, to);
    return gateway.database.statements.map(({ name }) => name);
  };
  const [none, all] = [
    await statementsOf('2020-01-01T00:00:00Z', '2020-01-02T00:00:00Z'),
    await statementsOf('2020-01-01T00:00:00Z', '2030-01-01T00:00:00Z'),
  ];
  expect(all).toEqual(none);
  expect(all.filter((name) => name.startsWith('audit_summary'))).toEqual(['audit_summary_by_reviewer']);
});
