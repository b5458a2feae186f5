import { startGateway, type Gateway } from '../../support/gateway';

/** What people read of actions over GraphQL (docs/graphql-api.md#queries). */
const ANALYST = 4;
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
  await addTrickyActions();
});
afterAll(() => gateway.close());

/** An action as the tests' own filter reads it. */
interface Listed {
  readonly id: string;
  readonly status: string;
  readonly riskScore: number;
  readonly riskLevel: string;
  readonly agentId: string;
  readonly actionType: string;
  readonly submittedAt: string;
  readonly decidedAt: string | null;
  readonly decidedBy: { readonly id: string } | null;
  readonly [described: string]: unknown;
}

const LISTED = `id status riskScore riskLevel agentId agentName actionType description toolName targetSystem
  targetResource submittedAt decidedAt decidedBy { id }`;

async function listed(filter: string, variables?: Record<string, unknown>): Promise<Listed[]> {
  const head = variables === undefined ? '' : 'query ($filter: ActionFilter)';
  const query = `${head} { actions(first: 100, filter: ${filter}) { edges { node { ${LISTED} } } } }`;
  const { body } = await gateway.graphql(query, { user: ANALYST, ...(variables && { variables }) });
  if (body.errors !== undefined) throw new Error(JSON.stringify(body.errors));
  return body.data.actions.edges.map(({ node }: { node: Listed }) => node);
}

describe('an analyst who asks for one action', () => {
  it('reads all fields, with enums in upper case and times with milliseconds', async () => {
    const [{ id }] = (await gateway.database.sql<{ id: number }>(
      "SELECT id FROM actions WHERE description = '100% sure'",
    )) as [{ id: number }];
    const query = `{ action(id: "${String(id)}") { id agentId agentName actionType description toolName targetSystem
      targetResource parameters status riskScore riskLevel requiredApprovalLevel approvalsReceived approvalsRequired
      votes { verdict reason policyVersion votedAt user { id name } } submittedBy { id name role }
      submittedAt expiresAt decidedBy { id role approvalLevel maxRiskScore active } decidedAt reason correlationId } }`;
    const { body } = await gateway.graphql(query, { user: ANALYST });
    expect(body).toEqual({
      data: {
        action: {
          id: String(id),
          agentId: 'reader',
          agentName: 'The reader',
          actionType: 'email',
          description: '100% sure',
          toolName: 'smtp',
          targetSystem: 'mail',
          targetResource: 'inbox',
          parameters: { to: ['a@example.com'], deep: { n: 1.5 } },
          status: 'APPROVED',
          riskScore: 39.999,
          riskLevel: 'LOW',
          requiredApprovalLevel: 1,
          approvalsReceived: 1,
          approvalsRequired: 1,
          votes: [
            {
              verdict: 'APPROVE',
              reason: 'why not',
              policyVersion: 1,
              votedAt: '2026-01-02T00:00:00.120Z',
              user: { id: '42', name: 'Sue Senior' },
            },
          ],
          submittedBy: { id: '4', name: 'Ann Analyst', role: 'USER' },
          submittedAt: '2026-01-01T00:00:00.000Z',
          expiresAt: '2026-02-01T00:00:00.789Z',
          decidedBy: { id: '42', role: 'MANAGER', approvalLevel: 2, maxRiskScore: null, active: true },
          decidedAt: '2026-01-02T00:00:00.120Z',
          reason: 'why not',
          correlationId: 'action_20260102_000000_0123456789abcdef',
        },
      },
    });
  });

  it('gets null for an unknown id, and VALIDATION_ERROR for an invalid one', async () => {
    const unknown = await gateway.graphql('{ action(id: "9007199254740991") { id } }', { user: ANALYST });
    expect(unknown.body).toEqual({ data: { action: null } });
    for (const id of ['0', '-1', '1.5', 'x', '9007199254740992', '012345', '']) {
      const { body } = await gateway.graphql(`{ action(id: "${id}") { id } }`, { user: ANALYST });
      expect(body.errors).toMatchObject([{ extensions: { code: 'VALIDATION_ERROR', status: 422 } }]);
    }
  });
});

/** The tests' own search: anywhere in the texts of the action. */
const mentions = (text: string) => (action: Listed) =>
  ['agentId', 'agentName', 'actionType', 'description', 'toolName', 'targetSystem', 'targetResource'].some(
    (field) => (action[field] as string | null)?.includes(text) === true,
  );

