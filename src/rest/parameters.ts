import { z } from 'zod';
import { parseIdempotencyKey } from '../domain/idempotency';
import { parseId, type Parsed } from '../domain/parsing';
import type { InputFault } from '../domain/refusal';
import { jsonSchemaOf } from './openapi/json-schema';
import { ID, TEXT } from './openapi/vocabulary';
import type { RestRequest } from './route';

const MAX_OFFSET = 2 ** 31 - 1;
/** The number of rows (docs/rest-api.md#lists). */
export const LIMIT = z.int().min(1).max(1000).default(100);
export const OFFSET = z.int().min(0).max(MAX_OFFSET).default(0);
const LEAF_INDEX = z.int().min(0).max(MAX_OFFSET).optional();
/** Matches a date, or a time whose zone defaults to UTC. */
export const TIME_PATTERN =
  '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?(Z|[+-]\\d\\d:?\\d\\d)?)?$';
const TIME = new RegExp(TIME_PATTERN);

/**
 * Returns a schema that reads a value with a parser of ours, whose texts and types of faults are a contract.
 * @param parse reads the value; the locations of its faults start at the value
 * @param accepts describes in OpenAPI what the parser accepts
 */
export function parsedBy<T, Raw = unknown>(
  parse: (raw: Raw) => Parsed<T>,
  accepts: z.ZodType,
): z.ZodType<T, Raw> {
  return z
    .transform((raw: Raw, context): T => {
      const { faults, value } = parse(raw);
      if (faults === undefined) return value;
      // One issue for all faults: a bulk can have 500, and an issue is dear.
      context.addIssue({ code: 'custom', params: { faults } });
      return z.NEVER;
    })
    .meta({ accepts });
}

const NO_OBJECT = { error: 'must be a JSON object' };

/** Returns the schema of a JSON body, which may be absent. Unknown fields are ignored. */
export function bodyOf<Shape extends z.ZodRawShape>(shape: Shape): z.ZodPrefault<z.ZodObject<Shape>> {
  return z.object(shape, NO_OBJECT).prefault({} as never);
}

/** Like `bodyOf`, for a body whose fields a parser reads together. */
export function bodyBy<T>(
  parse: (fields: Record<string, unknown>) => Parsed<T>,
  accepts: z.ZodObject,
): z.ZodType<T> {
  return z.looseObject({}, NO_OBJECT).prefault({}).pipe(parsedBy(parse, accepts)).meta({ accepts });
}

/** A schema of requests, and the reader that applies it. */
interface Reading<T> {
  readonly request: z.ZodObject;
  readonly read: (request: RestRequest) => Parsed<T>;
}

/**
 * Returns the reader of the requests that fit a schema.
 * @param schema of `params`, `query`, `body` and `headers`; faults come in the order of its parts
 * @param valueOf makes the variables of an operation from the parts
 * @param bodyFirst whether a body that is not an object is the only fault
 */
export function reads<Shape extends z.ZodRawShape, T>(
  schema: z.ZodObject<Shape>,
  valueOf: (parts: z.output<z.ZodObject<Shape>>) => T,
  bodyFirst = false,
): Reading<T> {
  const read = (request: RestRequest): Parsed<T> => {
    const { success, data, error } = schema.safeParse(request);
    if (success) return { value: valueOf(data) };
    const faults = error.issues.flatMap(faultsOf);
    const ofBody = bodyFirst ? faults.filter(({ loc }) => loc.length === 1) : [];
    return { faults: ofBody.length > 0 ? ofBody : faults };
  };
  return { request: schema, read };
}

const PLACES: Readonly<Record<string, string>> = { params: 'path', headers: 'header' };

/** Returns the faults behind an issue: those of a parser of ours, or a body that is not an object. */
function faultsOf(issue: z.core.$ZodIssue): readonly InputFault[] {
  const [part = '', ...names] = issue.path as string[];
  const at: readonly (string | number)[] = [
    PLACES[part] ?? part,
    ...(part === 'headers' ? names.map(headerName) : names),
  ];
  if (issue.code !== 'custom') return [{ loc: at, msg: issue.message, type: 'object' }];
  const { faults } = issue.params as { readonly faults: readonly InputFault[] };
  return faults.map(({ loc, msg, type }) => ({ loc: [...at, ...loc], msg, type }));
}

function headerName(name: string): string {
  return name.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase());
}

/** `{action_id}` of a path. */
export const ACTION_ID_PARAMS = z.object({ action_id: parsedBy((raw) => parseId(raw, []), ID) });

/** The header `Idempotency-Key`; null if absent (docs/rest-api.md#idempotency-keys). */
export const IDEMPOTENCY_HEADERS = z.object({
  'idempotency-key': parsedBy((raw) => parseIdempotencyKey(raw, []), TEXT.optional()),
});

/** Whether `return=receipt` is among the preferences, which are separated by commas (RFC 7240). */
function prefersReceipt(header: unknown): Parsed<boolean> {
  const preferences = typeof header === 'string' ? header.split(',') : [];
  return {
    value: preferences.some((one) => /^\s*return\s*=\s*"?receipt"?\s*(;|$)/i.test(one)),
  };
}

