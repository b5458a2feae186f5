import type { Action, Verdict } from '../domain/action';
import { refusalByRole } from '../domain/approval-policy';
import type { AuditEntryDraft } from '../domain/audit-entry';
import { refusalOfCompany, refusalOfSecondVote, refusalOfState } from '../domain/decision-refusals';
import type { Reviewer } from '../domain/principal';
import { actionNotFound, RefusedError, type Refusal } from '../domain/refusal';
import { authorizeActions, type AuthorizedAction } from './authorize-actions';
import { batchOf, type DecisionRequest } from './decision-batch';
import type { DecisionStore, DecisionWrites, WriteOutcome } from './decision-store';
import { INVALID_TOKEN, type ReadReviewerNow } from './reviewer-now';
import { refusedDecisionDraft } from './refused-decision';

/** What a decision did. */
export interface Decision {
  readonly actionId: number;
  readonly verdict: Verdict;
  readonly decidedAt: Date;
  readonly approvalsReceived: number;
  readonly approvalsRequired: number;
  readonly auditId: number;
  /** Of the audit entry: 32 bytes. */
  readonly leafHash: Buffer;
  /** The action as it is after the decision. */
  readonly action: Action;
}

/** What became of one asked id. */
export type Outcome =
  | { readonly actionId: number; readonly decision: Decision; readonly refusal?: undefined }
  | { readonly actionId: number; readonly refusal: Refusal; readonly decision?: undefined };

/** What became of a request. */
export interface DecisionResult {
  /** As they were when the last of it was written, with the policy in force then. */
  readonly reviewer: Reviewer;
  /** One per item, in the items' order. */
  readonly outcomes: readonly Outcome[];
}

export type DecideActions = (request: DecisionRequest) => Promise<DecisionResult>;

/** Decides once what it can, files every outcome that is final, and returns the ids that have to be authorized anew. */
type Round = (
  request: DecisionRequest,
  store: DecisionStore,
  outcomes: Map<number, Outcome>,
) => Promise<readonly number[]>;

/** A race is lost again only if something moved again in between: so often in a row, somebody changes it without a pause. */
const MAX_ROUNDS = 100;
const CHANGING: Refusal = {
  code: 'SERVICE_UNAVAILABLE',
  detail: 'The policy or your authority keeps changing while this is decided; try again',
};

/**
 * Decides actions for a reviewer: the one way in which a decision comes about. A single decision is a list of one.
 * Writes the decisions and the evidence of refusals, and answers only once both are committed. What moved between
 * authorization and write is authorized anew and tried again.
 * @throws {RefusedError} where the reviewer may no longer decide anything, and nothing was decided
 */
export function makeDecideActions(store: DecisionStore, readReviewerNow: ReadReviewerNow): DecideActions {
  return async (request) => {
    const outcomes = new Map<number, Outcome>();
    const decideRound: Round = request.mode === 'atomic' ? decideAllOrNone : decideEach;
    let { reviewer, items } = request;
    for (let round = 0; items.length > 0; round += 1) {
      if (round === MAX_ROUNDS) {
        leaveRest(items, outcomes);
        break;
      }
      const moved = await decideRound({ ...request, reviewer, items }, store, outcomes);
      if (moved.length === 0) break;
      const now = await readReviewerNow(reviewer);
      const refusal = now?.user.active === true ? refusalByRole(now.user.role) : INVALID_TOKEN;
      reviewer = now ?? reviewer;
      if (refusal !== null) {
        await refuseRest({ ...request, reviewer }, refusal, moved, store, outcomes);
        break;
      }
      request.actions.forget(moved);
      items = await authorizeActions(reviewer, request.attempt, moved, request.actions);
    }
    const inOrder = request.items.map(({ actionId }) => outcomes.get(actionId) ?? noOutcome(actionId));
    return { reviewer, outcomes: inOrder };
  };
}

/** Leaves what is left as it is: nothing speaks against it, so that it is no refusal to decide and no evidence. */
function leaveRest(rest: readonly AuthorizedAction[], outcomes: Map<number, Outcome>): void {
  if (!hasDecided(outcomes)) throw new RefusedError(CHANGING);
  for (const { actionId } of rest) outcomes.set(actionId, { actionId, refusal: CHANGING });
}

