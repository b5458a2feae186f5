import type { GraphQLSchema } from 'graphql';
import { MAX_REASON_LENGTH, parseId, parseReason } from '../../domain/parsing';
import { restTime, word } from '../../api/rest-notation';
import { json, type DescribedResponse, type Examples } from '../openapi/described';
import { ACTION_ID_EXAMPLE, CORRELATION_ID_EXAMPLE } from '../openapi/examples';
import { objectOf, objectType, PLAIN_TEXT, ref, TEXT, type Schema } from '../openapi/json-schema';
import type { DecisionFragment, ReceiptFragment } from '../operations.types';
import { all, readBody, readIdempotencyKey, RECEIPT } from '../parameters';
import type { Endpoint, ReadVariables, WriteAnswer } from '../route';

/** Approving and rejecting one action. */

/** Reads `{action_id}`, the optional `{"reason"}` and the idempotency key. */
const readDecision: ReadVariables = ({ params, body, headers }) => {
  const fields = readBody(body);
  return all({
    actionId: parseId(params['action_id'], ['path', 'action_id']),
    reason: fields.faults === undefined ? parseReason(fields.value['reason'], ['body', 'reason']) : fields,
    idempotencyKey: readIdempotencyKey(headers),
  });
};

/** Writes a decision: 200 if decided, 202 if more approvals are required (docs/rest-api.md#approve-and-reject). */
const writeDecision: WriteAnswer<{ decision: DecisionFragment & Partial<ReceiptFragment> }> = ({
  decision,
}) => {
  const isWaiting = decision.status === 'PENDING_APPROVAL';
  return { status: isWaiting ? 202 : 200, body: decisionBody(decision) };
};

/** Returns the body of a decision. */
export function decisionBody(
  decision: DecisionFragment & Partial<ReceiptFragment>,
): Readonly<Record<string, unknown>> {
  const common = { action_id: Number(decision.actionId), status: word(decision.status) };
  const trailer = { correlation_id: decision.correlationId, ...receiptOf(decision) };
  const by = Number(decision.decidedBy.id);
  const at = restTime(decision.decidedAt);
  if (decision.status === 'PENDING_APPROVAL')
    return {
      ...common,
      approvals_received: decision.approvalsReceived,
      approvals_required: decision.approvalsRequired,
      ...trailer,
    };
  if (decision.verdict === 'APPROVE') return { ...common, approved_by: by, approved_at: at, ...trailer };
  const reason = decision.reason === null ? {} : { reason: decision.reason };
  return { ...common, rejected_by: by, rejected_at: at, ...reason, ...trailer };
}

function receiptOf({ receipt }: Partial<ReceiptFragment>): object {
  // Not asked for, or a replay.
  if (!receipt) return {};
  const { auditId, leafHash, signature } = receipt;
  return { audit_receipt: { audit_id: Number(auditId), leaf_hash: leafHash, signature } };
}

/** The schema of a decision's reason. */
export const REASON: Schema = {
  ...PLAIN_TEXT,
  type: ['string', 'null'],
  maxLength: MAX_REASON_LENGTH,
  description: 'Stored with the decision. A blank reason counts as absent.',
};

/** Returns the named schemas of decisions. */
export function decisionSchemas(schema: GraphQLSchema): Readonly<Record<string, Schema>> {
  const decision = objectType(schema, 'ActionDecision');
  const of = (status: string, more: Readonly<Record<string, string | Schema>>): Schema =>
    objectOf(decision, {
      action_id: 'actionId',
      status: { type: 'string', const: status },
      ...more,
      correlation_id: 'correlationId',
      'audit_receipt?': ref('AuditReceipt'),
    });
  return {
    Approval: of('approved', { approved_by: 'decidedBy.id', approved_at: 'decidedAt' }),
    Rejection: of('denied', { rejected_by: 'decidedBy.id', rejected_at: 'decidedAt', 'reason?': TEXT }),
    Vote: of('pending_approval', {
      approvals_received: 'approvalsReceived',
      approvals_required: 'approvalsRequired',
    }),
    AuditReceipt: objectOf(objectType(schema, 'AuditReceipt'), {
      audit_id: 'auditId',
      leaf_hash: 'leafHash',
      signature: 'signature',
    }),
  };
}

const DECIDED_AT = '2026-01-20T14:35:00Z';
export const APPROVAL_EXAMPLE = {
  action_id: ACTION_ID_EXAMPLE,
  status: 'approved',
  approved_by: 42,
  approved_at: DECIDED_AT,
  correlation_id: CORRELATION_ID_EXAMPLE,
};
export const REJECTION_EXAMPLE = {
  action_id: ACTION_ID_EXAMPLE,
  status: 'denied',
  rejected_by: 42,
  rejected_at: DECIDED_AT,
  reason: 'Not before the audit',
  correlation_id: CORRELATION_ID_EXAMPLE,
};

const decide = (responses: Endpoint['responses'], examples: Examples): Endpoint => ({
  read: readDecision,
  write: writeDecision,
  request: {
    query: RECEIPT,
    idempotencyKey: true,
    receipt: true,
    body: { type: 'object', properties: { reason: REASON } },
  },
  responses,
  examples,
});

const VOTED: DescribedResponse = json(
  'The approval was counted, and more approvals are required.',
  ref('Vote'),
);

export const APPROVE = decide(
  { 200: json('The action is approved.', ref('Approval')), 202: VOTED },
  { body: { reason: 'Reviewed and approved' }, answers: { 200: APPROVAL_EXAMPLE } },
);
export const REJECT = decide(
  { 200: json('The action is denied.', ref('Rejection')) },
  { body: { reason: 'Not before the audit' }, answers: { 200: REJECTION_EXAMPLE } },
);
