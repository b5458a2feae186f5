import type { Action, ActionStatus, Verdict } from './action';
import type { Role } from './role';
import type { Refusal } from './refusal';
import type { RiskLevel } from './risk';

/**
 * Returns the refusal of an API key, which never decides, in whatever header it is sent
 * (docs/authentication.md#api-keys-never-decide).
 */
export function refusalOfApiKey(): Refusal {
  return { code: 'JWT_REQUIRED', detail: 'This operation needs a JWT; an API key is not accepted' };
}

/** Returns the refusal of a role that may not use an operation. */
export function refusalOfRole(heldRole: Role, requiredRoles: readonly Role[]): Refusal {
  return {
    code: 'INSUFFICIENT_PERMISSIONS',
    detail: `Role ${heldRole} lacks the permission for this operation, which is for ${requiredRoles.join(', ')}`,
    facts: { requiredRoles, heldRole },
  };
}

/** Returns the refusal of an API key without the scope that an operation or field needs. */
export function refusalOfScope(scope: string): Refusal {
  return { code: 'INSUFFICIENT_PERMISSIONS', detail: `This API key lacks the scope ${scope}` };
}

/**
 * Returns the refusal of a reviewer whose held level is below the action's required level
 * (docs/approval-policy.md#held-level).
 */
export function refusalOfLevel(
  actionId: number,
  riskLevel: RiskLevel,
  { requiredLevel, heldLevel }: { requiredLevel: number; heldLevel: number },
): Refusal {
  return {
    code: 'APPROVAL_LEVEL_REQUIRED',
    detail: `Action ${String(actionId)} is of ${riskLevel} risk and requires approval level ${String(requiredLevel)}; you hold level ${String(heldLevel)}`,
    facts: { requiredLevel, heldLevel },
  };
}

/**
 * Returns the refusal of a manager whose risk limit is below the action's score (docs/approval-policy.md#risk-limit).
 */
export function refusalOfLimit(actionId: number, riskScore: number, riskLimit: number): Refusal {
  return {
    code: 'RISK_LIMIT_EXCEEDED',
    detail: `Action ${String(actionId)} has risk score ${String(riskScore)}, above your limit of ${String(riskLimit)}`,
    facts: { riskScore, riskLimit },
  };
}

/**
 * Returns the refusal of a reviewer who submitted the action, directly or by an API key that they own or created
 * (docs/approval-policy.md#own-actions).
 */
export function refusalOfOwnAction(actionId: number, submittedBy: number): Refusal {
  return {
    code: 'SELF_APPROVAL_FORBIDDEN',
    detail: `Action ${String(actionId)} was submitted by you or by an API key that you own or created; another person has to decide it`,
    facts: { submittedBy },
  };
}

/** Returns the refusal of an action in a bulk whose risk level the policy excludes from bulks. */
export function refusalOfBulk(actionId: number, riskLevel: RiskLevel): Refusal {
  return {
    code: 'BULK_NOT_ALLOWED',
    detail: `Action ${String(actionId)} is of ${riskLevel} risk and has to be decided individually, not in bulk`,
    facts: { riskLevel },
  };
}

/**
 * Returns the refusal of an action that is no longer pending: who decided it, how and when
 * (docs/approval-policy.md#one-decision-per-action).
 */
export function refusalOfState(action: {
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

/** Returns the refusal of a verdict without the reason that the policy requires (docs/approval-policy.md#reasons). */
export function refusalOfMissingReason(actionId: number, verdict: Verdict, riskLevel: RiskLevel): Refusal {
  return {
    code: 'REASON_REQUIRED',
    detail: `Action ${String(actionId)} is of ${riskLevel} risk: a reason is required to ${verdict} it`,
    facts: { riskLevel },
  };
}

/** Returns the refusal of a reviewer's second vote on a pending action (docs/approval-policy.md#quorum). */
export function refusalOfSecondVote(
  action: Pick<Action, 'id' | 'approvals'>,
  approvalsRequired: number,
): Refusal {
  return {
    code: 'ALREADY_VOTED',
    detail: `You have already voted on action ${String(action.id)}`,
    facts: {
      currentStatus: 'pending_approval',
      approvalsReceived: action.approvals,
      approvalsRequired,
    },
  };
}

/** Returns the refusal of a skipped item: it could have been decided, but others of the atomic bulk were refused. */
export function refusalOfSkipped(actionId: number): Refusal {
  return {
    code: 'NOT_ATTEMPTED',
    detail: `Action ${String(actionId)} was skipped, because another action of this atomic bulk was refused`,
  };
}
