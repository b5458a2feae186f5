import { z } from 'zod';
import { MAX_REASON_LENGTH, parseReason } from '../../domain/parsing';
import { restTime, word } from '../../api/rest-notation';
import { json, type DescribedResponse, type Examples } from '../openapi/described';
import { ACTION_ID_EXAMPLE, CORRELATION_ID_EXAMPLE } from '../openapi/examples';
import { field, ID, PLAIN_TEXT, TEXT, TIME } from '../openapi/vocabulary';
import type { DecisionFragment } from '../operations.types';
import { ACTION_ID_PARAMS, bodyOf, IDEMPOTENCY_HEADERS, parsedBy, reads } from '../parameters';
import type { Endpoint, WriteAnswer } from '../route';

/** Approving and rejecting one action. */

/** A decision's reason. */
export const REASON = parsedBy(
  (raw) => parseReason(raw, []),
  PLAIN_TEXT.max(MAX_REASON_LENGTH)
    .nullish()
    .meta({ description: 'Stored with the decision. A blank reason counts as absent.' }),
);

/** Reads `{action_id}`, the optional `{"reason"}` and the idempotency key. */
const DECISION = reads(
  z.object({ params: ACTION_ID_PARAMS, body: bodyOf({ reason: REASON }), headers: IDEMPOTENCY_HEADERS }),
  ({ params, body, headers }) => ({
    actionId: params.action_id,
    reason: body.reason,
    idempotencyKey: headers['idempotency-key'],
  }),
);

export const AUDIT_RECEIPT = z
  .object({
    audit_id: field('auditId', ID),
    leaf_hash: field('leafHash', TEXT),
    signature: field('signature', TEXT),
  })
  .meta({ id: 'AuditReceipt', graphql: 'AuditReceipt' });

const TRAILER = { correlation_id: field('correlationId', TEXT), audit_receipt: AUDIT_RECEIPT };

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

type DecisionBody = z.output<typeof APPROVAL | typeof REJECTION | typeof VOTE>;

/** Writes a decision: 200 if decided, 202 if more approvals are required (docs/rest-api.md#approve-and-reject). */
const writeDecision: WriteAnswer<{ decision: DecisionFragment }, DecisionBody> = ({ decision }) => {
  const isWaiting = decision.status === 'PENDING_APPROVAL';
  return { status: isWaiting ? 202 : 200, body: decisionBody(decision) };
};

/** Returns the body of a decision. @throws {Error} if its status is none that a decision leads to */
export function decisionBody(decision: DecisionFragment): DecisionBody {
  const { status } = decision;
  const action_id = Number(decision.actionId);
  const { auditId, leafHash, signature } = decision.receipt;
  const receipt = { audit_id: Number(auditId), leaf_hash: leafHash, signature };
  const trailer = { correlation_id: decision.correlationId, audit_receipt: receipt };
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

const DECIDED_AT = '2026-01-20T14:35:00Z';
const RECEIPT = {
  audit_id: 98_765,
  leaf_hash: 'K0YF8tvVIU93qw0VcgwLCgURLiiw40GwDxejuXsGZ8I=',
  signature: 'countersign/organizations/1\nreceipt\n98765\n…',
};
export const APPROVAL_EXAMPLE: z.output<typeof APPROVAL> = {
  action_id: ACTION_ID_EXAMPLE,
  status: 'approved',
  approved_by: 42,
  approved_at: DECIDED_AT,
  correlation_id: CORRELATION_ID_EXAMPLE,
  audit_receipt: RECEIPT,
};
export const REJECTION_EXAMPLE: z.output<typeof REJECTION> = {
  action_id: ACTION_ID_EXAMPLE,
  status: 'denied',
  rejected_by: 42,
  rejected_at: DECIDED_AT,
  reason: 'Not before the audit',
  correlation_id: CORRELATION_ID_EXAMPLE,
  audit_receipt: RECEIPT,
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
