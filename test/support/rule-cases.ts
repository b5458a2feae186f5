import fc from 'fast-check';
import { ACTION_STATUSES, type ActionStatus, type Verdict } from '../../src/domain/action';
import { mayDecide, type DecidableAction, type Ruling } from '../../src/domain/approval-policy';
import {
  DEFAULT_RULES,
  type ApprovalPolicy,
  type ByRiskLevel,
  type PolicyRules,
} from '../../src/domain/policy';
import type { Agent, Reviewer } from '../../src/domain/principal';
import { ROLES, type Role } from '../../src/domain/role';
import { RISK_LEVELS, type RiskLevel } from '../../src/domain/risk';

/** Everything that a ruling can depend on. */
export interface Case {
  readonly role: Role;
  readonly ownLevel: number | null;
  readonly ownLimit: number | null;
  readonly score: number;
  readonly isOwn: boolean;
  /** Whether it was submitted with an API key of another owner that the reviewer created. */
  readonly isKeyMaker: boolean;
  readonly status: ActionStatus;
  readonly approvals: number;
  readonly hasVoted: boolean;
  readonly verdict: Verdict;
  readonly isBulk: boolean;
  readonly hasReason: boolean | null;
  readonly rules: PolicyRules;
}

export const REVIEWER = 42;
export const DECIDED_AT = new Date('2026-01-20T14:35:00.123Z');

/** A manager's approval of another's pending action of low risk, under the default rules: no refusal applies. */
export const PLAIN: Case = {
  role: 'manager',
  ownLevel: null,
  ownLimit: null,
  score: 20,
  isOwn: false,
  isKeyMaker: false,
  status: 'pending_approval',
  approvals: 0,
  hasVoted: false,
  verdict: 'approve',
  isBulk: false,
  hasReason: true,
  rules: DEFAULT_RULES,
};

/** The refusals in the order of docs/approval-policy.md#order-of-refusals, and last the permission. */
export const ORDER = [
  'JWT_REQUIRED',
  'INSUFFICIENT_PERMISSIONS',
  'APPROVAL_LEVEL_REQUIRED',
  'RISK_LIMIT_EXCEEDED',
  'SELF_APPROVAL_FORBIDDEN',
  'BULK_NOT_ALLOWED',
  'INVALID_STATE',
  'REASON_REQUIRED',
  'ALREADY_VOTED',
  null,
] as const;

export function policyOf(rules: PolicyRules): ApprovalPolicy {
  return { version: 7, ...rules };
}

export function reviewerOf({ role, ownLevel, ownLimit, rules }: Case): Reviewer {
  const user = {
    organizationId: 1,
    id: REVIEWER,
    name: 'Sue Senior',
    role,
    approvalLevel: ownLevel,
    maxRiskScore: ownLimit,
    active: true,
    version: 1,
  };
  return { kind: 'user', organizationId: 1, user, policy: policyOf(rules) };
}

/** A program whose owner is the reviewer. */
export function agentOf({ rules }: Case): Agent {
  return {
    kind: 'api_key',
    organizationId: 1,
    apiKeyId: 7,
    name: 'agent',
    scopes: ['actions:submit', 'actions:read'],
    ownerId: REVIEWER,
    createdById: null,
    policy: policyOf(rules),
  };
}

export function actionOf({ score, isOwn, isKeyMaker, status, approvals, hasVoted }: Case): DecidableAction {
  const isDecided = status === 'approved' || status === 'denied';
  return {
    id: 12345,
    riskScore: score,
    status,
    approvals,
    submittedById: isOwn ? REVIEWER : 4,
    apiKeyCreatedById: isKeyMaker ? REVIEWER : null,
    decidedById: isDecided ? 2 : null,
    decidedAt: isDecided ? DECIDED_AT : null,
    // Unknown does not mean no.
    ...(hasVoted && { hasVoted }),
  };
}

export function rulingOn(of: Case, principal: Reviewer | Agent = reviewerOf(of)): Ruling {
  return mayDecide(principal, actionOf(of), of, policyOf(of.rules));
}

export function codeOf(ruling: Ruling): string | null {
  return ruling.allowed ? null : ruling.refusal.code;
}

/** How far a case gets in the order of refusals; the permission is the farthest. */
export function placeOf(of: Case): number {
  return (ORDER as readonly (string | null)[]).indexOf(codeOf(rulingOn(of)));
}

/** Scores over the whole range, those about the edges of the risk levels often. */
export const scores = fc.oneof(
  fc.double({ min: 0, max: 100, noNaN: true }),
  fc.constantFrom(0, 39, 39.5, 39.999, 40, 69, 69.5, 70, 84, 84.999, 85, 100),
);

export const levels = fc.integer({ min: 0, max: 10 });

function byRiskLevel<T>(value: fc.Arbitrary<T>): fc.Arbitrary<ByRiskLevel<T>> {
  return fc.record({ low: value, medium: value, high: value, critical: value });
}

const riskLevels: fc.Arbitrary<RiskLevel[]> = fc.subarray([...RISK_LEVELS]);

const rules: fc.Arbitrary<PolicyRules> = fc.record({
  approvalLevels: fc.boolean(),
  requiredLevels: byRiskLevel(fc.integer({ min: 1, max: 10 })),
  roleLevels: fc.record({ manager: levels, securityManager: levels, admin: levels }),
  managerMaxRiskScore: fc.option(scores),
  quorum: byRiskLevel(fc.integer({ min: 1, max: 10 })),
  ownActionsAllowed: fc.boolean(),
  reasonRequired: fc.record({ approve: riskLevels, reject: riskLevels }),
  timeToLiveSeconds: byRiskLevel(fc.option(fc.integer({ min: 60, max: 31_536_000 }))),
  excludedFromBulk: riskLevels,
  autoApproveBelow: fc.option(scores),
  scoringRules: fc.constant([]),
});

export const cases: fc.Arbitrary<Case> = fc.record({
  // Users who may only read say little about what comes after their refusal.
  role: fc.oneof({ arbitrary: fc.constantFrom(...ROLES), weight: 1 }, { arbitrary: reviewers(), weight: 3 }),
  ownLevel: fc.option(levels),
  ownLimit: fc.option(scores),
  score: scores,
  isOwn: fc.boolean(),
  isKeyMaker: fc.boolean(),
  status: fc.oneof(fc.constant('pending_approval' as const), fc.constantFrom(...ACTION_STATUSES)),
  approvals: fc.integer({ min: 0, max: 12 }),
  hasVoted: fc.boolean(),
  verdict: fc.constantFrom('approve' as const, 'reject' as const),
  isBulk: fc.boolean(),
  hasReason: fc.constantFrom(true, false, null),
  rules,
});

function reviewers(): fc.Arbitrary<Role> {
  return fc.constantFrom('manager', 'security_manager', 'admin');
}
