import fc from 'fast-check';
import { ACTION_STATUSES, statusAfter, statusOf } from '../src/domain/action';
import {
  mayDecide,
  refusalOfSecondVote,
  type ApprovalPolicy,
  type DecidableAction,
  type Ruling,
} from '../src/domain/approval-policy';
import { ROLES, type Agent, type Reviewer, type Role } from '../src/domain/principal';
import { RISK_LEVELS, requiredApprovalLevel, riskLevelOf, riskScoresOf } from '../src/domain/risk';

/** Who may decide, the bands of risk and the life of an action: the pure rules, as tables and as properties that hold for every reviewer, action and policy. */
const VERDICTS = ['approve', 'reject'] as const;
const REVIEWER = 42;
const DECIDED_AT = new Date('2026-01-20T14:35:00.123Z');

/** Everything that a ruling can depend on. */
interface Case {
  readonly role: Role;
  readonly ownLevel: number | null;
  readonly ownLimit: number | null;
  readonly levels: boolean;
  readonly managerLimit: number | null;
  readonly score: number;
  readonly isOwn: boolean;
  readonly status: (typeof ACTION_STATUSES)[number];
  readonly verdict: (typeof VERDICTS)[number];
}

const QUORUM = { low: 1, medium: 2, high: 3, critical: 4 };

function rulingOn(of: Case): Ruling {
  const policy: ApprovalPolicy = {
    version: 1,
    approvalLevels: of.levels,
    managerMaxRiskScore: of.managerLimit,
    quorum: QUORUM,
  };
  const user = {
    organizationId: 1,
    id: REVIEWER,
    name: 'Sue Senior',
    role: of.role,
    approvalLevel: of.ownLevel,
    maxRiskScore: of.ownLimit,
    active: true,
    version: 1,
  };
  const reviewer: Reviewer = { kind: 'user', organizationId: 1, user, policy };
  return mayDecide(reviewer, actionOf(of), of.verdict, policy);
}

function actionOf({ score, isOwn, status }: Case): DecidableAction {
  const isDecided = status === 'approved' || status === 'denied';
  return {
    id: 12345,
    riskScore: score,
    status,
    submittedById: isOwn ? REVIEWER : 4,
    decidedById: isDecided ? 2 : null,
    decidedAt: isDecided ? DECIDED_AT : null,
  };
}

function codeOf(ruling: Ruling): string | null {
  return ruling.allowed ? null : ruling.refusal.code;
}

/** Scores over the whole range, those about the bands' edges often. */
const scores = fc.oneof(
  fc.double({ min: 0, max: 100, noNaN: true }),
  fc.constantFrom(0, 39, 39.5, 39.999, 40, 69, 69.5, 70, 84, 84.999, 85, 100),
);
const limits = fc.option(scores);
const levels = fc.option(fc.integer({ min: 0, max: 10 }));
const cases: fc.Arbitrary<Case> = fc.record({
  role: fc.constantFrom(...ROLES),
  ownLevel: levels,
  ownLimit: limits,
  levels: fc.boolean(),
  managerLimit: limits,
  score: scores,
  isOwn: fc.boolean(),
  status: fc.constantFrom(...ACTION_STATUSES),
  verdict: fc.constantFrom(...VERDICTS),
});

/** The refusals in the order of contract 2.2, and last the permission. */
const ORDER = [
  'INSUFFICIENT_PERMISSIONS',
  'APPROVAL_LEVEL_REQUIRED',
  'RISK_LIMIT_EXCEEDED',
  'SELF_APPROVAL_FORBIDDEN',
  'INVALID_STATE',
  null,
];

/** What contract 1, 2.1 and 2.2 say of a case, told independently of the rule. */
function contractOn(of: Case): { code: string | null; requiredLevel: number; heldLevel: number } {
  const requiredLevel = of.score >= 85 ? 4 : of.score >= 70 ? 3 : of.score >= 40 ? 2 : 1;
  const heldLevel = of.ownLevel ?? { user: 0, manager: 1, security_manager: 3, admin: 4 }[of.role];
  const limit = of.ownLimit ?? of.managerLimit;
  const applies = [
    of.role === 'user',
    of.levels && heldLevel < requiredLevel,
    of.role === 'manager' && limit !== null && of.score > limit,
    of.isOwn,
    of.status !== 'pending_approval',
    true,
  ];
  return { code: ORDER[applies.indexOf(true)] ?? null, requiredLevel, heldLevel };
}

