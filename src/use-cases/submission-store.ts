import type { Action } from '../domain/action';
import type { AuditEntryDraft } from '../domain/audit-entry';
import type { ApprovalPolicy } from '../domain/policy';
import type { Principal, Tenant } from '../domain/principal';
import type { Submission } from '../domain/submission';

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
}

/** What the write found. */
export type SubmissionOutcome =
  | { readonly kind: 'written'; readonly action: Action }
  /** Another policy is in force by now. Nothing was written. */
  | { readonly kind: 'moved' }
  /** The submitter, or the owner of their key, is deactivated, or the key counts no longer. Nothing was written. */
  | { readonly kind: 'gone' };

export interface SubmissionStore {
  /** An id that no action has had. */
  newActionId(): Promise<number>;
  /** The policy in force. */
  policyNow(tenant: Tenant): Promise<ApprovalPolicy>;
  /** Stores an action with its audit entries, if all is still as it was when they were written. */
  add(action: NewAction): Promise<SubmissionOutcome>;
}
