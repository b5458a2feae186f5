import { decide, APIS, VERDICTS, type Api, type Verdict } from '../../support/apis';
import { startGateway, type Gateway } from '../../support/gateway';
import { changePolicy, DEFAULTS, policyOf } from '../../support/policies';
import { newPolicy, REVIEWERS, startRace } from '../../support/racing';

/**
 * An admin's setting counts for the very next decision, over every API and in every process, and is on the decision's
 * record.
 */
let gateways: readonly [Gateway, Gateway];
let gateway: Gateway;
let other: Gateway;
let close: () => Promise<void>;

const [ADMIN, SECURITY_MANAGER, MANAGER, LIMITED, SENIOR] = [1, 2, 3, 5, 42];
/** Managers of level 4 without a limit. */
const [ANN = 0, BOB = 0, CAT = 0] = REVIEWERS;
const RISK_LEVELS = ['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'];
/** The first and the last score of each risk level. */
const EDGES = { low: [0, 39.999], medium: [40, 69.999], high: [70, 84.999], critical: [85, 100] };
const SCORES = Object.values(EDGES).flat();

beforeAll(async () => {
  const race = await startRace();
  ({ gateways, close } = race);
  [gateway, other] = gateways;
});
afterAll(() => close());
beforeEach(() => gateway.database.sql(newPolicy({})));

/** An attempt of a person, and its outcome: a refusal's code, or null. */
interface Attempt {
  readonly user: number;
  readonly score: number;
  readonly submitter?: number;
  readonly reason?: string;
}

/** Makes the attempt on an action of its own through every gateway and API, and checks the answer and the record. */
async function expectEverywhere(
  { user, score, reason, submitter = 4 }: Attempt,
  code: string | null,
  facts: object = {},
): Promise<void> {
  const { version } = await policyOf(gateway, ADMIN);
  const ways = gateways.flatMap((through) => APIS.map((api) => ({ through, api })));
  const actions = await gateway.addActions(
    ways.map(() => score),
    { submitter },
  );
  await Promise.all(
    ways.map(async ({ through, api }, n) => {
      const verdict = n % 3 === 0 ? 'approve' : 'reject';
      const action = actions[n] ?? 0;
      const outcome = await decide(through, api, verdict, action, { user, reason });
      expect({ api, verdict, code: outcome.code }).toEqual({ api, verdict, code });
      expect(outcome.facts).toMatchObject(facts);
      expect(await recordOf(action)).toEqual(recorded(verdict, code, version));
    }),
  );
}

const recorded = (verdict: Verdict, code: string | null, version: number) =>
  code === null
    ? { type: verdict === 'approve' ? 'action_approved' : 'action_denied', code, version, votes: [version] }
    : { type: 'decision_refused', code, version, votes: null };

/** The last entry about an action, and the policy versions of its votes. */
async function recordOf(action: number): Promise<unknown> {
  const [row] = await gateway.database.sql(
    `SELECT action_type AS type, refusal_code AS code, policy_version AS version,
       (SELECT array_agg(policy_version ORDER BY voted_at) FROM votes v WHERE v.action_id = l.action_id) AS votes
     FROM audit_log l WHERE action_id = $1 ORDER BY id DESC LIMIT 1`,
    [action],
  );
  return row;
}

const LEVEL = 'APPROVAL_LEVEL_REQUIRED';
const LIMIT = 'RISK_LIMIT_EXCEEDED';
const levels = (required_level: number, held_level: number) => ({ required_level, held_level });
type Change = [
  what: string,
  patch: object,
  of: Attempt,
  before: string | null,
  after: string | null,
  facts?: object,
];

