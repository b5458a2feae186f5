import { mayDecide } from '../../domain/approval-policy';
import { RefusedError, type Refusal } from '../../domain/refusal';
import type { IdempotencyRecord, IdempotencyKey } from '../../domain/idempotency';
import type { DecisionRequest } from './decision-batch';
import { writeDenialRecords, type Decision, type Outcome } from './decision-outcomes';
import type { DecisionResult } from './decision-outcomes';
import type { DecisionStore } from './decision-store';
import { outcomeOfRecord } from '../idempotency-record';

/** The outcome that an idempotency record keeps. It holds facts only, so that either API can render it. */
interface DecisionRecord {
  readonly correlation_id: string;
  /** In the requested order. */
  readonly results: readonly (DecidedRecord | RefusedRecord)[];
}

/** The decide statement writes the same shape. */
interface DecidedRecord {
  readonly action_id: number;
  readonly status: Decision['status'];
  /** UTC with milliseconds. */
  readonly decided_at: string;
  readonly approvals_received: number;
  readonly approvals_required: number;
  readonly audit_id: number;
  /** Base64. */
  readonly leaf_hash: string;
  readonly refusal?: undefined;
}

interface RefusedRecord {
  readonly action_id: number;
  readonly refusal: Refusal;
}

/** Returns the idempotency record's outcome for a bulk. */
export function recordOf(
  { items, origin }: DecisionRequest,
  outcomes: ReadonlyMap<number, Outcome>,
): DecisionRecord {
  return {
    correlation_id: origin.correlationId,
    results: items.flatMap(({ actionId }) => {
      const outcome = outcomes.get(actionId);
      if (outcome === undefined) return [];
      return [outcome.decision === undefined ? refusedRecord(outcome) : decidedRecord(outcome.decision)];
    }),
  };
}

/**
 * Replays a stored outcome to a reviewer who still has the required authority. The rule is applied as if the actions
 * were undecided. Nothing is written, except a denial record if the authority is gone.
 * @throws {RefusedError} IDEMPOTENCY_KEY_REUSED, or the rule's current refusal
 */
export async function replayDecision(
  known: IdempotencyRecord,
  idempotencyKey: IdempotencyKey,
  request: DecisionRequest,
  store: DecisionStore,
): Promise<DecisionResult> {
  const { reviewer, attempt, actions } = request;
  const { correlation_id: correlationId, results } = outcomeOfRecord(known, idempotencyKey) as DecisionRecord;
  const decidedIds = results.flatMap(({ action_id: id, refusal }) => (refusal === undefined ? [id] : []));
  actions.forget(decidedIds);
  const loaded = new Map((await actions.load(decidedIds)).map((action) => [action?.id, action]));
  const outcomes: Outcome[] = [];
  for (const result of results) {
    const { action_id: actionId } = result;
    if (result.refusal !== undefined) {
      outcomes.push({ actionId, refusal: withDates(result.refusal) });
      continue;
    }
    const action = loaded.get(actionId);
    if (action === undefined || action === null)
      throw new Error(`The decided action ${String(actionId)} is gone`);
    const undecided = { ...action, status: 'pending_approval', hasVoted: false } as const;
    const ruling = mayDecide(
      reviewer,
      undecided,
      { ...attempt, isBulk: false, hasReason: true },
      reviewer.policy,
    );
    if (!ruling.allowed) {
      await writeDenialRecords(new Map([[actionId, ruling.refusal]]), request, store.ownTransaction);
      throw new RefusedError(ruling.refusal);
    }
    outcomes.push({
      actionId,
      decision: {
        actionId,
        status: result.status,
        verdict: attempt.verdict,
        decidedAt: new Date(result.decided_at),
        approvalsReceived: result.approvals_received,
        approvalsRequired: result.approvals_required,
        auditId: result.audit_id,
        leafHash: Buffer.from(result.leaf_hash, 'base64'),
        action,
      },
    });
  }
  return { reviewer, isReplay: true, correlationId, outcomes };
}

function decidedRecord(decision: Decision): DecidedRecord {
  return {
    action_id: decision.actionId,
    status: decision.status,
    decided_at: decision.decidedAt.toISOString(),
    approvals_received: decision.approvalsReceived,
    approvals_required: decision.approvalsRequired,
    audit_id: decision.auditId,
    leaf_hash: decision.leafHash.toString('base64'),
  };
}

function refusedRecord({ actionId, refusal }: Extract<Outcome, { refusal: Refusal }>): RefusedRecord {
  return { action_id: actionId, refusal };
}

/** Restores the date in a refusal that was stored as JSON. */
function withDates(refusal: Refusal): Refusal {
  const at = refusal.facts?.decidedAt ?? null;
  return at === null ? refusal : { ...refusal, facts: { ...refusal.facts, decidedAt: new Date(at) } };
}
