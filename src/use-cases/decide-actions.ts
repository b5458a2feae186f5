import { statusOf, type Action, type Verdict } from '../domain/action';
import {
  mayDecide,
  refusalByRole,
  refusalByState,
  refusalOfSecondVote,
  type Ruling,
} from '../domain/approval-policy';
import { auditActorOf, type AuditEntryDraft, type RequestOrigin } from '../domain/audit-entry';
import type { Reviewer } from '../domain/principal';
import { actionNotFound, RefusedError, type Refusal } from '../domain/refusal';
import type {
  DecisionBatch,
  DecisionCandidate,
  DecisionStore,
  DecisionWrites,
  WriteOutcome,
} from './decision-store';
import { refusedDecisionDraft } from './refused-decision';

/** An action with what the rule says about it, for one reviewer and verdict; both null where there is no such action. */
export interface AuthorizedAction {
  readonly actionId: number;
  readonly action: Action | null;
  readonly ruling: Ruling | null;
}

/** Where a decision finds its actions: a request's own loader. */
export interface ActionSource {
  /** The actions of these ids in their order, null where the tenant has none. */
  load(ids: readonly number[]): Promise<readonly (Action | null)[]>;
  /** Forgets these, so that the next load reads them anew. */
  forget(ids: readonly number[]): void;
  /** Takes this for the action as it is now. */
  prime(action: Action): void;
}

export interface DecisionRequest {
  readonly reviewer: Reviewer;
  readonly verdict: Verdict;
  readonly reason: string | null;
  readonly origin: RequestOrigin;
  /** Distinct ids, in the order asked, with the rule's answers. */
  readonly items: readonly AuthorizedAction[];
  readonly actions: ActionSource;
}

/** What a decision did. */
export interface Decision {
  readonly actionId: number;
  readonly verdict: Verdict;
  readonly decidedAt: Date;
  readonly approvalsReceived: number;
  readonly approvalsRequired: number;
  readonly auditId: number;
  /** The action as it is after the decision. */
  readonly action: Action;
}

/** What became of one asked id. */
export type Outcome =
  | { readonly actionId: number; readonly decision: Decision; readonly refusal?: undefined }
  | { readonly actionId: number; readonly refusal: Refusal; readonly decision?: undefined };

/** Reads a reviewer as they are now, with the policy in force now; null if they are gone. */
export type ReadReviewerNow = (reviewer: Reviewer) => Promise<Reviewer | null>;

export type DecideActions = (request: DecisionRequest) => Promise<readonly Outcome[]>;

/** A race is lost again only if something moved again in between; so many times in a row means a fault of ours. */
const MAX_ROUNDS = 20;

/** Asks the rule about these ids: loads the actions in one go and says of each whether this reviewer may decide it. */
export async function authorizeActions(
  reviewer: Reviewer,
  verdict: Verdict,
  actionIds: readonly number[],
  actions: ActionSource,
): Promise<readonly AuthorizedAction[]> {
  const loaded = await actions.load(actionIds);
  return actionIds.map((actionId, index) => {
    const action = loaded[index] ?? null;
    return { actionId, action, ruling: action && mayDecide(reviewer, action, verdict, reviewer.policy) };
  });
}

/**
 * Decides actions for a reviewer: the one way in which a decision comes about. A single decision is a list of one.
 * Writes the decisions and the evidence of refusals, and answers only once both are committed. What moved between
 * authorization and write is authorized anew and tried again.
 * @returns one outcome per item, in the items' order
 * @throws {RefusedError} where the reviewer may no longer decide anything, and nothing was decided
 */
export function makeDecideActions(store: DecisionStore, readReviewerNow: ReadReviewerNow): DecideActions {
  return async (request) => {
    const outcomes = new Map<number, Outcome>();
    let { reviewer, items } = request;
    for (let round = 0; items.length > 0; round += 1) {
      if (round === MAX_ROUNDS) throw new Error(`Gave up after ${String(MAX_ROUNDS)} rounds of deciding`);
      const moved = await decideRound({ ...request, reviewer, items }, store, outcomes);
      if (moved.length === 0) break;
      const now = await readReviewerNow(reviewer);
      const refusal = now?.user.active === true ? refusalByRole(now.user.role) : INVALID_TOKEN;
      if (now === null || refusal !== null) {
        await refuseRest(
          { ...request, reviewer: now ?? reviewer },
          refusal ?? INVALID_TOKEN,
          moved,
          store,
          outcomes,
        );
        break;
      }
      reviewer = now;
      request.actions.forget(moved);
      items = await authorizeActions(reviewer, request.verdict, moved, request.actions);
    }
    return request.items.map(({ actionId }) => outcomes.get(actionId) ?? noOutcome(actionId));
  };
}

