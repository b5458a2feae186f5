import type { Action, Verdict } from '../../domain/action';
import type { AuditEntryDraft } from '../../domain/audit-entry';
import type { Reviewer, Tenant } from '../../domain/principal';
import type { IdempotencyRecord, IdempotencyKey } from '../../domain/idempotency';
import type { FindIdempotencyRecord } from '../idempotency-record';

/** An action that the rule allows to decide, with the audit entries for either effect. */
export interface DecisionCandidate {
  readonly action: Action;
  readonly approvalsRequired: number;
  /** Written if this verdict decides the action. */
  readonly decided: AuditEntryDraft;
  /** Written if this is a vote and more are required; null where one vote suffices. */
  readonly voted: AuditEntryDraft | null;
}

export interface DecisionBatch {
  readonly reviewer: Reviewer;
  readonly verdict: Verdict;
  readonly reason: string | null;
  readonly correlationId: string;
  readonly candidates: readonly DecisionCandidate[];
  /** The idempotency key of a single decision; null for a bulk, or where the client sent none. */
  readonly idempotencyKey: IdempotencyKey | null;
}

/** The result of the write for one candidate. */
export type WriteOutcome =
  | {
      readonly actionId: number;
      readonly kind: 'written';
      readonly auditId: number;
      /** Leaf hash of the audit entry, 32 bytes. */
      readonly leafHash: Buffer;
      readonly approvalsRequired: number;
      /** The action after the write. */
      readonly action: Action;
    }
  | {
      readonly actionId: number;
      readonly kind: 'not_pending';
      /** The current facts, whoever decided. */
      readonly facts: Pick<Action, 'status' | 'decidedById' | 'decidedAt'>;
    }
  | {
      readonly actionId: number;
      readonly kind: 'already_voted';
      readonly approvals: number;
      readonly approvalsRequired: number;
    }
  /** `key_used`: the request has an idempotency record. `key_busy`: it is in progress elsewhere. Nothing written. */
  | { readonly actionId: number; readonly kind: 'key_used' | 'key_busy' }
  /** The action, the policy or the reviewer changed since authorization. Nothing was written. */
  | { readonly actionId: number; readonly kind: 'stale' };

/** The two writes of a decision. */
export interface DecisionWrites {
  /** Decides the candidates that are not stale. Returns one outcome per candidate, in their order. */
  decide(batch: DecisionBatch): Promise<readonly WriteOutcome[]>;
  /** Writes denial records, each at most once a minute (docs/audit-log.md#denied-attempts). */
  refuse(drafts: readonly AuditEntryDraft[]): Promise<void>;
}

/** The result of work under an idempotency key, or why the work did not run. */
export type OnceOutcome<T> =
  | { readonly kind: 'done'; readonly result: T }
  | { readonly kind: 'known'; readonly known: IdempotencyRecord }
  | { readonly kind: 'busy' };

export interface DecisionStore extends FindIdempotencyRecord {
  /** Each write is its own transaction. */
  readonly ownTransaction: DecisionWrites;
  /** Runs work whose writes commit together or not at all. Work is called again where it was undone. */
  together<T>(tenant: Tenant, work: (writes: DecisionWrites) => Promise<T>): Promise<T>;
  /**
   * Runs work in one transaction with its idempotency record, unless the request has a record or is in progress.
   * Work is called again where it was undone.
   * @param outcomeOf returns the outcome to store; null rolls the transaction back
   */
  once<T>(
    idempotencyKey: IdempotencyKey,
    work: (writes: DecisionWrites) => Promise<T>,
    outcomeOf: (result: T) => unknown,
  ): Promise<OnceOutcome<T>>;
  /** Decides every candidate or none: unless all outcomes are `written`, nothing was written. */
  allOrNone(batch: DecisionBatch): Promise<readonly WriteOutcome[]>;
}
