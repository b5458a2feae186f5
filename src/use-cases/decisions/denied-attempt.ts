import type { Action, Verdict } from '../../domain/action';
import { riskLimitRecord, type Authority } from '../../domain/approval-policy';
import { auditActorOf, type AuditEntryDraft, type RequestOrigin } from '../../domain/audit-entry';
import type { Principal } from '../../domain/principal';
import type { Refusal } from '../../domain/refusal';

/** A denied attempt to decide: a whole request, if refused by role or credential; otherwise a single action. */
export interface DeniedAttempt {
  readonly principal: Principal;
  readonly verdict: Verdict;
  readonly reason: string | null;
  readonly origin: RequestOrigin;
  readonly refusal: Refusal;
  /** Null for a bulk that was refused as a whole. */
  readonly actionId: number | null;
  /** Present once the action was loaded. */
  readonly action?: Action | null;
  readonly ruling?: Authority | null;
}

/** Returns the denial record of a denied attempt (docs/audit-log.md#denied-attempts). */
export function denialRecordDraft(refused: DeniedAttempt): AuditEntryDraft {
  const { principal, verdict, reason, origin, refusal, actionId, action, ruling } = refused;
  const who =
    principal.kind === 'user' ? `User ${String(principal.user.id)}` : `API key ${String(principal.apiKeyId)}`;
  const what = actionId === null ? 'actions in bulk' : `action ${String(actionId)}`;
  return {
    organizationId: principal.organizationId,
    actionType: 'decision_refused',
    actor: auditActorOf(principal),
    origin,
    details: `${who} was refused to ${verdict} ${what}: ${refusal.code}`,
    actionId,
    verdict,
    reason,
    refusalCode: refusal.code,
    riskScore: action?.riskScore ?? null,
    requiredLevel: ruling?.requiredLevel ?? null,
    heldLevel: ruling?.heldLevel ?? null,
    policyVersion: principal.policy.version,
    data: riskLimitRecord(ruling),
  };
}
