import { statusAfter, type Action, type Verdict } from './action';
import {
  refusalOfApiKey,
  refusalOfBulk,
  refusalOfLevel,
  refusalOfLimit,
  refusalOfMissingReason,
  refusalOfOwnAction,
  refusalOfRole,
  refusalOfSecondVote,
  refusalOfState,
} from './decision-refusals';
import { levelOfRole, type ApprovalPolicy, type ByRiskLevel } from './policy';
import type { Principal, User } from './principal';
import type { Role } from './role';
import type { Refusal } from './refusal';
import { RISK_LEVELS, riskLevelOf, type RiskLevel } from './risk';

/** The fields of an action that the rule reads. */
export type DecidableAction = Pick<
  Action,
  | 'id'
  | 'riskScore'
  | 'status'
  | 'approvals'
  | 'submittedById'
  | 'apiKeyCreatedById'
  | 'decidedById'
  | 'decidedAt'
> & {
  /** Whether the reviewer has voted on the action. Set for display only; the decision's write checks it by itself. */
  readonly hasVoted?: boolean;
};

/** Returns the action with `hasVoted` set; the same object where there is no vote. */
export function asVotedOn(action: DecidableAction, hasVoted: boolean): DecidableAction {
  return hasVoted ? { ...action, hasVoted } : action;
}

/** How a verdict is given. */
export interface Attempt {
  readonly verdict: Verdict;
  /** Whether the verdict is part of a bulk, from which a policy can exclude risk levels. */
  readonly isBulk: boolean;
  /** Whether a reason was given; null before there is a verdict, so that none counts as missing. */
  readonly hasReason: boolean | null;
}

/** The required and the held authority; null where the policy requires none. */
export interface Authority {
  readonly requiredLevel: number | null;
  readonly heldLevel: number | null;
  /** The highest score, inclusive, that the reviewer may decide. */
  readonly riskLimit: number | null;
}

/** The answer to "may this reviewer decide this action?". */
export type Ruling =
  | ({ readonly allowed: true; readonly approvalsRequired: number } & Authority)
  | ({ readonly allowed: false; readonly refusal: Refusal } & Authority);

/** The pending actions that a reviewer may decide, as search conditions: the inverse of `mayDecide`. */
export interface DecidableScope {
  readonly riskLevels: readonly RiskLevel[];
  /** Inclusive; null for no limit. */
  readonly maxRiskScore: number | null;
  /** The user whose submissions are excluded; null to exclude nobody's. */
  readonly notSubmittedBy: number | null;
  /**
   * The user whose voted actions are excluded, unless the approvals already meet the quorum: then a second vote is
   * allowed.
   */
  readonly notVotedBy: number;
  readonly quorum: ByRiskLevel<number>;
}

/** The roles that may decide (docs/approval-policy.md#roles). */
const REVIEWER_ROLES: readonly Role[] = ['admin', 'security_manager', 'manager'];

/** The fields of a user that the rule reads. */
type Standing = Pick<User, 'role' | 'approvalLevel' | 'maxRiskScore'>;

/**
 * Decides whether a principal may give a verdict on an action under a policy. The only authorization rule for
 * decisions: GraphQL, REST, bulks and `viewerCan…` all call it. Pure. Refusals are checked in the order of
 * docs/approval-policy.md#order-of-refusals: credential, role, level, limit, own action, bulk, state, missing reason,
 * second vote. The caller has checked that the action belongs to the principal's organization; an action of another one
 * is a 404.
 */
export function mayDecide(
  principal: Principal,
  action: DecidableAction,
  { verdict, isBulk, hasReason }: Attempt,
  policy: ApprovalPolicy,
): Ruling {
  if (principal.kind === 'api_key') return { allowed: false, refusal: refusalOfApiKey(), ...NO_AUTHORITY };
  const { user } = principal;
  const { id, riskScore } = action;
  const riskLevel = riskLevelOf(riskScore);
  const refusal =
    refusalByRole(user.role) ??
    refusalByAuthority(user, action, policy) ??
    (isOwn(user, action) && !policy.ownActionsAllowed ? refusalOfOwnAction(id, user.id) : null) ??
    (isBulk && policy.excludedFromBulk.includes(riskLevel) ? refusalOfBulk(id, riskLevel) : null) ??
    (statusAfter(action.status, verdict) === null ? refusalOfState(action) : null) ??
    (hasReason === false && isReasonRequired(riskScore, verdict, policy)
      ? refusalOfMissingReason(id, verdict, riskLevel)
      : null) ??
    (action.hasVoted === true && !isQuorumMet(action, policy)
      ? refusalOfSecondVote(action, approvalsRequired(riskScore, policy))
      : null);
  const { requiredLevel, heldLevel, riskLimit } = authorityOver(user, riskScore, policy);
  if (refusal !== null) return { allowed: false, refusal, requiredLevel, heldLevel, riskLimit };
  const required = approvalsRequired(riskScore, policy);
  return { allowed: true, approvalsRequired: required, requiredLevel, heldLevel, riskLimit };
}

/**
 * Returns which pending actions `mayDecide` allows this principal to decide, by either verdict; null for none at all.
 */
