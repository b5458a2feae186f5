import { parseId, parseIds, parseReason, type Parsed } from '../domain/parsing';
import { ACTION_STATUSES } from '../domain/action';
import { EXPORT_FORMATS, type ExportRequest } from '../audit/export-formats';
import { parseIdempotencyKey } from '../domain/idempotency';
import { BULK_MODES } from '../use-cases/decisions/decision-batch';
import type { InputFault } from '../domain/refusal';

/** The parts of a request that a route reads. The body is undefined if there was none. */
export interface RestRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** The JSON Schema of an integer in the query string, which is documented and validated by it. */
interface IntegerSchema {
  readonly type: 'integer';
  readonly minimum: number;
  readonly maximum: number;
  readonly default?: number;
}

const MAX_OFFSET = 2 ** 31 - 1;
/** The number of rows (docs/rest-api.md#lists). */
export const LIMIT: IntegerSchema = { type: 'integer', minimum: 1, maximum: 1000, default: 100 };
export const OFFSET: IntegerSchema = { type: 'integer', minimum: 0, maximum: MAX_OFFSET, default: 0 };
export const LEAF_INDEX: IntegerSchema = { type: 'integer', minimum: 0, maximum: MAX_OFFSET };
/** Matches a date, or a time whose zone defaults to UTC. */
export const TIME_PATTERN =
  '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?(Z|[+-]\\d\\d:?\\d\\d)?)?$';
const TIME = new RegExp(TIME_PATTERN);

type Variables = Readonly<Record<string, unknown>>;

/** Reads the variables of a route's operation from a request, or returns all of its faults. */
export type ReadVariables = (request: RestRequest) => Parsed<Variables>;

/** Reads `{action_id}`, the optional `{"reason"}` and the idempotency key. */
export const readDecision: ReadVariables = ({ params, body, headers }) => {
  const fields = readBody(body);
  return all({
    actionId: parseId(params['action_id'], ['path', 'action_id']),
    reason: fields.faults === undefined ? parseReason(fields.value['reason'], ['body', 'reason']) : fields,
    idempotencyKey: readIdempotencyKey(headers),
  });
};

/** Reads `{"action_ids", "reason", "mode"}` and the idempotency key. */
export const readBulkDecision: ReadVariables = ({ body, headers }) => {
  const fields = readBody(body);
  if (fields.faults !== undefined) return fields;
  return all({
    actionIds: parseIds(numbersOnly(fields.value['action_ids']), ['body', 'action_ids']),
    reason: parseReason(fields.value['reason'], ['body', 'reason']),
    mode: bulkMode(fields.value['mode']),
    idempotencyKey: readIdempotencyKey(headers),
  });
};

/** Reads `{action_id}`. */
export const readActionId: ReadVariables = ({ params }) =>
  all({ id: parseId(params['action_id'], ['path', 'action_id']) });

/** Reads `?limit&offset&status_filter&agent_id`. Empty parameters count as absent. */
export const readActionList: ReadVariables = ({ query }) =>
  actionList(query, 'status_filter', (word) => word);

/** Reads `?limit&offset&status&agent_id`. The vendor's SDK sends the status `pending` (docs/legacy-sdk.md#calls). */
export const readActivityList: ReadVariables = ({ query }) =>
  actionList(query, 'status', (word) => (word === 'pending' ? 'pending_approval' : word));

function actionList(
  query: RestRequest['query'],
  statusName: string,
  statusOf: (word: string) => string,
): Parsed<Variables> {
  const word = text(query, statusName);
  const status = word && statusOf(word);
  const agentId = text(query, 'agent_id');
  const list = all({
    ...page(query),
    status: status === null || isStatus(status) ? { value: status } : unknownStatus(statusName),
  });
  if (list.faults !== undefined) return list;
  const { first, offset } = list.value;
  const filter = { status: status && [status.toUpperCase()], agentId: agentId && [agentId] };
  return { value: { first, offset, filter } };
}

/** Reads `?limit&offset`. Empty parameters count as absent. */
export const readLegacyAuditLog: ReadVariables = ({ query }) => all(page(query));

/** Reads `?limit&offset&cursor&action_type&user_id&action_id&correlation_id&from&to&include_total`. */
export const readAuditLogList: ReadVariables = ({ query }) => {
  const cursor = text(query, 'cursor');
  const parsed = all({
    ...page(query),
    userId: optional(text(query, 'user_id'), (id) => parseId(id, ['query', 'user_id'])),
    actionId: optional(text(query, 'action_id'), (id) => parseId(id, ['query', 'action_id'])),
    from: time(query, 'from'),
    to: time(query, 'to'),
    includeTotal: flag(query, 'include_total'),
  });
  if (parsed.faults !== undefined) return parsed;
  const { first, offset, userId, actionId, from, to, includeTotal } = parsed.value;
  const filter = {
    actionType: listOf(text(query, 'action_type')),
    actorId: listOf(userId),
    actionId: listOf(actionId),
    correlationId: listOf(text(query, 'correlation_id')),
    from,
    to,
  };
  return { value: { first, offset, after: cursor, filter, includeTotal } };
};

/** Reads `?from&to`: leaf indices, inclusive and exclusive. Empty parameters count as absent. */
export function readLeafRange({ query }: RestRequest): Parsed<{ from: number | null; to: number | null }> {
  const index = (name: string): Parsed<number | null> =>
    text(query, name) === null ? { value: null } : integer(query, name, LEAF_INDEX);
  return all({ from: index('from'), to: index('to') });
}

