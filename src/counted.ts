import type { Metrics } from './observability/metrics';
import type { DecideActions } from './use-cases/decisions/decide-actions';
import type { SubmitAction } from './use-cases/submissions/submit-action';

/** Wraps `decide` to count reviewers' decisions, without votes that leave the action pending and without replays. */
export function countDecisions(decide: DecideActions, metrics: Metrics): DecideActions {
  return async (request) => {
    const result = await decide(request);
    if (result.isReplay) return result;
    const made = result.outcomes.filter(
      ({ decision }) => decision !== undefined && decision.status !== 'pending_approval',
    );
    metrics.countDecisions(request.attempt.verdict, 'reviewer', made.length);
    return result;
  };
}

/** Wraps `submit` to count the actions that the policy approves on submission. */
export function countAutoApprovals(submit: SubmitAction, metrics: Metrics): SubmitAction {
  return async (request) => {
    const result = await submit(request);
    const isNew = result.action !== null;
    if (isNew && result.status === 'approved') metrics.countDecisions('approve', 'policy', 1);
    return result;
  };
}