describe('an analyst who filters the list of actions', () => {
  const T = '2026-01-01T00:00:00.500Z';
  const D = '2026-01-02T00:00:00.124Z';
  const at = (text: string | null): number => (text === null ? NaN : Date.parse(text));

  it.each<[string, string, (action: Listed) => boolean]>([
    ['a status', 'status: [EXPIRED]', (a) => a.status === 'EXPIRED'],
    ['waiting', 'status: [PENDING_APPROVAL]', (a) => a.status === 'PENDING_APPROVAL'],
    ['several statuses', 'status: [APPROVED, DENIED]', (a) => ['APPROVED', 'DENIED'].includes(a.status)],
    ['low risk', 'riskLevel: [LOW]', (a) => a.riskScore < 40],
    ['medium risk', 'riskLevel: [MEDIUM]', (a) => a.riskScore >= 40 && a.riskScore < 70],
    ['high risk', 'riskLevel: [HIGH]', (a) => a.riskScore >= 70 && a.riskScore < 85],
    ['critical risk', 'riskLevel: [CRITICAL]', (a) => a.riskScore >= 85],
    ['two risk levels apart', 'riskLevel: [LOW, CRITICAL]', (a) => a.riskScore < 40 || a.riskScore >= 85],
    ['a lowest score', 'minRiskScore: 69.999', (a) => a.riskScore >= 69.999],
    ['a highest score', 'maxRiskScore: 69.999', (a) => a.riskScore <= 69.999],
    [
      'a range of scores',
      'minRiskScore: 40, maxRiskScore: 69',
      (a) => a.riskScore >= 40 && a.riskScore <= 69,
    ],
    ['an agent', 'agentId: ["reader"]', (a) => a.agentId === 'reader'],
    ['agents', 'agentId: ["reader", "writer"]', (a) => ['reader', 'writer'].includes(a.agentId)],
    ['a type', 'actionType: ["email"]', (a) => a.actionType === 'email'],
    ['a decider', 'decidedBy: ["42"]', (a) => a.decidedBy?.id === '42'],
    ['deciders', 'decidedBy: [42, 2]', (a) => ['42', '2'].includes(a.decidedBy?.id ?? '')],
    ['a first moment', `submittedFrom: "${T}"`, (a) => at(a.submittedAt) >= at(T)],
    ['an end', `submittedTo: "${T}"`, (a) => at(a.submittedAt) < at(T)],
    ['decided from', `decidedFrom: "${D}"`, (a) => at(a.decidedAt) >= at(D)],
    ['decided to', `decidedTo: "${D}"`, (a) => at(a.decidedAt) < at(D)],
    [
      'a moment in another zone',
      `submittedTo: "2026-01-01T02:00:00.500+02:00"`,
      (a) => at(a.submittedAt) < at(T),
    ],
    ['words', 'search: "percent"', mentions('percent')],
    ['a percent sign', 'search: "100%"', mentions('100%')],
    ['an underscore', 'search: "snake_case"', mentions('snake_case')],
    ['a backslash', String.raw`search: "C:\\temp"`, mentions('C:\\temp')],
    ['a backslash before a percent sign', String.raw`search: "\\%"`, mentions('\\%')],
    ['a quote', `search: "it's"`, mentions("it's")],
    [
      'several things at once',
      'status: [PENDING_APPROVAL], riskLevel: [HIGH], agentId: ["writer"], search: "snake"',
      (a) =>
        a.status === 'PENDING_APPROVAL' &&
        a.riskLevel === 'HIGH' &&
        a.agentId === 'writer' &&
        mentions('snake')(a),
    ],
  ])('by %s gets exactly the matching actions', async (_what, filter, matches) => {
    const all = await listed('{}');
    const expected = all.filter(matches).map(({ id }) => id);
    // Neither none nor all, or the filter could not fail.
    expect(expected.length).toBeGreaterThan(0);
    expect(expected.length).toBeLessThan(all.length);
    expect((await listed(`{ ${filter} }`)).map(({ id }) => id)).toEqual(expected);
  });

  it('by a range has its start included and its end excluded, to the millisecond', async () => {
    const moments = async (from: string, to: string) =>
      (await listed(`{ submittedFrom: "${from}", submittedTo: "${to}" }`)).map(
        ({ submittedAt }) => submittedAt,
      );
    const [before, after] = ['2026-01-01T00:00:00.499Z', '2026-01-01T00:00:00.501Z'];
    expect(await moments(T, after)).toEqual([T]);
    expect(await moments(before, T)).toEqual([]);
    expect(await moments(after, '2026-01-01T00:00:00.600Z')).toEqual([]);
  });

  it('can give the same filter as variables', async () => {
    const filter = {
      status: ['APPROVED'],
      decidedBy: [42],
      submittedFrom: '2026-01-01T00:00:00Z',
      search: '100%',
    };
    expect(await listed('$filter', { filter })).toHaveLength(1);
  });

  it('learns which filters are invalid', async () => {
    for (const filter of ['decidedBy: ["x"]', 'decidedBy: ["0"]'])
      await expect(listed(`{ ${filter} }`)).rejects.toThrow('VALIDATION_ERROR');
    for (const filter of ['status: [pending_approval]', 'riskLevel: ["LOW"]', 'minRiskScore: "40"'])
      await expect(listed(`{ ${filter} }`)).rejects.toThrow('VALIDATION');
    for (const filter of [
      { search: 'a\0b' },
      { search: '\ud800' },
      { agentId: ['a\0b'] },
      { actionType: ['\0'] },
    ])
      await expect(listed('$filter', { filter })).rejects.toThrow('VALIDATION_ERROR');
  });

  it('learns that a time is invalid, and never that the gateway failed', async () => {
    for (const moment of ['2026-13-01T00:00:00Z', '2026-01-01', 'yesterday', 5])
      await expect(listed('$filter', { filter: { submittedFrom: moment } })).rejects.toThrow(
        'VALIDATION_ERROR',
      );
  });
});

