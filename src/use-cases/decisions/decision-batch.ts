import { statusOf, type Action } from '../../domain/action';
import { riskLimitRecord, type Attempt, type Ruling } from '../../domain/approval-policy';
import {
  auditActorOf,
  type AuditActionType,
  type AuditEntryDraft,
  type RequestOrigin,
} from '../../domain/audit-entry';
import type { Reviewer } from '../../domain/principal';
import type { IdempotencyKey } from '../../domain/idempotency';
import type { ActionSource, AuthorizedAction } from './authorize-actions';
import type { DecisionBatch, DecisionCandidate } from './decision-store';

/** Whether each item of a bulk is decided independently, or all items or none. */
export const BULK_MODES = ['best_effort', 'atomic'] as const;
export type BulkMode = (typeof BULK_MODES)[number];

export interface DecisionRequest {
  readonly reviewer: Reviewer;
  readonly attempt: Attempt;
  readonly mode: BulkMode;
  readonly reason: string | null;
  readonly origin: RequestOrigin;
  /** Distinct ids in the requested order, each with its ruling. */
  readonly items: readonly AuthorizedAction[];
  readonly actions: ActionSource;
  /** The idempotency key; null where the client sent none. */
  readonly idempotencyKey: IdempotencyKey | null;
}

/** Returns the write for the items that the rule allows, with the audit entries for either effect. */
export function batchOf(request: DecisionRequest): DecisionBatch {
  const { reviewer, attempt, reason, origin, items, idempotencyKey } = request;
  return {
    reviewer,
    verdict: attempt.verdict,
    reason,
    correlationId: origin.correlationId,
    candidates: items.flatMap((item) => candidateOf(item, request)),
    // The idempotency record of a bulk is written by its transaction.
    idempotencyKey: attempt.isBulk ? null : idempotencyKey,
  };
}

function candidateOf(
  { action, ruling, hasVoted }: AuthorizedAction,
  request: DecisionRequest,
): DecisionCandidate[] {
  if (action === null || ruling?.allowed !== true) return [];
  const { verdict } = request.attempt;
  const { approvalsRequired } = ruling;
  const id = String(action.id);
  const user = String(request.reviewer.user.id);
  const isSecond = hasVoted && verdict === 'approve';
  const decided = draftOf(
    verdict === 'approve' ? 'action_approved' : 'action_denied',
    `Action ${id} ${statusOf(verdict)} by user ${user}${isSecond ? ', who confirms an earlier approval' : ''}`,
    action,
    ruling,
    request,
  );
  const isVote = verdict === 'approve' && approvalsRequired > 1;
  const details = `Approval of action ${id} by user ${user} counted, more are required`;
  const voted = isVote ? draftOf('vote_recorded', details, action, ruling, request) : null;
  return [{ action, approvalsRequired, decided, voted }];
}

function draftOf(
  actionType: AuditActionType,
  details: string,
  action: Action,
  ruling: Ruling & { readonly allowed: true },
  { reviewer, attempt, reason, origin }: DecisionRequest,
): AuditEntryDraft {
  return {
    organizationId: reviewer.organizationId,
    actionType,
    actor: auditActorOf(reviewer),
    details,
    origin,
    actionId: action.id,
    verdict: attempt.verdict,
    reason,
    riskScore: action.riskScore,
    requiredLevel: ruling.requiredLevel,
    heldLevel: ruling.heldLevel,
    policyVersion: reviewer.policy.version,
    approvalsRequired: ruling.approvalsRequired,
    data: riskLimitRecord(ruling),
  };
}
