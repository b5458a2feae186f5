import { refusalByRole } from '../../domain/approval-policy';
import { RefusedError, type Refusal } from '../../domain/refusal';
import { authorizeActions, type AuthorizedAction } from './authorize-actions';
import type { DecisionRequest } from './decision-batch';
import { hasDecided, denialRecordOf, type DecisionResult, type Outcome } from './decision-outcomes';
import { decideAllOrNone, decideEach, decideUnderKey, type Round } from './decision-rounds';
import type { DecisionStore } from './decision-store';
import { replayDecision } from './replayed-decision';
import { INVALID_TOKEN, type ReadReviewerNow } from './reviewer-now';

export type DecideActions = (request: DecisionRequest) => Promise<DecisionResult>;

/** Retry limit under constant change. A round is repeated only if something changed during it. */
const MAX_ROUNDS = 100;
const CHANGING: Refusal = {
  code: 'SERVICE_UNAVAILABLE',
  detail: 'The policy or your authority keeps changing while this is decided; try again',
};

/**
 * Decides actions for a reviewer. It is the only way to decide; a single decision is a list of one. It writes the
 * decisions and the denial records, and returns once both are committed. Actions that are stale at the write are
 * authorized again and retried. A replay returns the stored outcome.
 * @throws {RefusedError} where the reviewer may no longer decide anything and nothing was decided; SERVICE_UNAVAILABLE
 * under constant change; IDEMPOTENCY_KEY_REUSED or IDEMPOTENCY_CONFLICT
 */
export function makeDecideActions(store: DecisionStore, readReviewerNow: ReadReviewerNow): DecideActions {
  return async (request) => {
    const outcomes = new Map<number, Outcome>();
    const decideRound = roundFor(request);
    /** The remaining part of the request, as currently authorized. */
    let current = request;
    for (let round = 0; current.items.length > 0; round += 1) {
      if (round === MAX_ROUNDS) {
        leaveRest(current.items, outcomes);
        break;
      }
      const { stale, known = null } = await decideRound(current, store, outcomes);
      if (known !== null && request.idempotencyKey !== null)
        return replayDecision(known, request.idempotencyKey, current, store);
      if (stale.length === 0) break;
      const now = await readReviewerNow(current.reviewer);
      const refusal = now?.user.active === true ? refusalByRole(now.user.role) : INVALID_TOKEN;
      const reviewer = now ?? current.reviewer;
      if (refusal !== null) {
        current = { ...request, reviewer };
        await refuseRest(current, refusal, stale, store, outcomes);
        break;
      }
      request.actions.forget(stale);
      const items = await authorizeActions(reviewer, request.attempt, stale, request.actions);
      current = { ...request, reviewer, items };
    }
    const inOrder = request.items.map(({ actionId }) => outcomes.get(actionId) ?? noOutcome(actionId));
    return {
      reviewer: current.reviewer,
      isReplay: false,
      correlationId: request.origin.correlationId,
      outcomes: inOrder,
    };
  };
}

function roundFor({ mode, idempotencyKey, attempt }: DecisionRequest): Round {
  if (idempotencyKey !== null && attempt.isBulk) return decideUnderKey;
  return mode === 'atomic' ? decideAllOrNone : decideEach;
}

/** Gives up on the rest. No rule refused it, so it is not a denied attempt and gets no denial record. */
function leaveRest(rest: readonly AuthorizedAction[], outcomes: Map<number, Outcome>): void {
  if (!hasDecided(outcomes)) throw new RefusedError(CHANGING);
  for (const { actionId } of rest) outcomes.set(actionId, { actionId, refusal: CHANGING });
}

/** Refuses the rest after the reviewer lost the right to decide anything: one denial record for all of it. */
async function refuseRest(
  request: DecisionRequest,
  refusal: Refusal,
  rest: readonly number[],
  store: DecisionStore,
  outcomes: Map<number, Outcome>,
): Promise<void> {
  const [only] = request.items.length === 1 ? rest : [];
  await store.ownTransaction.refuse([denialRecordOf(request, refusal, { actionId: only ?? null })]);
  if (!hasDecided(outcomes)) throw new RefusedError(refusal);
  for (const actionId of rest) outcomes.set(actionId, { actionId, refusal });
}

function noOutcome(actionId: number): never {
  throw new Error(`No outcome for action ${String(actionId)}`);
}