// prettier-ignore
const CHANGES: readonly Change[] = [
  ['switches levels off', { approvalLevels: false }, { user: MANAGER, score: 90 }, LEVEL, null],
  ['raises the level of low risk', { requiredLevels: { low: 2 } }, { user: MANAGER, score: 10 }, null, LEVEL, levels(2, 1)],
  ['lowers the level of critical risk', { requiredLevels: { critical: 1 } }, { user: MANAGER, score: 100 }, LEVEL, null],
  ["raises the managers' level", { roleLevels: { manager: 2 } }, { user: MANAGER, score: 50 }, LEVEL, null],
  ["lowers the managers' level", { roleLevels: { manager: 0 } }, { user: MANAGER, score: 10 }, null, LEVEL, levels(1, 0)],
  ["lowers the managers' level, for one with their own", { roleLevels: { manager: 0 } }, { user: SENIOR, score: 50 }, null, null],
  ["lowers the security managers' level", { roleLevels: { securityManager: 2 } }, { user: SECURITY_MANAGER, score: 72 }, null, LEVEL, levels(3, 2)],
  ["lowers the admins' level", { roleLevels: { admin: 3 } }, { user: ADMIN, score: 90 }, null, LEVEL, levels(4, 3)],
  ['limits managers', { managerMaxRiskScore: 50 }, { user: ANN, score: 50.1 }, null, LIMIT, { risk_score: 50.1, risk_limit: 50 }],
  ['limits managers to just that', { managerMaxRiskScore: 50 }, { user: ANN, score: 50 }, null, null],
  ['limits managers, for one with a higher limit', { managerMaxRiskScore: 20 }, { user: LIMITED, score: 25 }, null, null],
  ['limits managers, for one with a lower limit', { managerMaxRiskScore: 39 }, { user: LIMITED, score: 30.5 }, LIMIT, LIMIT, { risk_limit: 30 }],
  ['limits managers, for a security manager', { managerMaxRiskScore: 0 }, { user: SECURITY_MANAGER, score: 72 }, null, null],
  ['limits managers instead of requiring levels', { approvalLevels: false, managerMaxRiskScore: 89 }, { user: MANAGER, score: 90 }, LEVEL, LIMIT],
  ['allows own actions', { ownActionsAllowed: true }, { user: SENIOR, score: 10, submitter: SENIOR }, 'SELF_APPROVAL_FORBIDDEN', null],
  ['requires reasons', { reasonRequired: { approve: ['LOW'], reject: ['LOW'] } }, { user: SENIOR, score: 10 }, null, 'REASON_REQUIRED', { risk_level: 'low' }],
  ['requires reasons, for one with a reason', { reasonRequired: { approve: ['LOW'], reject: ['LOW'] } }, { user: SENIOR, score: 10, reason: 'Fine' }, null, null],
  ['excludes every risk level from bulks, for a single decision', { excludedFromBulk: RISK_LEVELS }, { user: SENIOR, score: 10 }, null, null],
];

describe('an admin who', () => {
  it.each(CHANGES)(
    '%s sees the change in force at once, and its reversal too',
    async (...[, patch, of, before, after, facts]: Change) => {
      await expectEverywhere(of, before);
      await changePolicy(gateway, patch);
      await expectEverywhere(of, after, facts);
      await changePolicy(other, DEFAULTS);
      await expectEverywhere(of, before);
    },
  );

  it.each(Object.keys(EDGES))(
    'requires a level of 5 at %s risk stops everybody there, and nobody elsewhere',
    async (riskLevel) => {
      await changePolicy(other, { requiredLevels: { [riskLevel]: 5 } });
      const expected = SCORES.map((score) =>
        riskLevelOf(score) === riskLevel ? ['APPROVAL_LEVEL_REQUIRED', 403] : [null, null],
      );
      for (const [api, verdict] of [
        ['rest', 'approve'],
        ['graphql', 'reject'],
      ] as const)
        expect(await bulk(gateway, api, verdict, await gateway.addActions(SCORES), { user: ANN })).toEqual(
          expected,
        );
    },
  );

  it('sets a time to live, or automatic approval, leaves waiting actions to their reviewers', async () => {
    const [action = 0, second = 0] = await gateway.addActions([10, 10]);
    await changePolicy(gateway, { timeToLiveSeconds: { low: 60 }, autoApproveBelow: 40 });
    const { body } = await other.graphql(`{ action(id: "${String(action)}") { status expiresAt } }`, {
      user: 4,
    });
    expect(body.data.action).toEqual({ status: 'PENDING_APPROVAL', expiresAt: null });
    expect(await decide(other, 'rest', 'approve', action, { user: SENIOR })).toMatchObject({ code: null });
    expect(await decide(other, 'graphql', 'reject', second, { user: SENIOR })).toMatchObject({ code: null });
  });
});

