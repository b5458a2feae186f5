import { statusOf, type Action } from '../../domain/action';
import type {
  DecisionBatch,
  DecisionCandidate,
  WriteOutcome,
} from '../../use-cases/decisions/decision-store';
import { placedAuditRecords, type PlacedDraft } from '../audit/audit-entries';
import { DatabaseUnavailableError } from '../connections/outage';
import type { Sql } from '../sql/sql';
import { DECIDE, type OnLocked } from './decide.statement';
import { findRecord, type Claim } from './idempotency-records.store';

interface DecideRow {
  readonly actionId: number;
  readonly statusBefore: Action['status'] | null;
  readonly decidedById: number | null;
  readonly decidedAt: Date | null;
  readonly approvalsBefore: number | null;
  /** Null where the candidate has no idempotency key. */
  readonly claim: Claim | null;
  /** The row of the action or of the reviewer does not exist, or is locked by another transaction. */
  readonly isAbsent: boolean;
  readonly isAsAuthorized: boolean | null;
  readonly at: Date;
  readonly decides: boolean | null;
  readonly approvals: number | null;
  readonly auditId: number | null;
  readonly leafHash: Buffer | null;
}

/** Outcomes of one batch's candidates; null for a candidate whose rows another transaction had locked. */
export type BatchOutcomes = readonly (WriteOutcome | null)[];

/**
 * Decides the candidates that are not stale, in one statement.
 * @param batches all of one organization, each action at most once
 * @returns per batch, one outcome per candidate in their order; null for a candidate whose rows were locked
 */
export async function decide(
  sql: Sql,
  batches: readonly DecisionBatch[],
  onLocked: OnLocked,
): Promise<readonly BatchOutcomes[]> {
  const [first] = batches;
  if (first === undefined) return [];
  const items = batches.flatMap((batch) => batch.candidates.map((candidate) => ({ batch, candidate })));
  const values = [
    first.reviewer.organizationId,
    [...new Set(batches.map(({ reviewer }) => reviewer.user.id))],
    JSON.stringify(items.map(({ batch, candidate }, position) => recordOf(batch, candidate, position))),
    placedAuditRecords(items.flatMap(({ candidate }, position) => entriesOf(candidate, position))),
  ];
  const rows = await sql
    .query<DecideRow & Record<string, unknown>>(DECIDE[onLocked], values)
    .catch(async (error: unknown) => {
      const { idempotencyKey } = first;
      // With several batches the owner of a taken key is unknown, so the batcher retries each alone.
      const isOfKey = batches.length === 1 && idempotencyKey !== null;
      if (!isOfKey || error instanceof DatabaseUnavailableError) throw error;
      // The key can have been taken at the last moment, which undoes the statement. Its holder has committed then.
      if ((await findRecord(sql, idempotencyKey)) === null) throw error;
      return null;
    });
  if (rows === null)
    return [first.candidates.map(({ action }) => ({ actionId: action.id, kind: 'key_used' }))];
  let next = 0;
  return batches.map((batch) =>
    batch.candidates.map((candidate) => {
      const row = rows[next++];
      if (row?.actionId !== candidate.action.id) throw new Error('The decision gave no row for a candidate');
      if (row.claim === 'used' || row.claim === 'busy')
        return { actionId: row.actionId, kind: `key_${row.claim}` };
      return row.isAbsent && onLocked === 'skip' ? null : outcomeOf(row, candidate, batch);
    }),
  );
}

/** Returns a candidate as the statement reads it. */
function recordOf(
  { reviewer, verdict, reason, correlationId, idempotencyKey }: DecisionBatch,
  { action, approvalsRequired }: DecisionCandidate,
  position: number,
): Readonly<Record<string, unknown>> {
  return {
    position,
    action_id: action.id,
    version: action.version,
    actor_id: reviewer.user.id,
    reviewer_version: reviewer.user.version,
    policy_version: reviewer.policy.version,
    verdict,
    verdict_status: statusOf(verdict),
    reason,
    approvals_required: approvalsRequired,
    correlation_id: correlationId,
    retry_key: idempotencyKey?.key,
    retry_hash: idempotencyKey?.requestHash,
  };
}

/** Returns the entries of either effect, at the positions that the statement chooses from. */
function entriesOf({ decided, voted }: DecisionCandidate, position: number): readonly PlacedDraft[] {
  const entry = { position: 2 * position, draft: decided };
  return voted === null ? [entry] : [entry, { position: 2 * position + 1, draft: voted }];
}

/** Turns a row into the outcome of its candidate. */
function outcomeOf(
  row: DecideRow,
  { action: before, approvalsRequired }: DecisionCandidate,
  batch: DecisionBatch,
): WriteOutcome {
  const { actionId, statusBefore, at, auditId, leafHash, approvals } = row;
  if (auditId !== null) {
    if (approvals === null || leafHash === null)
      throw new Error('A decision was written without its count or leaf');
    const action =
      row.decides === true ? decided(before, approvals, at, batch) : counted(before, approvals, at);
    return { actionId, kind: 'written', auditId, leafHash, approvalsRequired, action };
  }
  if (statusBefore !== null && statusBefore !== 'pending_approval') {
    const { decidedById, decidedAt } = row;
    return { actionId, kind: 'not_pending', facts: { status: statusBefore, decidedById, decidedAt } };
  }
  if (row.isAsAuthorized !== true) return { actionId, kind: 'stale' };
  return { actionId, kind: 'already_voted', approvals: row.approvalsBefore ?? 0, approvalsRequired };
}

/** Returns the action after a decision. No other field can have changed, or the version check would have failed. */
function decided(
  before: Action,
  approvals: number,
  at: Date,
  { reviewer, verdict, reason, correlationId }: DecisionBatch,
): Action {
  return {
    ...counted(before, approvals, at),
    status: statusOf(verdict),
    version: before.version + 1,
    decidedByKind: 'user',
    decidedById: reviewer.user.id,
    decidedAt: at,
    reason,
    correlationId,
  };
}

/** Returns the action with one more vote counted. */
function counted(before: Action, approvals: number, at: Date): Action {
  return { ...before, approvals, updatedAt: at };
}
