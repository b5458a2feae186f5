import type { InputFault } from './refusal';
import { isBlank } from './text';

/** The largest id, 2^53-1. JavaScript would round larger integers to a neighbor (docs/rest-api.md#ids). */
const MAX_ID = Number.MAX_SAFE_INTEGER;
/** The maximum number of ids in a bulk, counted as sent (docs/rest-api.md#bulk-decisions). */
export const MAX_BULK_IDS = 500;
/** The maximum length of a reason, in Unicode code points (docs/approval-policy.md#reasons). */
export const MAX_REASON_LENGTH = 2000;

/** The result of reading untrusted input: the value, or every fault found in it. */
export type Parsed<T> =
  | { readonly value: T; readonly faults?: undefined }
  | { readonly value?: undefined; readonly faults: readonly InputFault[] };

type Location = readonly (string | number)[];

/**
 * Reads an id: an integer or its plain decimal text (`12345`; no sign, blank, leading zero or exponent).
 * @returns an integer from 1 to 2^53-1, or the fault (docs/rest-api.md#ids)
 */
export function parseId(raw: unknown, loc: Location): Parsed<number> {
  const id = typeof raw === 'string' && /^[1-9][0-9]{0,15}$/.test(raw) ? Number(raw) : raw;
  if (typeof id === 'number' && Number.isInteger(id) && id >= 1 && id <= MAX_ID) return { value: id };
  return fault(loc, `must be an integer from 1 to ${String(MAX_ID)}`, 'id');
}

/**
 * Reads the ids of a bulk: 1 to 500 as sent. Duplicates are removed and the order of first occurrence is kept.
 * @returns the ids, or every fault, each at the index of its id
 */
export function parseIds(raw: unknown, loc: Location): Parsed<readonly number[]> {
  if (!Array.isArray(raw)) return fault(loc, 'must be a list of ids', 'list');
  if (raw.length < 1 || raw.length > MAX_BULK_IDS)
    return fault(loc, `must hold 1 to ${String(MAX_BULK_IDS)} ids, not ${String(raw.length)}`, 'length');
  const parsed = raw.map((id: unknown, index) => parseId(id, [...loc, index]));
  const faults = parsed.flatMap((id) => id.faults ?? []);
  if (faults.length > 0) return { faults };
  return { value: [...new Set(parsed.flatMap((id) => (id.faults === undefined ? [id.value] : [])))] };
}

/**
 * Reads a reason. Absent, null, empty and blank all mean null. Other text is kept unchanged.
 * @returns the reason (at most 2,000 characters, well-formed Unicode without U+0000), or the fault
 * (docs/approval-policy.md#reasons)
 */
export function parseReason(raw: unknown, loc: Location): Parsed<string | null> {
  if (raw === undefined || raw === null) return { value: null };
  if (typeof raw !== 'string') return fault(loc, 'must be a string', 'string');
  if (!raw.isWellFormed() || raw.includes('\0'))
    return fault(loc, 'must be well-formed Unicode without U+0000', 'unicode');
  if (isBlank(raw)) return { value: null };
  // The first test is cheap and stops very long texts: a code point is at most two UTF-16 units.
  if (raw.length > 2 * MAX_REASON_LENGTH || Array.from(raw).length > MAX_REASON_LENGTH)
    return fault(loc, `must have at most ${String(MAX_REASON_LENGTH)} characters`, 'length');
  return { value: raw };
}

function fault(loc: Location, msg: string, type: string): { faults: readonly InputFault[] } {
  return { faults: [{ loc, msg, type }] };
}