/** One try: files every outcome that is final and returns the ids that have to be authorized anew. */
async function decideRound(
  request: DecisionRequest,
  store: DecisionStore,
  outcomes: Map<number, Outcome>,
): Promise<readonly number[]> {
  const items = new Map(request.items.map((item) => [item.actionId, item]));
  const candidates = request.items.flatMap((item) => candidateOf(item, request));
  const refused = new Map<number, Refusal>();
  for (const { actionId, action, ruling } of request.items) {
    if (action === null || ruling === null) refused.set(actionId, actionNotFound(actionId));
    else if (!ruling.allowed) refused.set(actionId, ruling.refusal);
  }
  const moved: number[] = [];

  const write = async (writes: DecisionWrites): Promise<void> => {
    for (const outcome of candidates.length === 0 ? [] : await writes.decide(batchOf(request, candidates))) {
      const { actionId } = outcome;
      if (outcome.kind === 'written')
        outcomes.set(actionId, { actionId, decision: decisionOf(outcome, request) });
      else if (outcome.kind === 'moved') moved.push(actionId);
      else refused.set(actionId, refusalOf(outcome));
    }
    const evidence = [...refused]
      .filter(([, refusal]) => refusal.code !== 'ACTION_NOT_FOUND')
      .map(([actionId, refusal]) =>
        refusedDecisionDraft({
          ...request,
          principal: request.reviewer,
          ...items.get(actionId),
          actionId,
          refusal,
        }),
      );
    if (evidence.length > 0) await writes.refuse(evidence);
  };
  // A single decision needs no transaction: it is either one decision or one refusal, never both.
  await (request.items.length === 1 ? write(store.alone) : store.together(write));
  for (const [actionId, refusal] of refused) outcomes.set(actionId, { actionId, refusal });
  return moved;
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
  const refused = { ...request, principal: request.reviewer, refusal, actionId: only ?? null };
  await store.alone.refuse([refusedDecisionDraft(refused)]);
  const hasDecided = [...outcomes.values()].some(({ decision }) => decision !== undefined);
  if (!hasDecided) throw new RefusedError(refusal);
  for (const actionId of rest) outcomes.set(actionId, { actionId, refusal });
}

function candidateOf({ action, ruling }: AuthorizedAction, request: DecisionRequest): DecisionCandidate[] {
  if (action === null || ruling?.allowed !== true) return [];
  const { reviewer, verdict, reason, origin } = request;
  const { approvalsRequired, requiredLevel, heldLevel } = ruling;
  const id = String(action.id);
  const user = String(reviewer.user.id);
  const status = statusOf(verdict);
  const common = {
    organizationId: reviewer.organizationId,
    actor: auditActorOf(reviewer),
    origin,
    actionId: action.id,
    verdict,
    reason,
    riskScore: action.riskScore,
    requiredLevel,
    heldLevel,
    policyVersion: reviewer.policy.version,
    approvalsRequired,
  };
  const decided: AuditEntryDraft = {
    ...common,
    actionType: verdict === 'approve' ? 'action_approved' : 'action_denied',
    details: `Action ${id} ${status} by user ${user}`,
  };
  const voted: AuditEntryDraft = {
    ...common,
    actionType: 'vote_recorded',
    details: `Approval of action ${id} by user ${user} counted, more are required`,
  };
  const isVote = verdict === 'approve' && approvalsRequired > 1;
  return [{ action, approvalsRequired, decided, voted: isVote ? voted : null }];
}

function batchOf(request: DecisionRequest, candidates: readonly DecisionCandidate[]): DecisionBatch {
  const { reviewer, verdict, reason, origin } = request;
  return { reviewer, verdict, reason, correlationId: origin.correlationId, candidates };
}

function decisionOf(written: Extract<WriteOutcome, { kind: 'written' }>, request: DecisionRequest): Decision {
  const { actionId, action, auditId, approvalsRequired } = written;
  request.actions.prime(action);
  return {
    actionId,
    verdict: request.verdict,
    // A vote that decides nothing yet has its own moment, the action's last change.
    decidedAt: action.decidedAt ?? action.updatedAt,
    approvalsReceived: action.approvals,
    approvalsRequired,
    auditId,
    action,
  };
}

function refusalOf(outcome: Extract<WriteOutcome, { kind: 'not_pending' | 'already_voted' }>): Refusal {
  return outcome.kind === 'not_pending'
    ? refusalByState(outcome.facts)
    : refusalOfSecondVote(outcome.actionId);
}

/** Said of a token whose user is deactivated or gone, like of any other that does not count (contract 4). */
export const INVALID_TOKEN: Refusal = { code: 'INVALID_TOKEN', detail: 'Invalid or missing token' };

function noOutcome(actionId: number): never {
  throw new Error(`No outcome for action ${String(actionId)}`);
}
