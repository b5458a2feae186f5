import { parseIdempotencyKey } from '../domain/idempotency';
import type { Parsed } from '../domain/parsing';
import type { InputFault } from '../domain/refusal';
import type { Schema } from './openapi/json-schema';
import type { RestRequest } from './route';

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

export const SINCE: Schema = {
  type: 'string',
  pattern: TIME_PATTERN,
  description: 'Start of the range, inclusive: a date or a time, in UTC.',
};
export const UNTIL: Schema = {
  ...SINCE,
  description: 'End of the range, exclusive: a date or a time, in UTC.',
};
export const PAGE = {
  limit: { ...LIMIT, description: 'Maximum number of items.' },
  offset: { ...OFFSET, description: 'Number of the newest items to skip.' },
};

/** Reads `Idempotency-Key`; null if absent (docs/rest-api.md#idempotency-keys). */
export function readIdempotencyKey(headers: RestRequest['headers']): Parsed<string | null> {
  return parseIdempotencyKey(headers['idempotency-key'], ['header', 'Idempotency-Key']);
}

/** The query parameter that asks for a receipt. */
export const RECEIPT = {
  receipt: {
    type: 'boolean',
    default: false,
    description:
      'Whether the response contains a receipt. The header `Prefer: return=receipt` asks for one too.',
  },
} as const;

/** Reads whether the client asks for a receipt (docs/audit-log.md#receipts). */
export function readReceipt({ query, headers }: RestRequest): Parsed<boolean> {
  const asked = flag(query, 'receipt');
  return asked.value === false && prefersReceipt(headers['prefer']) ? { value: true } : asked;
}

/** Whether `return=receipt` is among the preferences, which are separated by commas (RFC 7240). */
function prefersReceipt(header: string | readonly string[] | undefined): boolean {
  if (header === undefined) return false;
  return String(header)
    .split(',')
    .some((preference) => /^\s*return\s*=\s*"?receipt"?\s*(;|$)/i.test(preference));
}

/** Returns the fields of the body, which may be absent. Callers ignore unknown fields. */
export function readBody(body: unknown): Parsed<Readonly<Record<string, unknown>>> {
  if (body === undefined) return { value: {} };
  if (typeof body === 'object' && body !== null && !Array.isArray(body))
    return { value: body as Readonly<Record<string, unknown>> };
  return { faults: [{ loc: ['body'], msg: 'must be a JSON object', type: 'object' }] };
}

/** Returns all values, or the faults of all parts that have any. */
export function all<T extends Readonly<Record<string, unknown>>>(parts: {
  readonly [K in keyof T]: Parsed<T[K]>;
}): Parsed<T> {
  const faults: InputFault[] = [];
  const value: Record<string, unknown> = {};
  for (const [key, part] of Object.entries<Parsed<unknown>>(parts))
    if (part.faults === undefined) value[key] = part.value;
    else faults.push(...part.faults);
  return faults.length > 0 ? { faults } : { value: value as T };
}

/** Parses a parameter that may be absent; null if it is. */
export function optional<T>(raw: string | null, parse: (raw: string) => Parsed<T>): Parsed<T | null> {
  return raw === null ? { value: null } : parse(raw);
}

/** Returns a query parameter, or the last one if it is repeated, as most servers do. Null if absent or empty. */
export function text(query: RestRequest['query'], name: string): string | null {
  const raw = query[name];
  const value: unknown = Array.isArray(raw) ? raw.at(-1) : raw;
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Reads `limit`, 100 by default and at most 1,000, and `offset` (docs/rest-api.md#lists). */
export function page(query: RestRequest['query']): { first: Parsed<number>; offset: Parsed<number> } {
  return {
    first: integer(query, 'limit', LIMIT),
    offset: integer(query, 'offset', OFFSET),
  };
}

/** Reads an integer within its schema's bounds, or the schema's default if it is absent. */
export function integer(
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
export function flag(query: RestRequest['query'], name: string): Parsed<boolean> {
  const raw = text(query, name)?.toLowerCase() ?? 'false';
  if (['true', '1', 'false', '0'].includes(raw)) return { value: raw === 'true' || raw === '1' };
  return { faults: [{ loc: ['query', name], msg: 'must be true or false', type: 'boolean' }] };
}

/** Reads a date or a time as ISO 8601 in UTC. Null if absent. */
export function time(query: RestRequest['query'], name: string): Parsed<string | null> {
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
