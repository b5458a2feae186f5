import type { DecisionStore } from './decision-store';
import { denialRecordDraft, type DeniedAttempt } from './denied-attempt';

export type RecordDeniedAttempt = (refused: DeniedAttempt) => Promise<void>;

/**
 * Records an attempt to decide that was denied by role or credential: one entry for the whole request
 * (docs/audit-log.md#denied-attempts).
 */
export function makeRecordDeniedAttempt(store: DecisionStore): RecordDeniedAttempt {
  return (refused) => store.ownTransaction.refuse([denialRecordDraft(refused)]);
}
