import { z } from 'zod';
import { MAX_REASON_LENGTH, parseReason } from '../../domain/parsing';
import { restTime, word } from '../../api/rest-notation';
import { json, type DescribedResponse, type Examples } from '../openapi/described';
import { ACTION_ID_EXAMPLE, CORRELATION_ID_EXAMPLE } from '../openapi/examples';
import { field, ID, PLAIN_TEXT, TEXT, TIME } from '../openapi/vocabulary';
import type { DecisionFragment, ReceiptFragment } from '../operations.types';
import { ACTION_ID_PARAMS, bodyOf, DECISION_HEADERS, parsedBy, reads, RECEIPT } from '../parameters';
import type { Endpoint, WriteAnswer } from '../route';

/** Approving and rejecting one action. */

/** A decision's reason. */
export const REASON = parsedBy(
  (raw) => parseReason(raw, []),
  PLAIN_TEXT.max(MAX_REASON_LENGTH)
    .nullish()
    .meta({ description: 'Stored with the decision. A blank reason counts as absent.' }),
);

/** Reads `{action_id}`, the optional `{"reason"}`, the idempotency key, and whether a receipt is asked for. */
const DECISION = reads(
  z.object({
    params: ACTION_ID_PARAMS,
    query: RECEIPT,
    body: bodyOf({ reason: REASON }),
    headers: DECISION_HEADERS,
  }),
  ({ params, query, body, headers }) => ({
    actionId: params.action_id,
    reason: body.reason,
    idempotencyKey: headers['idempotency-key'],
    receipt: query.receipt || headers.prefer,
  }),
);

export const AUDIT_RECEIPT = z
  .object({
    audit_id: field('auditId', ID),
    leaf_hash: field('leafHash', TEXT),
    signature: field('signature', TEXT),
  })
  .meta({ id: 'AuditReceipt', graphql: 'AuditReceipt' });

const TRAILER = { correlation_id: field('correlationId', TEXT), audit_receipt: AUDIT_RECEIPT.optional() };

export const APPROVAL = z
  .object({
    action_id: field('actionId', ID),
    status: z.literal('approved'),
    approved_by: field('decidedBy.id', ID),
    approved_at: field('decidedAt', TIME),
    ...TRAILER,
  })
  .meta({ id: 'Approval', graphql: 'ActionDecision' });
export const REJECTION = z
  .object({
    action_id: field('actionId', ID),
    status: z.literal('denied'),
    rejected_by: field('decidedBy.id', ID),
    rejected_at: field('decidedAt', TIME),
    reason: TEXT.optional(),
    ...TRAILER,
  })
  .meta({ id: 'Rejection', graphql: 'ActionDecision' });
/** An approval that was counted, of an action that requires more. */
export const VOTE = z
  .object({
    action_id: field('actionId', ID),
    status: z.literal('pending_approval'),
    approvals_received: field('approvalsReceived', z.int()),
    approvals_required: field('approvalsRequired', z.int()),
    ...TRAILER,
  })
  .meta({ id: 'Vote', graphql: 'ActionDecision' });

type DecisionData = DecisionFragment & Partial<ReceiptFragment>;
type DecisionBody = z.output<typeof APPROVAL | typeof REJECTION | typeof VOTE>;

/** Writes a decision: 200 if decided, 202 if more approvals are required (docs/rest-api.md#approve-and-reject). */
const writeDecision: WriteAnswer<{ decision: DecisionData }, DecisionBody> = ({ decision }) => {
  const isWaiting = decision.status === 'PENDING_APPROVAL';
  return { status: isWaiting ? 202 : 200, body: decisionBody(decision) };
};

/** Returns the body of a decision. @throws {Error} if its status is none that a decision leads to */
export function decisionBody(decision: DecisionData): DecisionBody {
  const { status } = decision;
  const action_id = Number(decision.actionId);
  const trailer = { correlation_id: decision.correlationId, ...receiptOf(decision) };
  const by = Number(decision.decidedBy.id);
  const at = restTime(decision.decidedAt);
  switch (status) {
    case 'PENDING_APPROVAL':
      return {
        action_id,
        status: word(status),
        approvals_received: decision.approvalsReceived,
        approvals_required: decision.approvalsRequired,
        ...trailer,
      };
    case 'APPROVED':
      return { action_id, status: word(status), approved_by: by, approved_at: at, ...trailer };
    case 'DENIED': {
      const reason = decision.reason === null ? {} : { reason: decision.reason };
      return { action_id, status: word(status), rejected_by: by, rejected_at: at, ...reason, ...trailer };
    }
    case 'EXPIRED':
      throw new Error('A decision never leads to EXPIRED');
  }
}

function receiptOf({ receipt }: DecisionData): { audit_receipt?: z.output<typeof AUDIT_RECEIPT> } {
  // Not asked for, or a replay.
  if (!receipt) return {};
  const { auditId, leafHash, signature } = receipt;
  return { audit_receipt: { audit_id: Number(auditId), leaf_hash: leafHash, signature } };
}

const DECIDED_AT = '2026-01-20T14:35:00Z';
export const APPROVAL_EXAMPLE: z.output<typeof APPROVAL> = {
  action_id: ACTION_ID_EXAMPLE,
  status: 'approved',
  approved_by: 42,
  approved_at: DECIDED_AT,
  correlation_id: CORRELATION_ID_EXAMPLE,
};
export const REJECTION_EXAMPLE: z.output<typeof REJECTION> = {
  action_id: ACTION_ID_EXAMPLE,
  status: 'denied',
  rejected_by: 42,
  rejected_at: DECIDED_AT,
  reason: 'Not before the audit',
  correlation_id: CORRELATION_ID_EXAMPLE,
};

const decide = (responses: Endpoint['responses'], examples: Examples): Endpoint => ({
  ...DECISION,
  write: writeDecision,
  responses,
  examples,
});

const VOTED: DescribedResponse = json('The approval was counted, and more approvals are required.', VOTE);

export const APPROVE = decide(
  { 200: json('The action is approved.', APPROVAL), 202: VOTED },
  { body: { reason: 'Reviewed and approved' }, answers: { 200: APPROVAL_EXAMPLE } },
);
export const REJECT = decide(
  { 200: json('The action is denied.', REJECTION) },
  { body: { reason: 'Not before the audit' }, answers: { 200: REJECTION_EXAMPLE } },
);
