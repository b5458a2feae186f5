import { isOverdueSql } from './expiry';

/** A reviewer's `DecidableScope`, each part as SQL; null where nothing of the kind binds them. */
export interface ScopeSql {
  /** Whether the action's risk level is one of the reviewer's. */
  readonly isOfBand: string;
  readonly maxRiskScore: string | null;
  readonly notSubmittedBy: string | null;
  readonly notVotedBy: string;
  /** How many approvals the action's risk level asks for. */
  readonly quorum: string;
}

/** SQL for an action that waits for a decision and is not overdue. @param action alias of the action's row */
export function pendingSql(action: string): string {
  return `${action}.status = 'pending_approval' AND NOT ${isOverdueSql(action)}`;
}

/**
 * SQL for a pending action that a reviewer may decide, as `decidableScope` says it (domain/approval-policy): the one
 * translation of the rule, for queues and for counts of stuck actions.
 * @param action alias of the action's row
 */
export function inScopeSql(action: string, scope: ScopeSql): string {
  const { isOfBand, maxRiskScore, notSubmittedBy, notVotedBy, quorum } = scope;
  return [
    isOfBand,
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