function hasDecided(outcomes: ReadonlyMap<number, Outcome>): boolean {
  return [...outcomes.values()].some(({ decision }) => decision !== undefined);
}

/** Best effort: each action by itself, the decisions and the evidence of refusals in one commit. */
const decideEach: Round = async (request, store, outcomes) => {
  const refused = refusedByRule(request);
  const batch = batchOf(request);
  const moved: number[] = [];
  const write = async (writes: DecisionWrites): Promise<void> => {
    const written = batch.candidates.length === 0 ? [] : await writes.decide(batch);
    moved.push(...settle(written, request, outcomes, refused));
    await recordEvidence(refused, request, writes);
  };
  // A single decision needs no transaction: it is either one decision or one refusal, never both.
  await (request.items.length === 1 ? write(store.alone) : store.together(write));
  for (const [actionId, refusal] of refused) outcomes.set(actionId, { actionId, refusal });
  return moved;
};

/** All or none: one refusal, by the rule or by a lost race, decides none of the actions. */
const decideAllOrNone: Round = async (request, store, outcomes) => {
  const refused = refusedByRule(request);
  if (refused.size === 0) {
    const written = await store.allOrNone(batchOf(request));
    // Nothing was written where anything moved or was lost: what the others say of themselves is not so.
    if (written.some(({ kind }) => kind === 'moved')) return request.items.map(({ actionId }) => actionId);
    const lost = written.filter(({ kind }) => kind !== 'written');
    settle(lost.length === 0 ? written : lost, request, outcomes, refused);
    if (lost.length === 0) return [];
  }
  await recordEvidence(refused, request, store.alone);
  for (const { actionId } of request.items)
    outcomes.set(actionId, { actionId, refusal: refused.get(actionId) ?? refusalOfCompany(actionId) });
  return [];
};

/** What the rule, or the absence of an action, refuses. */
function refusedByRule({ items }: DecisionRequest): Map<number, Refusal> {
  const refused = new Map<number, Refusal>();
  for (const { actionId, action, ruling } of items) {
    if (action === null || ruling === null) refused.set(actionId, actionNotFound(actionId));
    else if (!ruling.allowed) refused.set(actionId, ruling.refusal);
  }
  return refused;
}

/** Files what the write did and what it refused; returns what moved meanwhile. */
function settle(
  written: readonly WriteOutcome[],
  request: DecisionRequest,
  outcomes: Map<number, Outcome>,
  refused: Map<number, Refusal>,
): readonly number[] {
  const moved: number[] = [];
  for (const outcome of written) {
    const { actionId } = outcome;
    if (outcome.kind === 'written')
      outcomes.set(actionId, { actionId, decision: decisionOf(outcome, request) });
    else if (outcome.kind === 'moved') moved.push(actionId);
    else refused.set(actionId, refusalOf(outcome));
  }
  return moved;
}

/** Refused tries are evidence; that there is no such action is not (contract 2.12). */
async function recordEvidence(
  refused: ReadonlyMap<number, Refusal>,
  request: DecisionRequest,
  writes: DecisionWrites,
): Promise<void> {
  const items = new Map(request.items.map((item) => [item.actionId, item]));
  const evidence = [...refused]
    .filter(([, refusal]) => refusal.code !== 'ACTION_NOT_FOUND')
    .map(([actionId, refusal]) => refusedDraft(request, refusal, { actionId, ...items.get(actionId) }));
  if (evidence.length > 0) await writes.refuse(evidence);
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

function refusedDraft(
  { reviewer, attempt, reason, origin }: DecisionRequest,
  refusal: Refusal,
  of: { actionId: number | null } & Partial<Pick<AuthorizedAction, 'action' | 'ruling'>>,
): AuditEntryDraft {
  return refusedDecisionDraft({
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
    verdict: request.attempt.verdict,
    // A vote that decides nothing yet has its own moment, the action's last change.
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

function noOutcome(actionId: number): never {
  throw new Error(`No outcome for action ${String(actionId)}`);
}