/** The headers of a decision: the idempotency key, and whether `Prefer` asks for a receipt. */
export const DECISION_HEADERS = IDEMPOTENCY_HEADERS.extend({
  prefer: parsedBy(prefersReceipt, TEXT.optional()),
});

/**
 * Returns the schema of a query parameter, or of the last one if it is repeated, as most servers do.
 * @param parse reads its text, which is null if the parameter is absent or empty
 */
function parameter<T>(parse: (text: string | null) => Parsed<T>, accepts: z.ZodType): z.ZodType<T> {
  return parsedBy((raw) => {
    const last: unknown = Array.isArray(raw) ? raw.at(-1) : raw;
    return parse(typeof last === 'string' && last !== '' ? last : null);
  }, accepts);
}

/** Returns the schema of a query parameter that any text is valid for; null if absent. */
export function text(accepts: z.ZodType<string>): z.ZodType<string | null> {
  return parameter((value) => ({ value }), accepts);
}

/** Returns the schema of a query parameter that its own zod schema checks, with our text for what it refuses. */
function checked<S extends z.ZodType>(
  accepts: S,
  convert: (text: string) => unknown,
  msg: string,
  type: string,
): z.ZodType<z.output<S>> {
  return parameter((raw) => {
    const { success, data } = accepts.safeParse(raw === null ? undefined : convert(raw));
    return success ? { value: data } : { faults: [{ loc: [], msg, type }] };
  }, accepts);
}

/** Returns the schema of a word in the query. @param known the words that a fault lists */
export function choice<S extends z.ZodType>(accepts: S, known: readonly string[]): z.ZodType<z.output<S>> {
  return checked(accepts, (raw) => raw, `must be one of ${known.join(', ')}`, 'enum');
}

function integer<S extends z.ZodType>(accepts: S): z.ZodType<z.output<S>> {
  const { minimum, maximum } = jsonSchemaOf(accepts);
  const msg = `must be an integer from ${String(minimum)} to ${String(maximum)}`;
  return checked(accepts, (raw) => (/^[0-9]{1,10}$/.test(raw) ? Number(raw) : NaN), msg, 'range');
}

/** A leaf index in the query; undefined if absent. */
export const leafIndex = (description: string): z.ZodType<number | undefined> =>
  integer(LEAF_INDEX.meta({ description }));

/** `limit`, 100 by default and at most 1,000, and `offset` (docs/rest-api.md#lists). */
export const PAGE = {
  limit: integer(LIMIT.meta({ description: 'Maximum number of items.' })),
  offset: integer(OFFSET.meta({ description: 'Number of the newest items to skip.' })),
};

/** Returns the schema of an id in the query; null if absent. */
export function id(accepts: z.ZodType<number>): z.ZodType<number | null> {
  return parameter<number | null>((raw) => (raw === null ? { value: null } : parseId(raw, [])), accepts);
}

const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, '1': true, false: false, '0': false };

/** Returns the schema of a boolean in the query, ignoring case, since Python writes `True`. False if absent. */
export function flag(description: string): z.ZodType<boolean> {
  const accepts = z.boolean().default(false).meta({ description });
  return checked(accepts, (raw) => BOOLEANS[raw.toLowerCase()] ?? null, 'must be true or false', 'boolean');
}

/** The query parameter that asks for a receipt, as the header `Prefer` does (docs/audit-log.md#receipts). */
export const RECEIPT = z.object({
  receipt: flag(
    'Whether the response contains a receipt. The header `Prefer: return=receipt` asks for one too.',
  ),
});

/** `from`: the start of a range. */
export const SINCE = time('Start of the range, inclusive: a date or a time, in UTC.');
/** `to`: the end of a range. */
export const UNTIL = time('End of the range, exclusive: a date or a time, in UTC.');

/** Returns the schema of a date or a time, which is read as ISO 8601 in UTC. Null if absent. */
function time(description: string): z.ZodType<string | null> {
  return parameter<string | null>(parseTime, z.string().regex(TIME).meta({ description }));
}

function parseTime(raw: string | null): Parsed<string | null> {
  if (raw === null) return { value: null };
  const isTime = TIME.test(raw);
  const at = new Date(isTime && raw.includes('T') && !/(Z|[+-]\d\d:?\d\d)$/.test(raw) ? `${raw}Z` : raw);
  // The time zone can move the year outside of 0 to 9999.
  if (isTime && isDay(raw.slice(0, 10)) && at.getUTCFullYear() >= 0 && at.getUTCFullYear() <= 9999)
    return { value: at.toISOString() };
  const msg = 'must be a date or a time like 2026-01-20T14:35:00Z; without a zone it is UTC';
  return { faults: [{ loc: [], msg, type: 'time' }] };
}

/** Whether the day exists. JavaScript reads 30 February as 2 March. */
function isDay(day: string): boolean {
  const at = new Date(day);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
}