/** Reads `?format&from&to`. Empty parameters count as absent. */
export function readExport({ query }: RestRequest): Parsed<ExportRequest> {
  const asked = text(query, 'format') ?? 'jsonl';
  const format = EXPORT_FORMATS.find((known) => known === asked);
  const msg = `must be one of ${EXPORT_FORMATS.join(', ')}`;
  const parsed = all({
    format:
      format === undefined
        ? { faults: [{ loc: ['query', 'format'], msg, type: 'enum' }] }
        : { value: format },
    from: time(query, 'from'),
    to: time(query, 'to'),
  });
  if (parsed.faults !== undefined) return parsed;
  const { from, to } = parsed.value;
  return { value: { format: parsed.value.format, from: dateOf(from), to: dateOf(to) } };
}

function dateOf(at: string | null): Date | null {
  return at === null ? null : new Date(at);
}

/** Reads `Idempotency-Key`; null if absent (docs/rest-api.md#idempotency-keys). */
export function readIdempotencyKey(headers: RestRequest['headers']): Parsed<string | null> {
  return parseIdempotencyKey(headers['idempotency-key'], ['header', 'Idempotency-Key']);
}

/** Returns the fields of the body, which may be absent. Callers ignore unknown fields. */
export function readBody(body: unknown): Parsed<Readonly<Record<string, unknown>>> {
  if (body === undefined) return { value: {} };
  if (typeof body === 'object' && body !== null && !Array.isArray(body))
    return { value: body as Readonly<Record<string, unknown>> };
  return { faults: [{ loc: ['body'], msg: 'must be a JSON object', type: 'object' }] };
}

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

/** Returns all values, or the faults of all parts that have any. */
function all<T extends Readonly<Record<string, unknown>>>(parts: {
  readonly [K in keyof T]: Parsed<T[K]>;
}): Parsed<T> {
  const faults: InputFault[] = [];
  const value: Record<string, unknown> = {};
  for (const [key, part] of Object.entries<Parsed<unknown>>(parts))
    if (part.faults === undefined) value[key] = part.value;
    else faults.push(...part.faults);
  return faults.length > 0 ? { faults } : { value: value as T };
}

function optional<T>(raw: string | null, parse: (raw: string) => Parsed<T>): Parsed<T | null> {
  return raw === null ? { value: null } : parse(raw);
}

/** Returns a query parameter, or the last one if it is repeated, as most servers do. Null if absent or empty. */
function text(query: RestRequest['query'], name: string): string | null {
  const raw = query[name];
  const value: unknown = Array.isArray(raw) ? raw.at(-1) : raw;
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Reads `limit`, 100 by default and at most 1,000, and `offset` (docs/rest-api.md#lists). */
function page(query: RestRequest['query']): { first: Parsed<number>; offset: Parsed<number> } {
  return {
    first: integer(query, 'limit', LIMIT),
    offset: integer(query, 'offset', OFFSET),
  };
}

function integer(
  query: RestRequest['query'],
  name: string,
  { minimum, maximum, default: fallback = 0 }: IntegerSchema,
): Parsed<number> {
  const raw = text(query, name);
  if (raw === null) return { value: fallback };
  const value = /^[0-9]{1,10}$/.test(raw) ? Number(raw) : NaN;
  if (value >= minimum && value <= maximum) return { value };
  const msg = `must be an integer from ${String(minimum)} to ${String(maximum)}`;
  return { faults: [{ loc: ['query', name], msg, type: 'range' }] };
}

/** Reads a boolean, ignoring case, since Python writes `True`. False if absent. */
function flag(query: RestRequest['query'], name: string): Parsed<boolean> {
  const raw = text(query, name)?.toLowerCase() ?? 'false';
  if (['true', '1', 'false', '0'].includes(raw)) return { value: raw === 'true' || raw === '1' };
  return { faults: [{ loc: ['query', name], msg: 'must be true or false', type: 'boolean' }] };
}

function time(query: RestRequest['query'], name: string): Parsed<string | null> {
  return optional(text(query, name), (raw) => {
    const isTime = TIME.test(raw);
    const at = new Date(isTime && raw.includes('T') && !/(Z|[+-]\d\d:?\d\d)$/.test(raw) ? `${raw}Z` : raw);
    // The time zone can move the year outside of 0 to 9999.
    if (isTime && isDay(raw.slice(0, 10)) && at.getUTCFullYear() >= 0 && at.getUTCFullYear() <= 9999)
      return { value: at.toISOString() };
    const msg = 'must be a date or a time like 2026-01-20T14:35:00Z; without a zone it is UTC';
    return { faults: [{ loc: ['query', name], msg, type: 'time' }] };
  });
}

/** Whether the day exists. JavaScript reads 30 February as 2 March. */
function isDay(day: string): boolean {
  const at = new Date(day);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
}

function isStatus(status: string): boolean {
  return (ACTION_STATUSES as readonly string[]).includes(status);
}

function unknownStatus(name: string): Parsed<string | null> {
  const msg = `must be one of ${ACTION_STATUSES.join(', ')}`;
  return { faults: [{ loc: ['query', name], msg, type: 'enum' }] };
}

function listOf<T>(value: T | null): readonly T[] | null {
  return value === null ? null : [value];
}