describe('a reviewer', () => {
  it('gets the first refusal that applies, in the order of the contract, and else may decide', () => {
    fc.assert(
      fc.property(cases, (of) => {
        const ruling = rulingOn(of);
        const { code, requiredLevel, heldLevel } = contractOn(of);
        expect(codeOf(ruling)).toBe(code);
        const asked = of.levels ? { requiredLevel, heldLevel } : { requiredLevel: null, heldLevel: null };
        expect(ruling).toMatchObject(asked);
        if (ruling.allowed) expect(ruling.approvalsRequired).toBe(requiredLevel); // QUORUM asks as many.
      }),
      { numRuns: 2000 },
    );
  });

  it('never loses a permission by a higher level of their own', () => {
    const pairs = fc.tuple(cases, fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 10 }));
    fc.assert(
      fc.property(pairs, ([of, one, other]) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        expect(placeOf({ ...of, ownLevel: high })).toBeGreaterThanOrEqual(placeOf({ ...of, ownLevel: low }));
      }),
    );
  });

  it('never finds a lower score harder', () => {
    fc.assert(
      fc.property(cases, scores, scores, (of, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        expect(placeOf({ ...of, score: low })).toBeGreaterThanOrEqual(placeOf({ ...of, score: high }));
      }),
    );
  });

  it('never loses a permission by a higher limit, or where the organization turns levels off', () => {
    fc.assert(
      fc.property(cases, scores, scores, (of, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const limited = placeOf({ ...of, ownLimit: low });
        expect(placeOf({ ...of, ownLimit: high })).toBeGreaterThanOrEqual(limited);
        expect(placeOf({ ...of, ownLimit: low, levels: false })).toBeGreaterThanOrEqual(limited);
      }),
    );
  });

  it('is told why, with the facts that the refusal calls for and no others', () => {
    const manager: Case = {
      role: 'manager',
      ownLevel: null,
      ownLimit: null,
      levels: true,
      managerLimit: 30,
      score: 72,
      isOwn: false,
      status: 'denied',
      verdict: 'approve',
    };
    const refusals = [
      manager,
      { ...manager, score: 39.5 },
      { ...manager, score: 20, isOwn: true },
      { ...manager, score: 20 },
      { ...manager, score: 20, status: 'expired' as const },
    ].map((of) => rulingOn(of) as Extract<Ruling, { allowed: false }>);
    expect(refusals.map(({ refusal }) => refusal.facts)).toEqual([
      { requiredLevel: 3, heldLevel: 1 },
      { riskScore: 39.5, riskLimit: 30 },
      undefined,
      { currentStatus: 'denied', decidedBy: 2, decidedAt: DECIDED_AT },
      { currentStatus: 'expired', decidedBy: null, decidedAt: null },
    ]);
    expect(refusals.slice(3).map(({ refusal }) => refusal.detail)).toEqual([
      'Action is not pending approval (current status: denied)',
      'Action is not pending approval (current status: expired)',
    ]);
    expect(refusalOfSecondVote(12345)).toMatchObject({ code: 'ALREADY_VOTED' });
  });
});

/** How far a case comes in the order of refusals; the permission is the farthest. */
function placeOf(of: Case): number {
  return ORDER.indexOf(codeOf(rulingOn(of)));
}

it('an API key decides nothing, whoever owns it and whatever the action', () => {
  fc.assert(
    fc.property(cases, (of) => {
      const policy = { version: 1, approvalLevels: of.levels, managerMaxRiskScore: null, quorum: QUORUM };
      const agent: Agent = {
        kind: 'api_key',
        organizationId: 1,
        apiKeyId: 7,
        name: 'agent',
        scopes: ['actions:submit', 'actions:read'],
        ownerId: 1,
        policy,
      };
      expect(codeOf(mayDecide(agent, actionOf(of), of.verdict, policy))).toBe('JWT_REQUIRED');
    }),
  );
});

describe('an action', () => {
  it.each([
    ['pending_approval', 'approve', 'approved'],
    ['pending_approval', 'reject', 'denied'],
    ['approved', 'approve', null],
    ['approved', 'reject', null],
    ['denied', 'approve', null],
    ['denied', 'reject', null],
    ['expired', 'approve', null],
    ['expired', 'reject', null],
  ] as const)('that is %s becomes, by %s, %s', (status, verdict, after) => {
    expect(statusAfter(status, verdict)).toBe(after);
    expect(statusOf(verdict)).toBe(verdict === 'approve' ? 'approved' : 'denied');
  });

  it('has no other statuses than these', () => {
    expect([...ACTION_STATUSES].sort()).toEqual(['approved', 'denied', 'expired', 'pending_approval']);
  });

  it.each([
    ['low', 1, [0, 39, 39.5, 39.999999]],
    ['medium', 2, [40, 69, 69.5, 69.999999]],
    ['high', 3, [70, 84, 84.999999]],
    ['critical', 4, [85, 99.5, 100]],
  ] as const)('is of %s risk, which takes level %d, at scores %j', (band, level, inBand) => {
    expect(inBand.map(riskLevelOf)).toEqual(inBand.map(() => band));
    expect(requiredApprovalLevel(band)).toBe(level);
  });

  it('with a score between two integers belongs to the band of the lower, and to one band only', () => {
    fc.assert(
      fc.property(scores, (score) => {
        expect(riskLevelOf(score)).toBe(riskLevelOf(Math.floor(score)));
        const holding = RISK_LEVELS.filter((band) => {
          const { from, to } = riskScoresOf(band);
          return score >= from && (to === null || score < to);
        });
        expect(holding).toEqual([riskLevelOf(score)]);
      }),
    );
  });
});
