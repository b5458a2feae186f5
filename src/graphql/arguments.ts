import { MAX_SEARCH_LENGTH } from '../domain/page';
import type { AuthorizedContext } from './context';
import { parseId } from '../domain/decision-request';
import { RefusedError, validationRefusal } from '../domain/refusal';

/** An ID argument as the number it stands for. @throws {RefusedError} VALIDATION_ERROR (docs/rest-api.md#ids) */
export function readId(id: string, argument: string): number {
  const parsed = parseId(id, [argument]);
  if (parsed.faults !== undefined) throw new RefusedError(validationRefusal(parsed.faults));
  return parsed.value;
}

/** The ids of a filter; null where none were given. @throws {RefusedError} VALIDATION_ERROR with every faulty one */
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

/** Text to compare stored text with, as it was given. @throws {RefusedError} VALIDATION_ERROR for what no stored text can hold */
function readText(text: string | null | undefined, argument: string): string | null {
  return readTexts(text === null || text === undefined ? text : [text], argument)?.[0] ?? null;
}

/**
 * The text that a list is searched for; null where none was given. An operation searches once, under whatever alias.
 * @throws {RefusedError} VALIDATION_ERROR for a second search, and for a text that is too long
 */
export function readSearch(
  filter: { readonly search?: string | null } | null | undefined,
  context: Pick<AuthorizedContext, 'searches'>,
): string | null {
  const search = readText(filter?.search, 'search');
  if (search === null || search === '') return null;
  // The first test spares a long text its count: a code point is at most two UTF-16 units.
  if (search.length > 2 * MAX_SEARCH_LENGTH || Array.from(search).length > MAX_SEARCH_LENGTH)
    refuse('search', `must have at most ${String(MAX_SEARCH_LENGTH)} characters`, 'length');
  context.searches.count += 1;
  if (context.searches.count > 1) refuse('search', 'can be given once in an operation', 'limit');
  return search;
}

function refuse(argument: string, msg: string, type: string): never {
  throw new RefusedError(validationRefusal([{ loc: [argument], msg, type }]));
}

/** The texts of a filter; null where none were given. @throws {RefusedError} as `readText` */
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
