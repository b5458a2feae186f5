import type { DecisionStore } from './decision-store';
import { refusedDecisionDraft, type RefusedDecision } from './refused-decision';

export type RecordRefusedRequest = (refused: RefusedDecision) => Promise<void>;

/**
 * Records an attempt to decide that was denied by role or credential: one entry for the whole request
 * (docs/audit-log.md#denied-attempts).
 */
export function makeRecordRefusedRequest(store: DecisionStore): RecordRefusedRequest {
  return (refused) => store.alone.refuse([refusedDecisionDraft(refused)]);
}