describe('an admin who requires reasons to approve medium and critical, and to reject low risk', () => {
  const ASKED: Readonly<Record<Verdict, readonly string[]>> = {
    approve: ['medium', 'critical'],
    reject: ['low'],
  };
  beforeEach(() =>
    changePolicy(gateway, { reasonRequired: { approve: ['CRITICAL', 'MEDIUM'], reject: ['LOW'] } }),
  );
  const isMissed = (verdict: Verdict, score: number) => ASKED[verdict].includes(riskLevelOf(score));

  it.each(APIS)(
    'gets them over %s for each of those verdicts and risk levels, and a blank one counts as none',
    async (api) => {
      for (const verdict of VERDICTS)
        for (const reason of [undefined, null, '', ' \n\t\u00a0', 'Because']) {
          const actions = await gateway.addActions(SCORES);
          const answers = await Promise.all(
            actions.map((action) => decide(other, api, verdict, action, { user: ADMIN, reason })),
          );
          const expected = SCORES.map((score) =>
            reason !== 'Because' && isMissed(verdict, score) ? ['REASON_REQUIRED', 422] : [null, 200],
          );
          const came = answers.map(({ code, status }) => [code, status]);
          expect({ verdict, reason, came }).toEqual({ verdict, reason, came: expected });
        }
    },
  );

  it.each(APIS)('gets them in bulks over %s, each item for itself', async (api) => {
    for (const verdict of VERDICTS)
      for (const reason of [undefined, ' ', 'Because']) {
        const ids = await gateway.addActions(SCORES);
        const came = await bulk(other, api, verdict, ids, { user: ADMIN, reason });
        const isBlank = reason !== 'Because';
        expect(came).toEqual(
          SCORES.map((score) =>
            isBlank && isMissed(verdict, score) ? ['REASON_REQUIRED', 422] : [null, null],
          ),
        );
      }
  });
});

describe.each(APIS)('an admin who keeps risk levels out of bulks, over %s,', (api) => {
  it.each(VERDICTS)(
    'has each of their actions refused to a bulk to %s, while others and single ones are decided',
    async (verdict) => {
      const { version } = await changePolicy(gateway, { excludedFromBulk: ['HIGH', 'LOW'] });
      const ids = await gateway.addActions(SCORES);
      const isOut = (score: number) => ['low', 'high'].includes(riskLevelOf(score));
      const came = await bulk(other, api, verdict, ids, { user: ADMIN });
      expect(came).toEqual(SCORES.map((score) => (isOut(score) ? ['BULK_NOT_ALLOWED', 403] : [null, null])));
      for (const [n, score] of SCORES.entries()) {
        const action = ids[n] ?? 0;
        expect(await recordOf(action)).toEqual(
          recorded(verdict, isOut(score) ? 'BULK_NOT_ALLOWED' : null, version),
        );
        const single = await decide(gateway, api, verdict, action, { user: ADMIN });
        expect(single.code).toBe(isOut(score) ? null : 'INVALID_STATE');
      }
    },
  );
});

