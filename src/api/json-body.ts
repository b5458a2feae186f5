import { isExact, isPlainInteger, repeatedName, withoutNumbers } from '../domain/json-text';
import { RefusedError, validationRefusal } from '../domain/refusal';

/** How many characters of a name an error shows. */
const SHOWN_NAME = 100;

/** Whether a number is accepted. Others are read as Infinity, which every field refuses, so none is read inexactly. */
export type PassesNumber = (number: string) => boolean;

/** For bodies whose only numbers are ids. It refuses 12345.0. */
export const idsOnly: PassesNumber = (number) => isPlainInteger(number) && isExact(number);

/** For bodies with other numbers: accepts what a double represents exactly. */
export const exactNumbers: PassesNumber = isExact;

/**
 * Parses a JSON body that must be unambiguous: no duplicate names in an object, and no number that parsing would change
 * (docs/rest-api.md#ids). A double would turn 12345.0000000000001 into 12345.
 * @throws {RefusedError} INVALID_JSON for invalid JSON or duplicate names, VALIDATION_ERROR for invalid UTF-8
 */
export function parseJsonBody(body: Buffer, passes: PassesNumber): unknown {
  const text = decode(body);
  const value = parseJson(text);
  const exact = exactJson(text, passes);
  return exact === text ? value : JSON.parse(exact);
}

/**
 * Replaces the numbers of a valid JSON text that are not accepted by one that is read as Infinity.
 * @throws {RefusedError} INVALID_JSON for a duplicate name in an object
 */
export function exactJson(text: string, passes: PassesNumber): string {
  const name = repeatedName(text);
  if (name === null) return withoutNumbers(text, passes);
  const shown = JSON.stringify(name.slice(0, SHOWN_NAME));
  throw new RefusedError({
    code: 'INVALID_JSON',
    detail: `The name ${shown} appears twice in a JSON object`,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusedError({ code: 'INVALID_JSON', detail: 'The request body is not valid JSON' });
  }
}

function decode(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    const fault = { loc: ['body'], msg: 'must be UTF-8', type: 'unicode' };
    throw new RefusedError(validationRefusal([fault]));
  }
}
