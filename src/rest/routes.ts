import { BULK_APPROVE, BULK_REJECT } from './subjects/bulk';
import { APPROVE, REJECT } from './subjects/decide';
import { LIST_ACTIONS, LIST_ACTIVITY, READ_ACTION, READ_APPROVAL, READ_STATUS } from './subjects/actions';
import { LIST_ENTRIES, LIST_LEGACY_ENTRIES } from './subjects/audit-log';
import { SUBMIT } from './subjects/submit';
import { AUDITORS, type Route } from './route';

/** Admits API keys to the audit log on the one path that the vendor's SDK uses. Users of every role may read it too. */
const BY_KEY = { credential: 'any', scope: 'audit:read' } as const;

// prettier-ignore
export const ROUTES: readonly Route[] = [
  { method: 'POST', path: '/api/v1/actions/:action_id/approve',   operation: 'ApproveAction',      ...APPROVE,      receiptOperation: 'ApproveActionWithReceipt' },
  { method: 'POST', path: '/api/v1/actions/:action_id/reject',    operation: 'RejectAction',       ...REJECT,       receiptOperation: 'RejectActionWithReceipt' },
  { method: 'POST', path: '/api/v1/actions/bulk-approve',         operation: 'BulkApproveActions', ...BULK_APPROVE, receiptOperation: 'BulkApproveActionsWithReceipt' },
  { method: 'POST', path: '/api/v1/actions/bulk-reject',          operation: 'BulkRejectActions',  ...BULK_REJECT,  receiptOperation: 'BulkRejectActionsWithReceipt' },
  { method: 'POST', path: '/api/v1/actions/submit',               operation: 'SubmitAction',       ...SUBMIT, hasNumbers: true },
  { method: 'GET',  path: '/api/v1/actions/:action_id/status',    operation: 'GetActionStatus',    ...READ_STATUS },
  { method: 'GET',  path: '/api/v1/actions/:action_id',           operation: 'GetAction',          ...READ_ACTION },
  { method: 'GET',  path: '/api/v1/actions',                      operation: 'ListActions',        ...LIST_ACTIONS },
  { method: 'GET',  path: '/api/admin/audit-logs',                operation: 'ListAuditLogs',      ...LIST_ENTRIES, asks: { roles: AUDITORS } },

  // Further paths that the vendor's SDK calls (docs/legacy-sdk.md#paths).
  { method: 'GET',  path: '/api/agent-action/status/:action_id',  operation: 'GetActionStatus',    ...READ_STATUS },
  { method: 'GET',  path: '/api/agent-activity',                  operation: 'ListActions',        ...LIST_ACTIVITY },
  { method: 'GET',  path: '/api/sdk/approval/:action_id',         operation: 'GetApproval',        ...READ_APPROVAL },
  { method: 'GET',  path: '/audit/logs',                          operation: 'ListLegacyAuditLog', ...LIST_LEGACY_ENTRIES, asks: BY_KEY },
];
