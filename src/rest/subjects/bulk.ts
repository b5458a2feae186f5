import type { GraphQLSchema } from 'graphql';
import { errorBody } from '../../api/error-body';
import { factsFromSchema, factsInSnakeCase } from '../../api/facts';
import { HTTP_STATUS } from '../../api/status';
import { MAX_BULK_IDS, parseIds, parseReason, type Parsed } from '../../domain/parsing';
import { ERROR_CODES, FACTS_OF, NULLABLE_FACTS, type FactName, type Refusal } from '../../domain/refusal';
import { BULK_MODES } from '../../use-cases/decisions/decision-batch';
import { json, type RequestParts } from '../openapi/described';
import { ACTION_ID_EXAMPLE, CORRELATION_ID_EXAMPLE } from '../openapi/examples';
import { ID, listOf, object, objectOf, objectType, oneOf, ref, type Schema } from '../openapi/json-schema';
import { ERROR_PROPERTIES } from '../openapi/refusals';
import type { BulkFragment, BulkReceiptFragment } from '../operations.types';
import { all, readBody, readIdempotencyKey, RECEIPT } from '../parameters';
import type { Endpoint, ReadVariables, WriteAnswer } from '../route';
import { APPROVAL_EXAMPLE, decisionBody, REASON, REJECTION_EXAMPLE } from './decide';

/** Approving and rejecting several actions. */

/** Reads `{"action_ids", "reason", "mode"}` and the idempotency key. */
const readBulkDecision: ReadVariables = ({ body, headers }) => {
  const fields = readBody(body);
  if (fields.faults !== undefined) return fields;
  return all({
    actionIds: parseIds(numbersOnly(fields.value['action_ids']), ['body', 'action_ids']),
    reason: parseReason(fields.value['reason'], ['body', 'reason']),
    mode: bulkMode(fields.value['mode']),
    idempotencyKey: readIdempotencyKey(headers),
  });
};

/** Reads the mode of a bulk, ignoring case. Absent and null mean the default. */
function bulkMode(raw: unknown): Parsed<string> {
  const asked = typeof raw === 'string' ? raw.toLowerCase() : (raw ?? 'best_effort');
  const mode = BULK_MODES.find((known) => known === asked);
  if (mode !== undefined) return { value: mode.toUpperCase() };
  return {
    faults: [{ loc: ['body', 'mode'], msg: `must be one of ${BULK_MODES.join(', ')}`, type: 'enum' }],
  };
}

/** Replaces ids that are not numbers by null, which is refused: in a JSON body an id is a number. */
function numbersOnly(ids: unknown): unknown {
  if (!Array.isArray(ids)) return ids;
  return ids.map((id: unknown) => (typeof id === 'number' ? id : null));
}

/**
 * Writes a bulk decision: 200, with an outcome per item (docs/rest-api.md#bulk-decisions). A refused atomic bulk is a
 * 409 with the same results.
 */
const writeBulkDecision: WriteAnswer<{ bulk: BulkFragment & Partial<BulkReceiptFragment> }> = (
  { bulk },
  { correlationId, now },
) => {
  const { requested, succeeded, failed } = bulk;
  const results = bulk.results.map(({ actionId, decision, refusal }) =>
    decision ? decisionBody(decision) : refusedItem(Number(actionId), refusal),
  );
  if (bulk.mode === 'ATOMIC' && failed > 0)
    return {
      status: HTTP_STATUS.BULK_REFUSED,
      body: { ...errorBody(BULK_REFUSED, correlationId, now), requested, succeeded, failed, results },
    };
  return {
    status: 200,
    body: {
      status: bulk.verdict === 'APPROVE' ? 'approved' : 'denied',
      requested,
      succeeded,
      failed,
      correlation_id: bulk.correlationId,
      results,
      ...receiptOf(bulk),
    },
  };
};

function receiptOf({ receipt }: Partial<BulkReceiptFragment>): object {
  // Not asked for, a replay, or nothing was decided.
  if (!receipt) return {};
  const { auditIds, signature } = receipt;
  return { audit_receipt: { audit_ids: auditIds.map(Number), signature } };
}

const BULK_REFUSED: Refusal = {
  code: 'BULK_REFUSED',
  detail: 'Nothing was decided, since not everything could be: see the results',
};

type RefusedItem = NonNullable<BulkFragment['results'][number]['refusal']>;

