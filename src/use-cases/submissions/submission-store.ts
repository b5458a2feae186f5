import type { Action } from '../../domain/action';
import type { AuditEntryDraft } from '../../domain/audit-entry';
import type { ApprovalPolicy } from '../../domain/policy';
import type { PeopleAlike, PolicyWarning } from '../../domain/policy-warnings';
import type { Principal, Tenant } from '../../domain/principal';
import type { RiskScoring } from '../../domain/risk-score';
import type { IdempotencyRecord, IdempotencyKey } from '../../domain/idempotency';
import type { Submission } from '../../domain/submission';
import type { FindIdempotencyRecord } from '../idempotency-record';

/** The outcome in an idempotency record, without its times. It holds facts only, so that either API can render it. */
export interface SubmissionRecord {
  readonly action_id: number;
  readonly status: Action['status'];
  readonly scoring: RiskScoring;
  readonly policy_version: number;
  readonly reason: string;
  readonly correlation_id: string;
  /** What stood in the way of a decision at submission; absent in records of earlier releases. */
  readonly warnings?: readonly PolicyWarning[];
}

/** An action to store, with its audit entries. */
export interface NewAction {
  readonly id: number;
  readonly submitter: Principal;
  readonly submission: Submission;
  readonly riskScore: number;
  /** The policy version that set the score, the time to live and any automatic approval. */
  readonly policyVersion: number;
  /** In seconds; null if the action never expires. */
  readonly timeToLive: number | null;
  readonly submitted: AuditEntryDraft;
  /** The entry of an automatic approval, with its reason and correlation id; null if the policy does not approve. */
  readonly approved: AuditEntryDraft | null;
  /** The idempotency key; null for a submission without one. */
  readonly idempotencyKey: IdempotencyKey | null;
  /** The outcome to store under the idempotency key, without its times. */
  readonly outcome: SubmissionRecord;
}

/** The result of the write. */
export type SubmissionOutcome =
  | { readonly kind: 'written'; readonly action: Action }
  /** Another policy is in force now. Nothing was written. */
  | { readonly kind: 'stale' }
  /** The submitter or the owner of their key is deactivated, or the key is no longer valid. Nothing was written. */
  | { readonly kind: 'gone' }
  /** The submitter has reached the limit of pending actions. Nothing was written. */
  | { readonly kind: 'full'; readonly most: number }
  /** `known`: the request has an idempotency record. `busy`: it is in progress elsewhere. Nothing was written. */
  | { readonly kind: 'known'; readonly known: IdempotencyRecord }
  | { readonly kind: 'busy' };

export interface SubmissionStore extends FindIdempotencyRecord {
  /**
   * Draws a new action id and counts the active people who can decide, grouped by role, level and limit.
   * @param submitters ids of users to leave out of the count
   */
  prepare(
    tenant: Tenant,
    submitters: readonly number[],
  ): Promise<{ readonly id: number; readonly others: readonly PeopleAlike[] }>;
  /** Returns the policy in force. */
  policyNow(tenant: Tenant): Promise<ApprovalPolicy>;
  /** Stores an action with its audit entries, unless the policy or the submitter changed since they were prepared. */
  add(action: NewAction): Promise<SubmissionOutcome>;
}