export function decidableScope(principal: Principal, policy: ApprovalPolicy): DecidableScope | null {
  if (principal.kind === 'api_key' || refusalByRole(principal.user.role) !== null) return null;
  const { user } = principal;
  return {
    riskLevels: RISK_LEVELS.filter((riskLevel) => isLevelHeld(user, riskLevel, policy)),
    maxRiskScore: riskLimitOf(user, policy),
    notSubmittedBy: policy.ownActionsAllowed ? null : user.id,
    notVotedBy: user.id,
    quorum: policy.quorum,
  };
}

/**
 * Returns the refusal of a role that may decide nothing, or null. Checked before any id is looked up
 * (docs/approval-policy.md#order-of-refusals).
 */
export function refusalByRole(role: Role): Refusal | null {
  return REVIEWER_ROLES.includes(role) ? null : refusalOfRole(role, REVIEWER_ROLES);
}

/** Returns whether a user's role, level and limit suffice for actions of this score. */
export function hasAuthorityOver(user: Standing, riskScore: number, policy: ApprovalPolicy): boolean {
  return refusalByRole(user.role) === null && refusalByAuthority(user, { id: 0, riskScore }, policy) === null;
}

/**
 * Returns how many distinct reviewers have to approve an action of this score, 1 to 10
 * (docs/approval-policy.md#quorum).
 */
export function approvalsRequired(riskScore: number, policy: ApprovalPolicy): number {
  return policy.quorum[riskLevelOf(riskScore)];
}

/**
 * Returns whether a pending action already has the approvals that the current policy requires. This happens when the
 * quorum was lowered after the last vote. Changing a policy decides nothing, so one more verdict is needed, and
 * reviewers who voted before may give it.
 */
function isQuorumMet(
  { approvals, riskScore }: Pick<Action, 'approvals' | 'riskScore'>,
  policy: ApprovalPolicy,
): boolean {
  return approvals >= approvalsRequired(riskScore, policy);
}

/** Returns how many approvals a pending action still needs, at least the deciding one; 0 for any other action. */
export function approvalsMissing(
  { status, approvals, riskScore }: Pick<Action, 'status' | 'approvals' | 'riskScore'>,
  policy: ApprovalPolicy,
): number {
  return status === 'pending_approval' ? Math.max(1, approvalsRequired(riskScore, policy) - approvals) : 0;
}

/** Returns whether a verdict on an action of this score needs a reason (docs/approval-policy.md#reasons). */
export function isReasonRequired(riskScore: number, verdict: Verdict, policy: ApprovalPolicy): boolean {
  return policy.reasonRequired[verdict].includes(riskLevelOf(riskScore));
}

/** Returns the risk limit that was checked, in the form of an audit entry's `data`; null where there was none. */
export function riskLimitRecord(
  authority: Pick<Authority, 'riskLimit'> | null | undefined,
): Readonly<Record<string, unknown>> | null {
  const riskLimit = authority?.riskLimit ?? null;
  return riskLimit === null ? null : { risk_limit: riskLimit };
}

const NO_AUTHORITY: Authority = { requiredLevel: null, heldLevel: null, riskLimit: null };

function authorityOver(user: Standing, riskScore: number, policy: ApprovalPolicy): Authority {
  return {
    requiredLevel: policy.approvalLevels ? policy.requiredLevels[riskLevelOf(riskScore)] : null,
    heldLevel: policy.approvalLevels ? heldLevelOf(user, policy) : null,
    riskLimit: riskLimitOf(user, policy),
  };
}

function refusalByAuthority(
  user: Standing,
  { id, riskScore }: Pick<Action, 'id' | 'riskScore'>,
  policy: ApprovalPolicy,
): Refusal | null {
  const riskLevel = riskLevelOf(riskScore);
  if (!isLevelHeld(user, riskLevel, policy)) {
    const levels = { requiredLevel: policy.requiredLevels[riskLevel], heldLevel: heldLevelOf(user, policy) };
    return refusalOfLevel(id, riskLevel, levels);
  }
  const riskLimit = riskLimitOf(user, policy);
  return riskLimit !== null && riskScore > riskLimit ? refusalOfLimit(id, riskScore, riskLimit) : null;
}

/** Returns whether a user holds the required level of a risk level; always true where approval levels are off. */
function isLevelHeld(user: Standing, riskLevel: RiskLevel, policy: ApprovalPolicy): boolean {
  return !policy.approvalLevels || heldLevelOf(user, policy) >= policy.requiredLevels[riskLevel];
}

/** Returns the approval level that a user holds: their own, or else their role's. */
function heldLevelOf(user: Standing, policy: ApprovalPolicy): number {
  return user.approvalLevel ?? levelOfRole(user.role, policy);
}

/**
 * Returns the highest score, inclusive, that a user may decide; null for no limit. Only managers have one
 * (docs/approval-policy.md#risk-limit).
 */
function riskLimitOf(user: Standing, policy: ApprovalPolicy): number | null {
  return user.role === 'manager' ? (user.maxRiskScore ?? policy.managerMaxRiskScore) : null;
}

function isOwn(user: User, action: DecidableAction): boolean {
  return action.submittedById === user.id || action.apiKeyCreatedById === user.id;
}
