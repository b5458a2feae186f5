import type { Action } from '../../domain/action';
import { asVotedOn, mayDecide, type Attempt, type Ruling } from '../../domain/approval-policy';
import type { Reviewer } from '../../domain/principal';

/** An action with its ruling for one reviewer and attempt; both are null where there is no such action. */
export interface AuthorizedAction {
  readonly actionId: number;
  readonly action: Action | null;
  readonly ruling: Ruling | null;
  /** Whether the reviewer has voted on the action before. */
  readonly hasVoted: boolean;
}

/** The request's loader of actions. */
export interface ActionSource {
  /** Returns the actions in the order of the ids; null where the tenant has no such action. */
  load(ids: readonly number[]): Promise<readonly (Action | null)[]>;
  /** Returns those of the ids that the caller has voted on. */
  votedOn(ids: readonly number[]): Promise<ReadonlySet<number>>;
  /** Drops these from the cache, so that the next load reads them again. */
  forget(ids: readonly number[]): void;
  /** Caches this as the action's current state. */
  prime(action: Action): void;
}

/** Applies the rule to these ids: loads the actions in one read and rules on each for this reviewer. */
export async function authorizeActions(
  reviewer: Reviewer,
  attempt: Attempt,
  actionIds: readonly number[],
  actions: ActionSource,
): Promise<readonly AuthorizedAction[]> {
  const loaded = await actions.load(actionIds);
  const votedOn = await actions.votedOn(loaded.flatMap((action) => (isUnderVote(action) ? [action.id] : [])));
  // A vote may be newer than the loaded action and may have decided it, so those actions are loaded again.
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

/** Whether votes can exist: a vote that does not decide is an approval, so without approvals there are none. */
export function isUnderVote(action: Action | null): action is Action {
  return action?.status === 'pending_approval' && action.approvals > 0;
}
