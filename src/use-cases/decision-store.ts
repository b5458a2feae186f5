import type { Action, Verdict } from '../domain/action';
import type { AuditEntryDraft } from '../domain/audit-entry';
import type { Reviewer, Tenant } from '../domain/principal';
import type { KnownRequest, RetryKey } from '../domain/retry';
import type { FindKnownRequest } from './known-request';

/** One action that the rule allows to decide, with the audit entries for either effect. */
export interface DecisionCandidate {
  readonly action: Action;
  readonly approvalsRequired: number;
  /** Written if this decides the action. */
  readonly decided: AuditEntryDraft;
  /** Written if this is a vote and more are missing; null where one vote suffices. */
  readonly voted: AuditEntryDraft | null;
}

export interface DecisionBatch {
  readonly reviewer: Reviewer;
  readonly verdict: Verdict;
  readonly reason: string | null;
  readonly correlationId: string;
  readonly candidates: readonly DecisionCandidate[];
  /** Of a single decision that may come again; null for any other. */
  readonly retry: RetryKey | null;
}

/** What the write found for one candidate. */
export type WriteOutcome =
  | {
      readonly actionId: number;
      readonly kind: 'written';
      readonly auditId: number;
      /** Of the audit entry: 32 bytes. */
      readonly leafHash: Buffer;
      readonly approvalsRequired: number;
      /** As it is after the write. */
      readonly action: Action;
    }
  | {
      readonly actionId: number;
      readonly kind: 'not_pending';
      /** As they stand now, whoever won. */
      readonly facts: Pick<Action, 'status' | 'decidedById' | 'decidedAt'>;
    }
  | {
      readonly actionId: number;
      readonly kind: 'already_voted';
      readonly approvals: number;
      readonly approvalsRequired: number;
    }
  /** The request is known already, or is under way elsewhere. Nothing was written. */
  | { readonly actionId: number; readonly kind: 'key_used' | 'key_busy' }
  /** The action, the policy or the reviewer is no longer what was authorized. Nothing was written. */
  | { readonly actionId: number; readonly kind: 'moved' };

/** The two writes of a decision. */
export interface DecisionWrites {
  /** Decides what is still as authorized; one outcome per candidate, in their order. */
  decide(batch: DecisionBatch): Promise<readonly WriteOutcome[]>;
  /** Records refused tries, each at most once a minute (docs/audit-log.md#denied-attempts). */
  refuse(drafts: readonly AuditEntryDraft[]): Promise<void>;
}

/** What became of a request's one chance: what it did, or why it did nothing. */
export type OnceOutcome<T> =
  | { readonly kind: 'done'; readonly result: T }
  | { readonly kind: 'known'; readonly known: KnownRequest }
  | { readonly kind: 'busy' };

export interface DecisionStore extends FindKnownRequest {
  /** Each write commits by itself. */
  readonly alone: DecisionWrites;
  /** Both writes commit together or not at all. */
  together<T>(tenant: Tenant, work: (writes: DecisionWrites) => Promise<T>): Promise<T>;
  /**
   * Runs work whose effects commit together with what the request came to, unless it is known or under way.
   * @param outcomeOf what to remember of a result that is worth keeping; null undoes it
   */
  once<T>(
    retry: RetryKey,
    work: (writes: DecisionWrites) => Promise<T>,
    outcomeOf: (result: T) => unknown,
  ): Promise<OnceOutcome<T>>;
  /** Decides every candidate or none: where one outcome is not `written`, nothing was. */
  allOrNone(batch: DecisionBatch): Promise<readonly WriteOutcome[]>;
}
