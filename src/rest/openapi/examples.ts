/** The examples of an operation. They use the demo data, so that trying one out works. */
interface Examples {
  /** The request body. */
  readonly body?: unknown;
  /** By HTTP status. */
  readonly answers?: Readonly<Record<string, unknown>>;
}

/** A pending action of organization 1. */
export const ACTION_ID_EXAMPLE = 12345;

const DECIDED_AT = '2026-01-20T14:35:00Z';
const CORRELATION_ID = 'action_20260120_143500_9f86d081884c7d65';
const RECEIPT = {
  audit_id: 98_765,
  leaf_hash: 'K0YF8tvVIU93qw0VcgwLCgURLiiw40GwDxejuXsGZ8I=',
  signature: 'countersign/organizations/1\nreceipt\n98765\n…',
};
const APPROVAL = {
  action_id: ACTION_ID_EXAMPLE,
  status: 'approved',
  approved_by: 42,
  approved_at: DECIDED_AT,
  correlation_id: CORRELATION_ID,
  audit_receipt: RECEIPT,
};
const REFUSED_ITEM = {
  action_id: 12_351,
  error_code: 'APPROVAL_LEVEL_REQUIRED',
  detail: 'This action requires approval level 4; you hold 2',
  status: 403,
  context: { required_level: 4, held_level: 2 },
};

const bulk = (status: string, results: readonly unknown[]): unknown => ({
  status,
  requested: 2,
  succeeded: 1,
  failed: 1,
  correlation_id: CORRELATION_ID,
  results: [...results, REFUSED_ITEM],
});
const REJECTION = {
  action_id: ACTION_ID_EXAMPLE,
  status: 'denied',
  rejected_by: 42,
  rejected_at: DECIDED_AT,
  reason: 'Not before the audit',
  correlation_id: CORRELATION_ID,
  audit_receipt: RECEIPT,
};

/** By `operationId`. */
const EXAMPLES: Readonly<Record<string, Examples>> = {
  approveAction: { body: { reason: 'Reviewed and approved' }, answers: { 200: APPROVAL } },
  rejectAction: { body: { reason: 'Not before the audit' }, answers: { 200: REJECTION } },
  bulkApproveActions: {
    body: { action_ids: [ACTION_ID_EXAMPLE, 12_351], reason: 'Batch review' },
    answers: { 200: bulk('approved', [APPROVAL]) },
  },
  bulkRejectActions: {
    body: { action_ids: [ACTION_ID_EXAMPLE, 12_351], reason: 'Not before the audit' },
    answers: { 200: bulk('denied', [REJECTION]) },
  },
  submitAction: {
    body: {
      agent_id: 'billing-agent',
      action_type: 'database_write',
      description: 'Correct invoice 42',
      target_system: 'billing-db',
      parameters: { amount: 12.5 },
      risk_indicators: { pii: true },
    },
  },
};

/** Returns the examples of an operation; empty if its schemas say enough. */
export function examplesOf(operationId: string): Examples {
  return EXAMPLES[operationId] ?? {};
}
