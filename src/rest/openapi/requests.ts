import { EXPORT_FORMATS } from '../../audit/export-formats';
import { ACTION_STATUSES } from '../../domain/action';
import { MAX_BULK_IDS, MAX_REASON_LENGTH } from '../../domain/parsing';
import { MAX_LENGTHS, MAX_SIZES } from '../../domain/submission';
import { BULK_MODES } from '../../use-cases/decisions/decision-batch';
import {
  LEAF_INDEX,
  LIMIT,
  OFFSET,
  readActionId,
  readActionList,
  readActivityList,
  readAuditLogList,
  readBulkDecision,
  readDecision,
  readLegacyAuditLog,
  TIME_PATTERN,
  type ReadVariables,
} from '../requests';
import { readSubmission } from '../submission';
import type { RequestParts } from './described';
import { ID, oneOf, orNull, TEXT, type Schema } from './json-schema';

/** Text that PostgreSQL can store. */
const PLAIN_TEXT: Schema = { type: 'string', pattern: '^[^\\u0000]*$' };

const REASON: Schema = {
  ...PLAIN_TEXT,
  type: ['string', 'null'],
  maxLength: MAX_REASON_LENGTH,
  description: 'Stored with the decision. A blank reason counts as absent.',
};

const SINCE: Schema = {
  type: 'string',
  pattern: TIME_PATTERN,
  description: 'Start of the range, inclusive: a date or a time, in UTC.',
};
const UNTIL: Schema = { ...SINCE, description: 'End of the range, exclusive: a date or a time, in UTC.' };
const PAGE = {
  limit: { ...LIMIT, description: 'Maximum number of items.' },
  offset: { ...OFFSET, description: 'Number of the newest items to skip.' },
};

const textUpTo = (maxLength: number): Schema => orNull({ ...PLAIN_TEXT, maxLength });
const jsonUpTo = (size: number): Schema => ({
  type: ['object', 'null'],
  description: `At most ${String(size)} bytes of JSON.`,
});
const INTEGER: Schema = {
  type: 'integer',
  minimum: Number.MIN_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
};
const AS = 'Alternative name, used if the first is absent:';

const SUBMISSION: Schema = {
  type: 'object',
  required: ['agent_id', 'action_type'],
  properties: {
    agent_id: { anyOf: [{ ...PLAIN_TEXT, minLength: 1, maxLength: MAX_LENGTHS.agentId }, INTEGER] },
    agent_name: textUpTo(MAX_LENGTHS.agentName),
    action_type: { ...PLAIN_TEXT, minLength: 1, maxLength: MAX_LENGTHS.actionType },
    description: textUpTo(MAX_LENGTHS.description),
    tool_name: textUpTo(MAX_LENGTHS.toolName),
    target_system: textUpTo(MAX_LENGTHS.targetSystem),
    resource: { ...textUpTo(MAX_LENGTHS.targetSystem), description: `${AS} \`target_system\`.` },
    target_resource: { anyOf: [textUpTo(MAX_LENGTHS.targetResource), INTEGER] },
    resource_id: {
      anyOf: [textUpTo(MAX_LENGTHS.targetResource), INTEGER],
      description: `${AS} \`target_resource\`.`,
    },
    parameters: jsonUpTo(MAX_SIZES.parameters),
    action_details: { ...jsonUpTo(MAX_SIZES.parameters), description: `${AS} \`parameters\`.` },
    context: jsonUpTo(MAX_SIZES.context),
    risk_indicators: {
      anyOf: [jsonUpTo(MAX_SIZES.riskIndicators), { type: 'array', items: PLAIN_TEXT }],
      description: 'An object of names and values, or a list of names.',
    },
    risk_score: {
      type: ['number', 'null'],
      minimum: 0,
      maximum: 100,
      description: 'Accepted only from an API key with the scope `actions:score`.',
    },
  },
};

/** The parameters of each reader. Unknown parameters and fields are ignored, and empty parameters count as absent. */
const REQUEST_PARTS: ReadonlyMap<ReadVariables, RequestParts> = new Map<ReadVariables, RequestParts>([
  [readDecision, { idempotencyKey: true, body: { type: 'object', properties: { reason: REASON } } }],
  [
    readBulkDecision,
    {
      idempotencyKey: true,
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
    },
  ],
  [readSubmission, { idempotencyKey: true, body: SUBMISSION }],
  [readActionId, {}],
  [readActionList, { query: { ...PAGE, status_filter: oneOf(ACTION_STATUSES), agent_id: PLAIN_TEXT } }],
  [
    readActivityList,
    { query: { ...PAGE, status: oneOf(['pending', ...ACTION_STATUSES]), agent_id: PLAIN_TEXT } },
  ],
  [
    readAuditLogList,
    {
      query: {
        ...PAGE,
        cursor: { ...TEXT, format: 'cursor', description: 'The `next_cursor` of the previous page.' },
        action_type: PLAIN_TEXT,
        user_id: { ...ID, description: 'Id of the user who acted.' },
        action_id: ID,
        correlation_id: PLAIN_TEXT,
        from: SINCE,
        to: UNTIL,
        include_total: {
          type: 'boolean',
          default: false,
          description: 'Whether to count the matching entries.',
        },
      },
    },
  ],
  [readLegacyAuditLog, { query: PAGE }],
]);

/** The parameters of `readExport`. */
export const EXPORT_REQUEST: RequestParts = {
  query: { format: { ...oneOf(EXPORT_FORMATS), default: 'jsonl' }, from: SINCE, to: UNTIL },
};

/** The parameters of `readLeafRange`. */
export const LEAF_RANGE_REQUEST: RequestParts = {
  query: {
    from: { ...LEAF_INDEX, description: 'First leaf index, inclusive.' },
    to: { ...LEAF_INDEX, description: 'Last leaf index, exclusive.' },
  },
};

/** Returns the parameters of a reader. @throws {Error} if the reader has no description */
export function requestPartsOf(read: ReadVariables): RequestParts {
  const parts = REQUEST_PARTS.get(read);
  if (parts === undefined) throw new Error(`rest/openapi/requests.ts does not describe ${read.name}`);
  return parts;
}
