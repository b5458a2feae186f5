import { refusalByRole } from '../domain/approval-policy';
import type { Reviewer } from '../domain/principal';
import { RefusedError, type Refusal } from '../domain/refusal';
import { authorizeActions, type AuthorizedAction } from './authorize-actions';
import type { DecisionRequest } from './decision-batch';
import { hasDecided, refusedDraft, type Outcome } from './decision-outcomes';
import { decideAllOrNone, decideEach, decideOnce, type Round } from './decision-rounds';
import type { DecisionStore } from './decision-store';
import { tellAgain } from './known-decision';
import { INVALID_TOKEN, type ReadReviewerNow } from './reviewer-now';

/** What became of a request. */
export interface DecisionResult {
  /** As they were when the last of it was written, with the policy in force then. */
  readonly reviewer: Reviewer;
  /** Of the request that decided, which is an earlier one where this one repeats it. */
  readonly correlationId: string;
  /** One per item, in the items' order. */
  readonly outcomes: readonly Outcome[];
}

export type DecideActions = (request: DecisionRequest) => Promise<DecisionResult>;

/** A race is lost again only if something moved again in between: so often in a row, somebody changes it without a pause. */
const MAX_ROUNDS = 100;
const CHANGING: Refusal = {
  code: 'SERVICE_UNAVAILABLE',
  detail: 'The policy or your authority keeps changing while this is decided; try again',
};

/**
 * Decides actions for a reviewer: the one way in which a decision comes about. A single decision is a list of one.
 * Writes the decisions and the evidence of refusals, and answers only once both are committed. What moved between
 * authorization and write is authorized anew and tried again. A request that had come before is told what it came to then.
 * @throws {RefusedError} where the reviewer may no longer decide anything, and nothing was decided
 */
export function makeDecideActions(store: DecisionStore, readReviewerNow: ReadReviewerNow): DecideActions {
  return async (request) => {
    const outcomes = new Map<number, Outcome>();
    const decideRound = roundFor(request);
    /** The request as it is authorized now, of what is left of it. */
    let current = request;
    for (let round = 0; current.items.length > 0; round += 1) {
      if (round === MAX_ROUNDS) {
        leaveRest(current.items, outcomes);
        break;
      }
      const { moved, known = null } = await decideRound(current, store, outcomes);
      if (known !== null && request.retry !== null) return tellAgain(known, request.retry, current, store);
      if (moved.length === 0) break;
      const now = await readReviewerNow(current.reviewer);
      const refusal = now?.user.active === true ? refusalByRole(now.user.role) : INVALID_TOKEN;
      const reviewer = now ?? current.reviewer;
      if (refusal !== null) {
        current = { ...request, reviewer };
        await refuseRest(current, refusal, moved, store, outcomes);
        break;
      }
      request.actions.forget(moved);
      const items = await authorizeActions(reviewer, request.attempt, moved, request.actions);
      current = { ...request, reviewer, items };
    }
    const inOrder = request.items.map(({ actionId }) => outcomes.get(actionId) ?? noOutcome(actionId));
    return {
      reviewer: current.reviewer,
      correlationId: request.origin.correlationId,
      outcomes: inOrder,
    };
  };
}

function roundFor({ mode, retry, attempt }: DecisionRequest): Round {
  if (retry !== null && attempt.isBulk) return decideOnce;
  return mode === 'atomic' ? decideAllOrNone : decideEach;
}

/** Leaves what is left as it is: nothing speaks against it, so that it is no refusal to decide and no evidence. */
function leaveRest(rest: readonly AuthorizedAction[], outcomes: Map<number, Outcome>): void {
  if (!hasDecided(outcomes)) throw new RefusedError(CHANGING);
  for (const { actionId } of rest) outcomes.set(actionId, { actionId, refusal: CHANGING });
}

/** A reviewer who lost the right to decide anything: one refusal of the request, or of what is left of it. */
async function refuseRest(
  request: DecisionRequest,
  refusal: Refusal,
  rest: readonly number[],
  store: DecisionStore,
  outcomes: Map<number, Outcome>,
): Promise<void> {
  const [only] = request.items.length === 1 ? rest : [];
  await store.alone.refuse([refusedDraft(request, refusal, { actionId: only ?? null })]);
  if (!hasDecided(outcomes)) throw new RefusedError(refusal);
  for (const actionId of rest) outcomes.set(actionId, { actionId, refusal });
}

function noOutcome(actionId: number): never {
  throw new Error(`No outcome for action ${String(actionId)}`);
}
