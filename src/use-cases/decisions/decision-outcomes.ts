import type { Action, ActionStatus, Verdict } from '../../domain/action';
import type { AuditEntryDraft } from '../../domain/audit-entry';
import { refusalOfSecondVote, refusalOfState } from '../../domain/decision-refusals';
import type { Reviewer } from '../../domain/principal';
import { actionNotFound, type Refusal } from '../../domain/refusal';
import type { AuthorizedAction } from './authorize-actions';
import type { DecisionRequest } from './decision-batch';
import type { DecisionWrites, WriteOutcome } from './decision-store';
import { denialRecordDraft } from './denied-attempt';

/** The effect of one decision. */
export interface Decision {
  readonly actionId: number;
  /** The action's status after the decision: still pending where more approvals are required. */
  readonly status: ActionStatus;
  readonly verdict: Verdict;
  readonly decidedAt: Date;
  readonly approvalsReceived: number;
  readonly approvalsRequired: number;
  readonly auditId: number;
  /** Leaf hash of the audit entry, 32 bytes. */
  readonly leafHash: Buffer;
  /** The action after the decision; for a replay, the action as it is now. */
  readonly action: Action;
}

/** The outcome for one requested id. */
export type Outcome =
  | { readonly actionId: number; readonly decision: Decision; readonly refusal?: undefined }
  | { readonly actionId: number; readonly refusal: Refusal; readonly decision?: undefined };

/** The result of a decision request. */
export interface DecisionResult {
  /** The reviewer and the policy as last read, which is what the last write was authorized with. */
  readonly reviewer: Reviewer;
  /** Whether this is the stored outcome of an earlier request with the same idempotency key. */
  readonly isReplay: boolean;
  /** Correlation id of the request that decided; for a replay, of the original request. */
  readonly correlationId: string;
  /** One per item, in the items' order. */
  readonly outcomes: readonly Outcome[];
}

export function hasDecided(outcomes: ReadonlyMap<number, Outcome>): boolean {
  return [...outcomes.values()].some(({ decision }) => decision !== undefined);
}

/** Returns the refusals by the rule, and of actions that do not exist, by action id. */
export function refusedByRule({ items }: DecisionRequest): Map<number, Refusal> {
  const refused = new Map<number, Refusal>();
  for (const { actionId, action, ruling } of items) {
    if (action === null || ruling === null) refused.set(actionId, actionNotFound(actionId));
    else if (!ruling.allowed) refused.set(actionId, ruling.refusal);
  }
  return refused;
}

/** Whether a write did nothing because of its idempotency key. Such an outcome says nothing about the action. */
function isOfKey(outcome: WriteOutcome): outcome is Extract<WriteOutcome, { kind: `key_${string}` }> {
  return outcome.kind === 'key_used' || outcome.kind === 'key_busy';
}

/**
 * Files written and refused outcomes.
 * @returns the ids of stale actions
 */
export function settle(
  written: readonly WriteOutcome[],
  request: DecisionRequest,
  outcomes: Map<number, Outcome>,
  refused: Map<number, Refusal>,
): readonly number[] {
  const stale: number[] = [];
  for (const outcome of written) {
    const { actionId } = outcome;
    if (outcome.kind === 'written')
      outcomes.set(actionId, { actionId, decision: decisionOf(outcome, request) });
    else if (outcome.kind === 'stale') stale.push(actionId);
    else if (!isOfKey(outcome)) refused.set(actionId, refusalOf(outcome));
  }
  return stale;
}

/** Writes denial records. A missing action is not a denied attempt (docs/audit-log.md#denied-attempts). */
export async function writeDenialRecords(
  refused: ReadonlyMap<number, Refusal>,
  request: DecisionRequest,
  writes: DecisionWrites,
): Promise<void> {
  const items = new Map(request.items.map((item) => [item.actionId, item]));
  const records = [...refused]
    .filter(([, refusal]) => refusal.code !== 'ACTION_NOT_FOUND')
    .map(([actionId, refusal]) => denialRecordOf(request, refusal, { actionId, ...items.get(actionId) }));
  if (records.length > 0) await writes.refuse(records);
}

/** Returns the denial record of one denied attempt of a request. */
export function denialRecordOf(
  { reviewer, attempt, reason, origin }: DecisionRequest,
  refusal: Refusal,
  of: { actionId: number | null } & Partial<Pick<AuthorizedAction, 'action' | 'ruling'>>,
): AuditEntryDraft {
  return denialRecordDraft({
    principal: reviewer,
    verdict: attempt.verdict,
    reason,
    origin,
    refusal,
    ...of,
  });
}

function decisionOf(written: Extract<WriteOutcome, { kind: 'written' }>, request: DecisionRequest): Decision {
  const { actionId, action, auditId, leafHash, approvalsRequired } = written;
  request.actions.prime(action);
  return {
    actionId,
    status: action.status,
    verdict: request.attempt.verdict,
    // A vote that does not decide has no decision time; its time is the action's last change.
    decidedAt: action.decidedAt ?? action.updatedAt,
    approvalsReceived: action.approvals,
    approvalsRequired,
    auditId,
    leafHash,
    action,
  };
}

function refusalOf(outcome: Extract<WriteOutcome, { kind: 'not_pending' | 'already_voted' }>): Refusal {
  if (outcome.kind === 'not_pending') return refusalOfState(outcome.facts);
  const { actionId: id, approvals, approvalsRequired } = outcome;
  return refusalOfSecondVote({ id, approvals }, approvalsRequired);
}