function refusedItem(actionId: number, refusal: RefusedItem | null): object {
  if (!refusal) throw new Error('A bulk item has neither a decision nor a refusal');
  const { code, detail, status } = refusal;
  const context = contextOf(refusal);
  return { action_id: actionId, error_code: code, detail, status, ...(context && { context }) };
}

/** Returns the `context` of a refusal from the schema: the facts of its code; null if it has none. */
function contextOf(refusal: RefusedItem): object | null {
  const facts = (FACTS_OF[refusal.code] ?? [])
    .map((name) => [name, (refusal as Readonly<Partial<Record<FactName, unknown>>>)[name] ?? null] as const)
    // Null is a fact only where no user decided the action.
    .filter(([name, value]) => value !== null || NULLABLE_FACTS.includes(name));
  if (facts.length === 0) return null;
  return factsInSnakeCase(factsFromSchema(Object.fromEntries(facts)));
}

const REQUEST: RequestParts = {
  query: RECEIPT,
  idempotencyKey: true,
  receipt: true,
  body: {
    type: 'object',
    required: ['action_ids'],
    properties: {
      action_ids: { type: 'array', items: ID, minItems: 1, maxItems: MAX_BULK_IDS },
      reason: REASON,
      mode: {
        ...oneOf(BULK_MODES),
        default: 'best_effort',
        description:
          '`best_effort` decides each action independently. `atomic` decides all actions, or none if one is refused.',
      },
    },
  },
};

const DECIDED_BULK = json('The result for each action.', ref('BulkDecision'));
const REFUSED_BULK = json(
  'An atomic bulk was refused because one of its items was, and nothing was decided. Or an earlier request with the same idempotency key is still in progress.',
  {
    anyOf: [
      ref('RefusedBulk'),
      { ...ref('Error'), properties: { error_code: { const: 'IDEMPOTENCY_CONFLICT' } } },
    ],
  },
);

/** Returns the named schemas of bulk decisions. */
export function bulkSchemas(schema: GraphQLSchema): Readonly<Record<string, Schema>> {
  const bulk = objectType(schema, 'BulkDecision');
  const refusal = objectType(schema, 'Refusal');
  const counts = { requested: 'requested', succeeded: 'succeeded', failed: 'failed' };
  const counted = objectOf(bulk, counts).properties ?? {};
  return {
    BulkDecision: objectOf(bulk, {
      status: {
        ...oneOf(['approved', 'denied']),
        description: 'The requested verdict, regardless of the results.',
      },
      ...counts,
      correlation_id: 'correlationId',
      results: listOf({ anyOf: ['Approval', 'Rejection', 'Vote', 'RefusedItem'].map(ref) }),
      'audit_receipt?': ref('BulkReceipt'),
    }),
    BulkReceipt: objectOf(objectType(schema, 'BulkReceipt'), {
      audit_ids: 'auditIds',
      signature: 'signature',
    }),
    RefusedItem: objectOf(refusal, {
      action_id: ID,
      error_code: oneOf(ERROR_CODES),
      detail: 'detail',
      status: 'status',
      'context?': ref('Facts'),
    }),
    RefusedBulk: object({
      ...ERROR_PROPERTIES,
      error_code: { type: 'string', const: 'BULK_REFUSED' },
      ...counted,
      results: listOf(ref('RefusedItem')),
    }),
  };
}

const REFUSED_ITEM = {
  action_id: 12_351,
  error_code: 'APPROVAL_LEVEL_REQUIRED',
  detail: 'This action requires approval level 4; you hold 2',
  status: 403,
  context: { required_level: 4, held_level: 2 },
};

const endpoint = (status: string, reason: string, result: unknown): Endpoint => ({
  read: readBulkDecision,
  write: writeBulkDecision,
  request: REQUEST,
  responses: { 200: DECIDED_BULK, 409: REFUSED_BULK },
  examples: {
    body: { action_ids: [ACTION_ID_EXAMPLE, 12_351], reason },
    answers: {
      200: {
        status,
        requested: 2,
        succeeded: 1,
        failed: 1,
        correlation_id: CORRELATION_ID_EXAMPLE,
        results: [result, REFUSED_ITEM],
      },
    },
  },
});

export const BULK_APPROVE = endpoint('approved', 'Batch review', APPROVAL_EXAMPLE);
export const BULK_REJECT = endpoint('denied', 'Not before the audit', REJECTION_EXAMPLE);
