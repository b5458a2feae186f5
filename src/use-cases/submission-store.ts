import type { Action } from '../domain/action';
import type { AuditEntryDraft } from '../domain/audit-entry';
import type { ApprovalPolicy } from '../domain/policy';
import type { PeopleAlike, PolicyWarning } from '../domain/policy-warnings';
import type { Principal, Tenant } from '../domain/principal';
import type { RiskScoring } from '../domain/risk-score';
import type { KnownRequest, RetryKey } from '../domain/retry';
import type { Submission } from '../domain/submission';
import type { FindKnownRequest } from './known-request';

/** What a submission is remembered by, short of its times: facts, so that either door can tell it again. */
export interface SubmissionRecord {
  readonly action_id: number;
  readonly status: Action['status'];
  readonly scoring: RiskScoring;
  readonly policy_version: number;
  readonly reason: string;
  readonly correlation_id: string;
  /** What keeps it from being decided; absent in what earlier releases remembered. */
  readonly warnings?: readonly PolicyWarning[];
}

/** An action as it is to be stored, with its audit entries. */
export interface NewAction {
  readonly id: number;
  readonly submitter: Principal;
  readonly submission: Submission;
  readonly riskScore: number;
  /** The policy that the score, the time to live and an approval are by. */
  readonly policyVersion: number;
  /** Seconds; null for ever. */
  readonly timeToLive: number | null;
  readonly submitted: AuditEntryDraft;
  /** Where the policy approves at once, that entry; it brings the reason and the correlation id. */
  readonly approved: AuditEntryDraft | null;
  /** Of a submission that may come again; null for any other. */
  readonly retry: RetryKey | null;
  /** What to remember of it then, short of its times. */
  readonly outcome: SubmissionRecord;
}

/** What the write found. */
export type SubmissionOutcome =
  | { readonly kind: 'written'; readonly action: Action }
  /** Another policy is in force by now. Nothing was written. */
  | { readonly kind: 'moved' }
  /** The submitter, or the owner of their key, is deactivated, or the key counts no longer. Nothing was written. */
  | { readonly kind: 'gone' }
  /** As many actions of the submitter wait as may. Nothing was written. */
  | { readonly kind: 'full'; readonly most: number }
  /** It came before, or is under way elsewhere. Nothing was written. */
  | { readonly kind: 'known'; readonly known: KnownRequest }
  | { readonly kind: 'busy' };

export interface SubmissionStore extends FindKnownRequest {
  /**
   * An id that no action has had, and the active people who decide at all, counted by what the rule weighs.
   * @param submitters users who do not count
   */
  prepare(
    tenant: Tenant,
    submitters: readonly number[],
  ): Promise<{ readonly id: number; readonly others: readonly PeopleAlike[] }>;
  /** The policy in force. */
  policyNow(tenant: Tenant): Promise<ApprovalPolicy>;
  /** Stores an action with its audit entries, if all is still as it was when they were written. */
  add(action: NewAction): Promise<SubmissionOutcome>;
}
