import { z } from 'zod';
import { errorBody } from '../../api/error-body';
import { factsFromSchema, factsInSnakeCase } from '../../api/facts';
import { HTTP_STATUS } from '../../api/status';
import { MAX_BULK_IDS, parseIds, type Parsed } from '../../domain/parsing';
import { ERROR_CODES, FACTS_OF, NULLABLE_FACTS, type FactName, type Refusal } from '../../domain/refusal';
import { BULK_MODES } from '../../use-cases/decisions/decision-batch';
import { json } from '../openapi/described';
import { ACTION_ID_EXAMPLE, CORRELATION_ID_EXAMPLE } from '../openapi/examples';
import { jsonSchemaOf } from '../openapi/json-schema';
import { ERROR, FACTS_OBJECT } from '../openapi/refusals';
import { field, ID, TEXT } from '../openapi/vocabulary';
import type { BulkFragment, BulkReceiptFragment } from '../operations.types';
import { bodyOf, DECISION_HEADERS, parsedBy, reads, RECEIPT } from '../parameters';
import type { Endpoint, WriteAnswer } from '../route';
import {
  APPROVAL,
  APPROVAL_EXAMPLE,
  decisionBody,
  REASON,
  REJECTION,
  REJECTION_EXAMPLE,
  VOTE,
} from './decide';

/** Approving and rejecting several actions. */

/** Reads the mode of a bulk, ignoring case. Absent and null mean the default. */
function bulkMode(raw: unknown): Parsed<string> {
  const asked = typeof raw === 'string' ? raw.toLowerCase() : (raw ?? 'best_effort');
  const mode = BULK_MODES.find((known) => known === asked);
  if (mode !== undefined) return { value: mode.toUpperCase() };
  return {
    faults: [{ loc: [], msg: `must be one of ${BULK_MODES.join(', ')}`, type: 'enum' }],
  };
}

/** Replaces ids that are not numbers by null, which is refused: in a JSON body an id is a number. */
function numbersOnly(ids: unknown): unknown {
  if (!Array.isArray(ids)) return ids;
  return ids.map((id: unknown) => (typeof id === 'number' ? id : null));
}

/** Reads `{"action_ids", "reason", "mode"}`, the idempotency key, and whether a receipt is asked for. */
const BULK = reads(
  z.object({
    query: RECEIPT,
    body: bodyOf({
      action_ids: parsedBy((raw) => parseIds(numbersOnly(raw), []), z.array(ID).min(1).max(MAX_BULK_IDS)),
      reason: REASON,
      mode: parsedBy(
        bulkMode,
        z.enum(BULK_MODES).default('best_effort').meta({
          description:
            '`best_effort` decides each action independently. `atomic` decides all actions, or none if one is refused.',
        }),
      ),
    }),
    headers: DECISION_HEADERS,
  }),
  ({ query, body, headers }) => ({
    actionIds: body.action_ids,
    reason: body.reason,
    mode: body.mode,
    idempotencyKey: headers['idempotency-key'],
    receipt: query.receipt || headers.prefer,
  }),
  true,
);

export const REFUSED_ITEM = z
  .object({
    action_id: ID,
    error_code: z.enum(ERROR_CODES),
    detail: field('detail', TEXT),
    status: field('status', z.int()),
    context: FACTS_OBJECT.optional(),
  })
  .meta({ id: 'RefusedItem', graphql: 'Refusal' });

const COUNTS = {
  requested: field('requested', z.int()),
  succeeded: field('succeeded', z.int()),
  failed: field('failed', z.int()),
};
export const BULK_RECEIPT = z
  .object({ audit_ids: field('auditIds', z.array(ID)), signature: field('signature', TEXT) })
  .meta({ id: 'BulkReceipt', graphql: 'BulkReceipt' });
export const BULK_DECISION = z
  .object({
    status: z
      .enum(['approved', 'denied'])
      .meta({ description: 'The requested verdict, regardless of the results.' }),
    ...COUNTS,
    correlation_id: field('correlationId', TEXT),
    results: z.array(z.union([APPROVAL, REJECTION, VOTE, REFUSED_ITEM])),
    audit_receipt: BULK_RECEIPT.optional(),
  })
  .meta({ id: 'BulkDecision', graphql: 'BulkDecision' });
/** The body of a 409: an error, with the result of each action. */
export const REFUSED_BULK = z
  .object({
    ...ERROR.shape,
    error_code: z.literal('BULK_REFUSED'),
    ...COUNTS,
    results: z.array(REFUSED_ITEM),
  })
  .meta({ id: 'RefusedBulk', graphql: 'BulkDecision' });

