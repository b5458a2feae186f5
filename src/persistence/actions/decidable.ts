import { isOverdueSql } from './expiry';

/** A reviewer's `DecidableScope`, each part as SQL; null where the part does not restrict the reviewer. */
export interface ScopeSql {
  /** Whether the action's risk level is one of the reviewer's. */
  readonly isOfRiskLevel: string;
  readonly maxRiskScore: string | null;
  readonly notSubmittedBy: string | null;
  readonly notVotedBy: string;
  /** Number of approvals that the action's risk level requires. */
  readonly quorum: string;
}

/**
 * Returns SQL for whether an action is pending and not overdue.
 * @param action alias of the action's row
 */
export function pendingSql(action: string): string {
  return `${action}.status = 'pending_approval' AND NOT ${isOverdueSql(action)}`;
}

/**
 * Returns SQL for whether a reviewer may decide a pending action. It is the only translation of `decidableScope`
 * (domain/approval-policy), shared by approval queues and counts of stuck actions.
 * @param action alias of the action's row
 */
export function inScopeSql(action: string, scope: ScopeSql): string {
  const { isOfRiskLevel, maxRiskScore, notSubmittedBy, notVotedBy, quorum } = scope;
  return [
    isOfRiskLevel,
    ...(maxRiskScore === null ? [] : [`${action}.risk_score <= ${maxRiskScore}`]),
    ...(notSubmittedBy === null
      ? []
      : [
          `${action}.submitted_by <> ${notSubmittedBy}`,
          `${action}.api_key_created_by IS DISTINCT FROM ${notSubmittedBy}`,
        ]),
    `(${action}.approvals >= ${quorum} OR NOT EXISTS (SELECT FROM votes v
       WHERE v.organization_id = ${action}.organization_id AND v.action_id = ${action}.id AND v.user_id = ${notVotedBy}))`,
  ].join(' AND ');
}