interface Fate {
  readonly decided_by?: number;
  readonly kind?: 'policy';
  readonly status?: 'expired';
  readonly expires_at?: string;
}

/** Actions at the edges of every filter, with submission 100 ms and decision 1 ms apart. */
async function addTrickyActions(): Promise<void> {
  const tricky: readonly (readonly [string, string, string, number, Fate?])[] = [
    ['reader', 'email', '100% sure', 39.999, { decided_by: 42, expires_at: '2026-02-01T00:00:00.789Z' }],
    ['reader', 'email', '100 percent', 40, { decided_by: 2 }],
    ['writer', 'snake_case', 'snake', 70],
    ['writer', 'snakeXcase', 'snake', 84.999],
    ['writer', 'path', 'C:\\temp', 69.999, { decided_by: 42 }],
    ['writer', 'path', 'C:\temp', 85, { decided_by: 1 }],
    ['odd', 'path', '50\\% of C:temp', 0, { status: 'expired', expires_at: '2026-01-01T00:01:00Z' }],
    ['odd', 'path', "it's", 100, { kind: 'policy' }],
    ['odd', 'path', 'overdue', 55, { expires_at: '2026-01-01T00:01:00Z' }],
  ];
  for (const [n, [agent_id, action_type, description, risk_score, fate = {}]] of tricky.entries()) {
    const kind = fate.decided_by === undefined ? fate.kind : 'user';
    const action = {
      ...{ agent_id, action_type, description, risk_score, status: 'pending_approval', ...fate },
      ...(kind !== undefined && {
        kind,
        status: n % 2 === 0 ? 'approved' : 'denied',
        reason: 'why not',
        correlation_id: 'action_20260102_000000_0123456789abcdef',
      }),
    };
    await gateway.database.sql(
      `INSERT INTO actions (organization_id, agent_id, agent_name, action_type, description, tool_name, target_system,
         target_resource, parameters, risk_score, status, submitted_by, submitted_at, expires_at, decided_by_kind,
         decided_by, decided_at, reason, correlation_id)
       SELECT 1, r.agent_id, 'The ' || r.agent_id, r.action_type, r.description, 'smtp', 'mail', 'inbox',
         '{"to": ["a@example.com"], "deep": {"n": 1.5}}', r.risk_score, r.status, 4, $2, r.expires_at, r.kind,
         r.decided_by, $3, r.reason, r.correlation_id
       FROM jsonb_to_record($1::jsonb) r(agent_id text, action_type text, description text, risk_score double precision,
         status text, expires_at timestamptz, kind text, decided_by bigint, reason text, correlation_id text)`,
      [
        JSON.stringify(action),
        new Date(Date.parse('2026-01-01T00:00:00.000Z') + n * 100),
        kind === undefined ? null : new Date(Date.parse('2026-01-02T00:00:00.120Z') + n),
      ],
    );
  }
  await gateway.database.sql(
    `WITH voted AS (UPDATE actions SET approvals = 1 WHERE description = '100% sure' RETURNING *)
     INSERT INTO votes (organization_id, action_id, user_id, verdict, reason, policy_version, voted_at)
     SELECT 1, id, decided_by, 'approve', reason, 1, decided_at FROM voted`,
  );
}