/**
 * Writes a bulk decision: 200, with an outcome per item (docs/rest-api.md#bulk-decisions). A refused atomic bulk is a
 * 409 with the same results.
 */
const writeBulkDecision: WriteAnswer<
  { bulk: BulkFragment & Partial<BulkReceiptFragment> },
  z.output<typeof BULK_DECISION | typeof REFUSED_BULK>
> = ({ bulk }, { correlationId, now }) => {
  const { requested, succeeded, failed } = bulk;
  if (bulk.mode === 'ATOMIC' && failed > 0)
    return {
      status: HTTP_STATUS.BULK_REFUSED,
      body: {
        ...errorBody(BULK_REFUSED, correlationId, now),
        error_code: BULK_REFUSED.code,
        requested,
        succeeded,
        failed,
        results: bulk.results.map(refusedItem),
      },
    };
  return {
    status: 200,
    body: {
      status: bulk.verdict === 'APPROVE' ? 'approved' : 'denied',
      requested,
      succeeded,
      failed,
      correlation_id: bulk.correlationId,
      results: bulk.results.map((item) => (item.decision ? decisionBody(item.decision) : refusedItem(item))),
      ...receiptOf(bulk),
    },
  };
};

function receiptOf({ receipt }: Partial<BulkReceiptFragment>): {
  audit_receipt?: z.output<typeof BULK_RECEIPT>;
} {
  // Not asked for, a replay, or nothing was decided.
  if (!receipt) return {};
  const { auditIds, signature } = receipt;
  return { audit_receipt: { audit_ids: auditIds.map(Number), signature } };
}

const BULK_REFUSED = {
  code: 'BULK_REFUSED',
  detail: 'Nothing was decided, since not everything could be: see the results',
} as const satisfies Refusal;

type BulkItem = BulkFragment['results'][number];
type BulkRefusal = NonNullable<BulkItem['refusal']>;

function refusedItem({ actionId, refusal }: BulkItem): z.output<typeof REFUSED_ITEM> {
  if (!refusal) throw new Error('A bulk item has neither a decision nor a refusal');
  const { code, detail, status } = refusal;
  const context = contextOf(refusal);
  return { action_id: Number(actionId), error_code: code, detail, status, ...(context && { context }) };
}

/** Returns the `context` of a refusal from the schema: the facts of its code; null if it has none. */
function contextOf(refusal: BulkRefusal): Readonly<Record<string, unknown>> | null {
  const facts = (FACTS_OF[refusal.code] ?? [])
    .map((name) => [name, (refusal as Readonly<Partial<Record<FactName, unknown>>>)[name] ?? null] as const)
    // Null is a fact only where no user decided the action.
    .filter(([name, value]) => value !== null || NULLABLE_FACTS.includes(name));
  if (facts.length === 0) return null;
  return factsInSnakeCase(factsFromSchema(Object.fromEntries(facts)));
}

const DECIDED_BULK = json('The result for each action.', BULK_DECISION);
const CONFLICT = json(
  'An atomic bulk was refused because one of its items was, and nothing was decided. Or an earlier request with the same idempotency key is still in progress.',
  z.union([
    REFUSED_BULK,
    ERROR.meta({
      json: { ...jsonSchemaOf(ERROR), properties: { error_code: { const: 'IDEMPOTENCY_CONFLICT' } } },
    }),
  ]),
);

const REFUSED_ITEM_EXAMPLE: z.output<typeof REFUSED_ITEM> = {
  action_id: 12_351,
  error_code: 'APPROVAL_LEVEL_REQUIRED',
  detail: 'This action requires approval level 4; you hold 2',
  status: 403,
  context: { required_level: 4, held_level: 2 },
};

const endpoint = (status: string, reason: string, result: unknown): Endpoint => ({
  ...BULK,
  write: writeBulkDecision,
  responses: { 200: DECIDED_BULK, 409: CONFLICT },
  examples: {
    body: { action_ids: [ACTION_ID_EXAMPLE, 12_351], reason },
    answers: {
      200: {
        status,
        requested: 2,
        succeeded: 1,
        failed: 1,
        correlation_id: CORRELATION_ID_EXAMPLE,
        results: [result, REFUSED_ITEM_EXAMPLE],
      },
    },
  },
});

export const BULK_APPROVE = endpoint('approved', 'Batch review', APPROVAL_EXAMPLE);
export const BULK_REJECT = endpoint('denied', 'Not before the audit', REJECTION_EXAMPLE);
