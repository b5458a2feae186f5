import type { ActionFacts } from './action-table';
import type { BundleAction } from './bundle';

/** The state of an action after its final entry, as its digest covers it. */
export function stateOf(action: BundleAction): readonly unknown[] {
  const {
    status,
    decided_by_kind: kind,
    decided_by: by,
    decided_at: at,
    correlation_id: correlationId,
  } = action;
  return [status, kind, by, at, correlationId, action.approvals];
}

/** Whether an action shows nothing of a decision. */
export function isUndecided({
  decided_by_kind,
  decided_by,
  decided_at,
  correlation_id,
}: BundleAction): boolean {
  return [decided_by_kind, decided_by, decided_at, correlation_id].every((value) => value === null);
}

const scratch = new DataView(new ArrayBuffer(8));

/** Returns a score's bits, as the table of actions keeps it. */
export function bitsOf(score: number): bigint {
  scratch.setFloat64(0, score);
  return scratch.getBigUint64(0);
}

/** Returns the score that the facts of an action keep as bits. */
export function scoreIn({ value }: ActionFacts): number {
  scratch.setBigUint64(0, value);
  return scratch.getFloat64(0);
}