describe.each(APIS)('an admin who requires several approvals, over %s,', (api) => {
  const approve = async (through: Gateway, action: number, user: number) => {
    const { http, code } = await decide(through, api, 'approve', action, { user });
    const [row] = await gateway.database.sql('SELECT status, approvals FROM actions WHERE id = $1', [action]);
    return { http, code, ...row };
  };
  const pending = (approvals: number) => {
    const http = api === 'rest' ? 202 : 200;
    return { http, code: null, status: 'pending_approval', approvals };
  };
  const approved = (approvals: number) => ({ http: 200, code: null, status: 'approved', approvals });

  it('gets them for the very next decision at that risk level, and at no other', async () => {
    await changePolicy(gateway, { quorum: { medium: 2 } });
    for (const score of SCORES) {
      const [action = 0] = await gateway.addActions([score]);
      const isAsked = riskLevelOf(score) === 'medium';
      expect(await approve(other, action, ANN)).toEqual(isAsked ? pending(1) : approved(1));
      if (isAsked) expect(await approve(gateway, action, BOB)).toEqual(approved(2));
    }
  });

  it('and changes their number between two of them has each recorded under its own version', async () => {
    const [fewer = 0, more = 0] = await gateway.addActions([50, 50]);
    const first = await changePolicy(gateway, { quorum: { medium: 3 } });
    expect(await approve(other, fewer, ANN)).toEqual(pending(1));
    const second = await changePolicy(gateway, { quorum: { medium: 2 } });
    expect(await approve(other, fewer, BOB)).toEqual(approved(2));
    expect(await approve(other, more, ANN)).toEqual(pending(1));
    const third = await changePolicy(gateway, { quorum: { medium: 3 } });
    expect(await approve(other, more, BOB)).toEqual(pending(2));
    expect(await approve(gateway, more, CAT)).toEqual(approved(3));
    const record = { type: 'action_approved', code: null };
    const versions = [first, second, third].map(({ version }) => version);
    const [one, two, three] = versions;
    expect(await recordOf(fewer)).toEqual({ ...record, version: two, votes: [one, two] });
    expect(await recordOf(more)).toEqual({ ...record, version: three, votes: [two, three, three] });
  });
});

function riskLevelOf(score: number): string {
  return Object.entries(EDGES).find(([, edges]) => edges.includes(score))?.[0] ?? '';
}

/** Decides in bulk; code and status of each refusal, in order. */
async function bulk(
  through: Gateway,
  api: Api,
  verdict: Verdict,
  ids: readonly number[],
  { user, reason }: { user: number; reason?: string | undefined },
): Promise<unknown> {
  if (api === 'rest') {
    const body = { action_ids: ids, reason };
    const answer = await through.rest('POST', `/api/v1/actions/bulk-${verdict}`, { user, body });
    return answer.body.results.map((item: { error_code?: string; status: unknown }) =>
      item.error_code === undefined ? [null, null] : [item.error_code, item.status],
    );
  }
  const field = verdict === 'approve' ? 'bulkApproveActions' : 'bulkRejectActions';
  const query = `mutation ($ids: [ID!]!, $reason: String) {
    ${field}(actionIds: $ids, reason: $reason) { results { refusal { code status } } } }`;
  const answer = await through.graphql(query, { user, variables: { ids, reason } });
  return answer.body.data[field].results.map(
    ({ refusal }: { refusal: { code: string; status: number } | null }) => [
      refusal?.code ?? null,
      refusal?.status ?? null,
    ],
  );
}

it('people of two organizations whose policies have the same version are each judged by their own', async () => {
  const [ACME, GLOBEX] = [
    { admin: ADMIN, organization: 1 },
    { admin: 101, organization: 2 },
  ];
  const fresh = await startGateway();
  try {
    const { version } = await changePolicy(fresh, { quorum: { low: 2 } }, { user: ACME.admin });
    expect(await changePolicy(fresh, { quorum: { high: 2 } }, { user: GLOBEX.admin })).toMatchObject({
      version,
    });
    const answers: unknown[] = [];
    for (const { admin, organization } of [ACME, GLOBEX, ACME, GLOBEX]) {
      const [id = 0] = await fresh.addActions([20], { organization });
      const { status } = await fresh.rest('POST', `/api/v1/actions/${String(id)}/approve`, { user: admin });
      answers.push([organization, status]);
    }
    expect(answers).toEqual([
      [1, 202],
      [2, 200],
      [1, 202],
      [2, 200],
    ]);
  } finally {
    await fresh.close();
  }
});
