import { MAX_SEARCH_LENGTH } from '../domain/page';
import type { AuthorizedContext } from './context';
import { parseId } from '../domain/parsing';
import { RefusedError, validationRefusal } from '../domain/refusal';

/** Parses an ID argument. @throws {RefusedError} VALIDATION_ERROR if it is invalid (docs/rest-api.md#ids) */
export function readId(id: string, argument: string): number {
  const parsed = parseId(id, [argument]);
  if (parsed.faults !== undefined) throw new RefusedError(validationRefusal(parsed.faults));
  return parsed.value;
}

/** Parses the ids of a filter; null if absent. @throws {RefusedError} VALIDATION_ERROR with a fault per invalid id */
export function readIds(
  ids: readonly string[] | null | undefined,
  argument: string,
): readonly number[] | null {
  if (ids === null || ids === undefined) return null;
  const parsed = ids.map((id, index) => parseId(id, [argument, index]));
  const faults = parsed.flatMap((id) => id.faults ?? []);
  if (faults.length > 0) throw new RefusedError(validationRefusal(faults));
  return parsed.flatMap((id) => (id.faults === undefined ? [id.value] : []));
}

/** Validates a text to compare with stored text; null if absent. @throws {RefusedError} as `readTexts` */
function readText(text: string | null | undefined, argument: string): string | null {
  return readTexts(text === null || text === undefined ? text : [text], argument)?.[0] ?? null;
}

/**
 * Returns the search text of a list's filter; null if absent or empty. An operation may search once.
 * @throws {RefusedError} VALIDATION_ERROR for a second search, for a text that is too long, and as `readTexts`
 */
export function readSearch(
  filter: { readonly search?: string | null } | null | undefined,
  context: Pick<AuthorizedContext, 'searches'>,
): string | null {
  const search = readText(filter?.search, 'search');
  if (search === null || search === '') return null;
  // The first test avoids counting a very long text: a code point has at most two UTF-16 units.
  if (search.length > 2 * MAX_SEARCH_LENGTH || Array.from(search).length > MAX_SEARCH_LENGTH)
    refuse('search', `must have at most ${String(MAX_SEARCH_LENGTH)} characters`, 'length');
  context.searches.count += 1;
  if (context.searches.count > 1) refuse('search', 'can be given once in an operation', 'limit');
  return search;
}

function refuse(argument: string, msg: string, type: string): never {
  throw new RefusedError(validationRefusal([{ loc: [argument], msg, type }]));
}

/**
 * Validates the texts of a filter; null if absent.
 * @throws {RefusedError} VALIDATION_ERROR for ill-formed Unicode or U+0000, which no stored text contains
 */
export function readTexts(
  texts: readonly string[] | null | undefined,
  argument: string,
): readonly string[] | null {
  if (texts === null || texts === undefined) return null;
  const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');
  if (texts.every(isStorable)) return texts;
  const msg = 'must be well-formed Unicode without U+0000';
  throw new RefusedError(validationRefusal([{ loc: [argument], msg, type: 'unicode' }]));
}
