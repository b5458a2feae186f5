import type { Role } from '../domain/principal';
import type { Requirement } from '../api/caller-checks';
import {
  writeAction,
  writeActionList,
  writeActionStatus,
  writeApproval,
  writeAuditLogList,
  writeBulkDecision,
  writeDecision,
  writeLegacyAuditLog,
  type WriteAnswer,
} from './answers';
import {
  readActionId,
  readActionList,
  readActivityList,
  readAuditLogList,
  readBulkDecision,
  readDecision,
  readLegacyAuditLog,
  type ReadVariables,
} from './requests';
import { readSubmission, writeSubmission } from './submission';

/** A REST path and the operation of operations.graphql that it runs against the GraphQL schema. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly operation: string;
  readonly read: ReadVariables;
  readonly write: WriteAnswer<never>;
  /** Overrides the `@authorize` of the operation's root field (docs/authentication.md#who-reads-what). */
  readonly asks?: Partial<Pick<Requirement, 'roles' | 'credential' | 'scope'>>;
  /** Whether the body contains numbers other than ids, so that fractions are accepted. */
  readonly hasNumbers?: true;
}

/** The roles that may read the audit log over REST. */
export const AUDITORS: readonly Role[] = ['admin', 'security_manager'];

/** Admits API keys to the audit log on the one path that the vendor's SDK uses. Users of every role may read it too. */
const BY_KEY = { credential: 'any', scope: 'audit:read' } as const;

// prettier-ignore
export const ROUTES: readonly Route[] = [
  { method: 'POST', path: '/api/v1/actions/:action_id/approve',   operation: 'ApproveAction',      read: readDecision,       write: writeDecision },
  { method: 'POST', path: '/api/v1/actions/:action_id/reject',    operation: 'RejectAction',       read: readDecision,       write: writeDecision },
  { method: 'POST', path: '/api/v1/actions/bulk-approve',         operation: 'BulkApproveActions', read: readBulkDecision,   write: writeBulkDecision },
  { method: 'POST', path: '/api/v1/actions/bulk-reject',          operation: 'BulkRejectActions',  read: readBulkDecision,   write: writeBulkDecision },
  { method: 'POST', path: '/api/v1/actions/submit',               operation: 'SubmitAction',       read: readSubmission,     write: writeSubmission, hasNumbers: true },
  { method: 'GET',  path: '/api/v1/actions/:action_id/status',    operation: 'GetActionStatus',    read: readActionId,       write: writeActionStatus },
  { method: 'GET',  path: '/api/v1/actions/:action_id',           operation: 'GetAction',          read: readActionId,       write: writeAction },
  { method: 'GET',  path: '/api/v1/actions',                      operation: 'ListActions',        read: readActionList,     write: writeActionList },
  { method: 'GET',  path: '/api/admin/audit-logs',                operation: 'ListAuditLogs',      read: readAuditLogList,   write: writeAuditLogList, asks: { roles: AUDITORS } },

  // Further paths that the vendor's SDK calls (docs/legacy-sdk.md#paths).
  { method: 'GET',  path: '/api/agent-action/status/:action_id',  operation: 'GetActionStatus',    read: readActionId,       write: writeActionStatus },
  { method: 'GET',  path: '/api/agent-activity',                  operation: 'ListActions',        read: readActivityList,   write: writeActionList },
  { method: 'GET',  path: '/api/sdk/approval/:action_id',         operation: 'GetApproval',        read: readActionId,       write: writeApproval },
  { method: 'GET',  path: '/audit/logs',                          operation: 'ListLegacyAuditLog', read: readLegacyAuditLog, write: writeLegacyAuditLog, asks: BY_KEY },
];
