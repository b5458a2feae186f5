import fc from 'fast-check';
import type { ActionStatus } from '../../src/domain/action';
import type { ByRiskLevel, PolicyRules } from '../../src/domain/policy';
import type { Role } from '../../src/domain/role';
import { RISK_LEVELS } from '../../src/domain/risk';

/** A generated organization: plain values, so that a failure prints and shrinks it. */
export interface World {
  readonly policy: PolicyRules;
  /** As many as PEOPLE; actions refer to them by their place. */
  readonly people: readonly Person[];
  readonly actions: readonly GivenAction[];
}

interface Person {
  readonly role: Role;
  readonly approvalLevel: number | null;
  readonly maxRiskScore: number | null;
  readonly active: boolean;
  /** Whether they use an API key of theirs instead of a token. */
  readonly hasKey: boolean;
}

export interface GivenAction {
  readonly score: number;
  readonly state: keyof typeof STATES;
  /** Null for a submitter who is not among the people. */
  readonly submittedBy: number | null;
  /** Who created the API key of its submission; null for nobody. */
  readonly keyMadeBy: number | null;
  /** The voters among the people. The first one decided it, if anybody did. */
  readonly votedBy: readonly number[];
  /** How many others approved, without the last of them, who decides where none of the people did. */
  readonly othersApproved: number;
  /** When it was submitted, in minutes: several at once. */
  readonly minute: number;
}

export interface State {
  readonly stored: ActionStatus;
  readonly effective: ActionStatus;
  /** Counted from now. */
  readonly expiresIn?: string;
  readonly decidedByKind?: 'user' | 'policy';
}

/** The stored columns of an action in each state, and its effective status. */
export const STATES = {
  pending: { stored: 'pending_approval', effective: 'pending_approval' },
  'pending till tomorrow': { stored: 'pending_approval', effective: 'pending_approval', expiresIn: '1 day' },
  overdue: { stored: 'pending_approval', effective: 'expired', expiresIn: '-1 minute' },
  expired: { stored: 'expired', effective: 'expired', expiresIn: '-1 minute' },
  approved: { stored: 'approved', effective: 'approved', decidedByKind: 'user' },
  denied: { stored: 'denied', effective: 'denied', decidedByKind: 'user' },
  'approved by the policy': { stored: 'approved', effective: 'approved', decidedByKind: 'policy' },
} as const satisfies Record<string, State>;

/** How many people a world has. */
export const PEOPLE = 3;
/** How many others there are, who only submit and vote. */
export const OTHERS = 4;

const EDGES = [
  0, 39, 39.5, 39.99999999999999, 40, 69, 69.5, 69.99999999999999, 70, 84, 84.99999999999999, 85, 100,
];

/** Scores to a thousandth over the whole range, those about the edges of the risk levels often. */
export const scores = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...EDGES) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 100_000 }).map((thousandths) => thousandths / 1000) },
);
const mostly = <T>(usual: fc.Arbitrary<T>, any: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 4, arbitrary: usual }, { weight: 1, arbitrary: any });
const seldom = <T>(rare: T, usual: T): fc.Arbitrary<T> =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constant(rare) });

const requiredLevels = mostly(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 10 }));
const heldLevels = mostly(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 10 }));
const quorums = mostly(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 10 }));
const riskLevels = fc.subarray([...RISK_LEVELS]);
const byRiskLevel = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<ByRiskLevel<T>> =>
  fc.record({ low: value, medium: value, high: value, critical: value });

/** Policies with every setting, except times to live: when an action expires is generated with the action. */
export const policies: fc.Arbitrary<PolicyRules> = fc.record({
  approvalLevels: fc.boolean(),
  requiredLevels: byRiskLevel(requiredLevels),
  roleLevels: fc.record({ manager: heldLevels, securityManager: heldLevels, admin: heldLevels }),
  managerMaxRiskScore: fc.option(scores, { freq: 2 }),
  quorum: byRiskLevel(quorums),
  ownActionsAllowed: fc.boolean(),
  reasonRequired: fc.record({ approve: riskLevels, reject: riskLevels }),
  timeToLiveSeconds: byRiskLevel(fc.constant(null)),
  excludedFromBulk: fc.oneof(fc.constant([]), riskLevels),
  autoApproveBelow: fc.option(scores, { freq: 2 }),
  scoringRules: fc.constant([]),
});

/** The people of a world: every role, mostly those that decide; a few are deactivated or use a key. */
export const people: fc.Arbitrary<readonly Person[]> = fc.array(
  fc.record({
    role: mostly(fc.constantFrom('admin', 'security_manager', 'manager'), fc.constantFrom('manager', 'user')),
    approvalLevel: fc.option(heldLevels, { freq: 2 }),
    maxRiskScore: fc.option(scores, { freq: 2 }),
    active: seldom(false, true),
    hasKey: seldom(true, false),
  }),
  { minLength: PEOPLE, maxLength: PEOPLE },
);

/** The place of one of the people. */
export const places = fc.nat({ max: PEOPLE - 1 });

const states = Object.keys(STATES) as (keyof typeof STATES)[];

/** Actions in every state, mostly those that can still be decided. */
export const actions: fc.Arbitrary<GivenAction> = fc.record({
  score: scores,
  state: fc.oneof(
    { weight: 2, arbitrary: fc.constant('pending') },
    { weight: 1, arbitrary: fc.constantFrom(...states) },
  ),
  submittedBy: fc.option(places, { freq: 2 }),
  keyMadeBy: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: places }),
  votedBy: fc.oneof(fc.constant([]), fc.subarray(Array.from({ length: PEOPLE }, (_, place) => place))),
  othersApproved: fc.nat({ max: OTHERS - 1 }),
  minute: fc.nat({ max: 3 }),
});
