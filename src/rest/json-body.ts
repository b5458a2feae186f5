import { isExact, isPlainInteger, repeatedName, withoutNumbers } from '../domain/json-text';
import { RefusedError, validationRefusal } from '../domain/refusal';

/** How much of a name an error repeats. */
const SHOWN_NAME = 100;

/** Which numbers count. The others are read as Infinity, which no field takes, so that a number is exact or refused. */
export type PassesNumber = (number: string) => boolean;

/** In a body whose only numbers are ids, so that 12345.0 is no id. */
export const idsOnly: PassesNumber = (number) => isPlainInteger(number) && isExact(number);

/** Where numbers can be any: what a double keeps. */
export const exactNumbers: PassesNumber = isExact;

/**
 * Reads a JSON body that has one meaning only: no name twice in one object, and no number that comes out changed
 * (docs/rest-api.md#ids): a double has no room for 12345.0000000000001 and would make it 12345.
 * @throws {RefusedError} INVALID_JSON for what is not JSON or has a name twice, VALIDATION_ERROR for bytes that are not UTF-8
 */
export function parseJsonBody(body: Buffer, passes: PassesNumber): unknown {
  const text = decode(body);
  const value = parseJson(text);
  const exact = exactJson(text, passes);
  return exact === text ? value : JSON.parse(exact);
}

/**
 * A well-formed JSON text in which the numbers that do not count are ones that are read as Infinity.
 * @throws {RefusedError} INVALID_JSON for a name that stands twice in one object
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
