import { statusAfter, type Action, type ActionStatus, type Verdict } from './action';
import type { Principal, Role, User } from './principal';
import type { Refusal } from './refusal';
import { requiredApprovalLevel, riskLevelOf, type RiskLevel } from './risk';

/** An organization's rules for decisions, one numbered version of them. */
export interface ApprovalPolicy {
  readonly version: number;
  /** Whether a reviewer needs a held level at or above the band's (contract 2.1). */
  readonly approvalLevels: boolean;
  /** The limit of managers without one of their own, 0 to 100, inclusive; null for none. */
  readonly managerMaxRiskScore: number | null;
  /** Distinct reviewers needed to approve, 1 to 10 per band (contract 2.9). */
  readonly quorum: Readonly<Record<RiskLevel, number>>;
}

/** What the rule reads of an action. */
export type DecidableAction = Pick<
  Action,
  'id' | 'riskScore' | 'status' | 'submittedById' | 'decidedById' | 'decidedAt'
> & {
  /** Whether the one who asks has voted on it. Known where it is shown; the decision's write finds it out by itself. */
  readonly hasVoted?: boolean;
};

/** The levels weighed for a ruling; null where levels are off and none was asked for. */
export interface Authority {
  readonly requiredLevel: number | null;
  readonly heldLevel: number | null;
}

/** The answer to "may this reviewer decide this action?". */
export type Ruling =
  | ({ readonly allowed: true; readonly approvalsRequired: number } & Authority)
  | ({ readonly allowed: false; readonly refusal: Refusal } & Authority);

/** The level that comes with a role, where the user has none of their own (contract 2.1). */
const ROLE_LEVELS: Readonly<Record<Role, number>> = { user: 0, manager: 1, security_manager: 3, admin: 4 };

/** The roles that may decide at all (contract 1). */
const REVIEWER_ROLES: readonly Role[] = ['admin', 'security_manager', 'manager'];

/** The approval level a user holds: their own, else their role's. */
function heldLevelOf(user: Pick<User, 'role' | 'approvalLevel'>): number {
  return user.approvalLevel ?? ROLE_LEVELS[user.role];
}

/** The highest score, inclusive, that a user may decide; null for no limit. Binds managers only (contract 2.1). */
function riskLimitOf(user: Pick<User, 'role' | 'maxRiskScore'>, policy: ApprovalPolicy): number | null {
  return user.role === 'manager' ? (user.maxRiskScore ?? policy.managerMaxRiskScore) : null;
}

/** How many distinct reviewers have to approve an action of this score, 1 to 10. */
export function approvalsRequired(riskScore: number, policy: ApprovalPolicy): number {
  return policy.quorum[riskLevelOf(riskScore)];
}

/** The refusal of a role that an operation is closed to. */
export function refusalOfRole(role: Role): Refusal {
  return { code: 'INSUFFICIENT_PERMISSIONS', detail: `Role ${role} lacks the permission for this operation` };
}

/** The refusal of a role that decides nothing, or null. Asked before any id is looked up (contract 2.2). */
export function refusalByRole(role: Role): Refusal | null {
  return REVIEWER_ROLES.includes(role) ? null : refusalOfRole(role);
}

/** The refusal of an action that is no longer pending, with who decided, what and when (contract 2.4). */
export function refusalByState(action: {
  status: ActionStatus;
  decidedById: number | null;
  decidedAt: Date | null;
}): Refusal {
  return {
    code: 'INVALID_STATE',
    detail: `Action is not pending approval (current status: ${action.status})`,
    facts: { currentStatus: action.status, decidedBy: action.decidedById, decidedAt: action.decidedAt },
  };
}

/** The refusal of a second vote of one person on a pending action (contract 2.9). */
export function refusalOfSecondVote(actionId: number): Refusal {
  return {
    code: 'ALREADY_VOTED',
    detail: `You have already voted on action ${String(actionId)}`,
    facts: { currentStatus: 'pending_approval' },
  };
}

/** The refusal of an API key, which never decides, in whatever header it arrives (contract 1). */
export function refusalOfApiKey(): Refusal {
  return { code: 'JWT_REQUIRED', detail: 'This operation needs a JWT; an API key is not accepted' };
}

/**
 * May this principal give this verdict on this action, under this policy?
 * The one rule of the product: mutations, REST, bulk and `viewerCan…` all ask it. Pure; the order of the
 * refusals is contract 2.2: credential, role, level, limit, own action, state (a second vote last).
 * Whether the action belongs to the principal's organization is settled before (its absence is a 404).
 */
export function mayDecide(
  principal: Principal,
  action: DecidableAction,
  verdict: Verdict,
  policy: ApprovalPolicy,
): Ruling {
  if (principal.kind === 'api_key') return { allowed: false, refusal: refusalOfApiKey(), ...NO_AUTHORITY };
  const { user } = principal;
  const authority: Authority = policy.approvalLevels
    ? { requiredLevel: requiredApprovalLevel(riskLevelOf(action.riskScore)), heldLevel: heldLevelOf(user) }
    : NO_AUTHORITY;
  const refusal =
    refusalByRole(user.role) ??
    refusalByLevel(action, authority) ??
    refusalByLimit(action, riskLimitOf(user, policy)) ??
    refusalByOwnership(user, action) ??
    (statusAfter(action.status, verdict) === null ? refusalByState(action) : null) ??
    (action.hasVoted === true ? refusalOfSecondVote(action.id) : null);
  if (refusal !== null) return { allowed: false, refusal, ...authority };
  return { allowed: true, approvalsRequired: approvalsRequired(action.riskScore, policy), ...authority };
}

const NO_AUTHORITY: Authority = { requiredLevel: null, heldLevel: null };

function refusalByLevel(action: DecidableAction, { requiredLevel, heldLevel }: Authority): Refusal | null {
  if (requiredLevel === null || heldLevel === null || heldLevel >= requiredLevel) return null;
  const band = riskLevelOf(action.riskScore);
  return {
    code: 'APPROVAL_LEVEL_REQUIRED',
    detail: `Action ${String(action.id)} is of ${band} risk and requires approval level ${String(requiredLevel)}; you hold level ${String(heldLevel)}`,
    facts: { requiredLevel, heldLevel },
  };
}

function refusalByLimit(action: DecidableAction, riskLimit: number | null): Refusal | null {
  if (riskLimit === null || action.riskScore <= riskLimit) return null;
  return {
    code: 'RISK_LIMIT_EXCEEDED',
    detail: `Action ${String(action.id)} has risk score ${String(action.riskScore)}, above your limit of ${String(riskLimit)}`,
    facts: { riskScore: action.riskScore, riskLimit },
  };
}

function refusalByOwnership(user: User, action: DecidableAction): Refusal | null {
  if (action.submittedById !== user.id) return null;
  return {
    code: 'SELF_APPROVAL_FORBIDDEN',
    detail: `Action ${String(action.id)} was submitted by you or by an API key of yours; somebody else has to decide it`,
  };
}
