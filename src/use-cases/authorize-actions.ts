import type { Action } from '../domain/action';
import { asVotedOn, mayDecide, type Attempt, type Ruling } from '../domain/approval-policy';
import type { Reviewer } from '../domain/principal';

/** An action with what the rule says about it, for one reviewer and attempt; both null where there is no such action. */
export interface AuthorizedAction {
  readonly actionId: number;
  readonly action: Action | null;
  readonly ruling: Ruling | null;
  /** Whether the reviewer has voted on it before. */
  readonly hasVoted: boolean;
}

/** Where a decision finds its actions: a request's own loader. */
export interface ActionSource {
  /** The actions of these ids in their order, null where the tenant has none. */
  load(ids: readonly number[]): Promise<readonly (Action | null)[]>;
  /** Those of these that the one who asks has voted on. */
  votedOn(ids: readonly number[]): Promise<ReadonlySet<number>>;
  /** Forgets these, so that the next load reads them anew. */
  forget(ids: readonly number[]): void;
  /** Takes this for the action as it is now. */
  prime(action: Action): void;
}

/** Asks the rule about these ids: loads the actions in one go and says of each whether this reviewer may decide it. */
export async function authorizeActions(
  reviewer: Reviewer,
  attempt: Attempt,
  actionIds: readonly number[],
  actions: ActionSource,
): Promise<readonly AuthorizedAction[]> {
  const loaded = await actions.load(actionIds);
  const votedOn = await actions.votedOn(loaded.flatMap((action) => (isUnderVote(action) ? [action.id] : [])));
  // A vote may be younger than the look at its action, and may have decided it: that is looked at again.
  actions.forget([...votedOn]);
  const current = votedOn.size === 0 ? loaded : await actions.load(actionIds);
  return actionIds.map((actionId, index) => {
    const action = current[index] ?? null;
    const hasVoted = votedOn.has(actionId);
    const judged = action && asVotedOn(action, hasVoted);
    const ruling = judged && mayDecide(reviewer, judged, attempt, reviewer.policy);
    return { actionId, action, ruling, hasVoted };
  });
}

/** Whoever votes without deciding approves, so a pending action without an approval has no votes to look for. */
export function isUnderVote(action: Action | null): action is Action {
  return action?.status === 'pending_approval' && action.approvals > 0;
}
