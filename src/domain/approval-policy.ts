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
import type { Principal, Role, User } from './principal';
import type { Refusal } from './refusal';
import { RISK_LEVELS, riskLevelOf, type RiskLevel } from './risk';

/** What the rule reads of an action. */
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
  /** Whether the one who asks has voted on it. Known where it is shown; the decision's write finds it out by itself. */
  readonly hasVoted?: boolean;
};

/** An action as the rule reads it, where the votes on it are known: copied only if that adds something. */
export function asVotedOn(action: DecidableAction, hasVoted: boolean): DecidableAction {
  return hasVoted ? { ...action, hasVoted } : action;
}

/** How a verdict is given. */
export interface Attempt {
  readonly verdict: Verdict;
  /** Whether it is one of a bulk, which some bands can be kept out of. */
  readonly isBulk: boolean;
  /** Whether it comes with a reason; null where nobody gives a verdict yet, so that none is missed. */
  readonly hasReason: boolean | null;
}

/** What was needed and what is held; null where nothing was asked for. */
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

/** The pending actions that a reviewer may decide, described for a search: the same rule, turned around. */
export interface DecidableScope {
  readonly riskLevels: readonly RiskLevel[];
  /** Inclusive; null for no limit. */
  readonly maxRiskScore: number | null;
  /** Whose submissions are left out; null for nobody's. */
  readonly notSubmittedBy: number | null;
  /** Whoever voted on an action has a second vote only where the approvals there are meet the quorum. */
  readonly notVotedBy: number;
  readonly quorum: ByRiskLevel<number>;
}

/** The roles that may decide at all (docs/approval-policy.md#roles). */
const REVIEWER_ROLES: readonly Role[] = ['admin', 'security_manager', 'manager'];

/** What of a user the rule weighs. */
type Standing = Pick<User, 'role' | 'approvalLevel' | 'maxRiskScore'>;

/**
 * May this principal give this verdict on this action, under this policy?
 * The one rule of the product: mutations, REST, bulk and `viewerCan…` all ask it. Pure; the order of the
 * refusals is that of docs/approval-policy.md#order-of-refusals: credential, role, level, limit, own action, bulk, state, missing reason, second vote.
 * Whether the action belongs to the principal's organization is settled before (its absence is a 404).
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

/** Which pending actions `mayDecide` allows this principal to decide, by either verdict; null for none at all. */
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

/** The refusal of a role that decides nothing, or null. Asked before any id is looked up (docs/approval-policy.md#order-of-refusals). */
export function refusalByRole(role: Role): Refusal | null {
  return REVIEWER_ROLES.includes(role) ? null : refusalOfRole(role, REVIEWER_ROLES);
}

/** Whether role, level and limit suffice for actions of this score. */
export function hasAuthorityOver(user: Standing, riskScore: number, policy: ApprovalPolicy): boolean {
  return refusalByRole(user.role) === null && refusalByAuthority(user, { id: 0, riskScore }, policy) === null;
}

/** How many distinct reviewers have to approve an action of this score, 1 to 10 (docs/approval-policy.md#quorum). */
export function approvalsRequired(riskScore: number, policy: ApprovalPolicy): number {
  return policy.quorum[riskLevelOf(riskScore)];
}

/**
 * Whether a pending action has the approvals that the policy in force asks for: the quorum was lowered since the last of
 * them. A policy decides nothing by itself, so one more verdict does, and whoever voted before has a second one for it.
 */
function isQuorumMet(
  { approvals, riskScore }: Pick<Action, 'approvals' | 'riskScore'>,
  policy: ApprovalPolicy,
): boolean {
  return approvals >= approvalsRequired(riskScore, policy);
}

/** How many approvals a pending action still lacks, at least the one that decides; 0 for any other. */
export function approvalsMissing(
  { status, approvals, riskScore }: Pick<Action, 'status' | 'approvals' | 'riskScore'>,
  policy: ApprovalPolicy,
): number {
  return status === 'pending_approval' ? Math.max(1, approvalsRequired(riskScore, policy) - approvals) : 0;
}

/** Whether a verdict on an action of this score needs a reason (docs/approval-policy.md#reasons). */
export function isReasonRequired(riskScore: number, verdict: Verdict, policy: ApprovalPolicy): boolean {
  return policy.reasonRequired[verdict].includes(riskLevelOf(riskScore));
}

/** The limit that was weighed, as an audit entry's `data` tells it; null where none was. */
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

/** Whether a user holds the level that a band asks for; nothing is asked where levels are off. */
function isLevelHeld(user: Standing, riskLevel: RiskLevel, policy: ApprovalPolicy): boolean {
  return !policy.approvalLevels || heldLevelOf(user, policy) >= policy.requiredLevels[riskLevel];
}

/** The approval level a user holds: their own, else their role's. */
function heldLevelOf(user: Standing, policy: ApprovalPolicy): number {
  return user.approvalLevel ?? levelOfRole(user.role, policy);
}

/** The highest score, inclusive, that a user may decide; null for no limit. Binds managers only (docs/approval-policy.md#risk-limit). */
function riskLimitOf(user: Standing, policy: ApprovalPolicy): number | null {
  return user.role === 'manager' ? (user.maxRiskScore ?? policy.managerMaxRiskScore) : null;
}

function isOwn(user: User, action: DecidableAction): boolean {
  return action.submittedById === user.id || action.apiKeyCreatedById === user.id;
}
