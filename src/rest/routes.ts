import type { Role } from '../domain/principal';
import {
  writeAction,
  writeActionList,
  writeActionStatus,
  writeAuditLogList,
  writeBulkDecision,
  writeDecision,
  type WriteAnswer,
} from './answers';
import {
  readActionId,
  readActionList,
  readAuditLogList,
  readBulkDecision,
  readDecision,
  type ReadVariables,
} from './requests';

/** One documented path and the operation of operations.graphql that it runs, against the schema that GraphQL clients use. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly operation: string;
  readonly read: ReadVariables;
  readonly write: WriteAnswer<never>;
  /** Where REST is narrower than the operation's own directive (contract 2.14). */
  readonly roles?: readonly Role[];
}

/** Who may read the audit log over REST. */
export const AUDITORS: readonly Role[] = ['admin', 'security_manager'];

// prettier-ignore
export const ROUTES: readonly Route[] = [
  { method: 'POST', path: '/api/v1/actions/:action_id/approve', operation: 'ApproveAction',      read: readDecision,     write: writeDecision },
  { method: 'POST', path: '/api/v1/actions/:action_id/reject',  operation: 'RejectAction',       read: readDecision,     write: writeDecision },
  { method: 'POST', path: '/api/v1/actions/bulk-approve',       operation: 'BulkApproveActions', read: readBulkDecision, write: writeBulkDecision },
  { method: 'POST', path: '/api/v1/actions/bulk-reject',        operation: 'BulkRejectActions',  read: readBulkDecision, write: writeBulkDecision },
  { method: 'GET',  path: '/api/v1/actions/:action_id/status',  operation: 'GetActionStatus',    read: readActionId,     write: writeActionStatus },
  { method: 'GET',  path: '/api/v1/actions/:action_id',         operation: 'GetAction',          read: readActionId,     write: writeAction },
  { method: 'GET',  path: '/api/v1/actions',                    operation: 'ListActions',        read: readActionList,   write: writeActionList },
  { method: 'GET',  path: '/api/admin/audit-logs',              operation: 'ListAuditLogs',      read: readAuditLogList, write: writeAuditLogList, roles: AUDITORS },
];
