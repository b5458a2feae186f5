import { RefusedError, validationRefusal } from '../domain/refusal';

/** A JSON string, or a number with a fraction or an exponent. Strings come first, so that digits in them are passed over. */
const STRINGS_AND_FRACTIONS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)/gs;

/**
 * Reads a JSON body whose numbers are ids. Numbers with a fraction or an exponent come back as text, since a double
 * would round 12345.0000000000001 to its neighbour 12345, and ids are never rounded (contract 2.15). A plain integer
 * needs no such care: the ones that a double cannot hold come out above 2^53-1 and are refused for that.
 * @throws {RefusedError} INVALID_JSON for what is not JSON, VALIDATION_ERROR for bytes that are not UTF-8
 */
export function parseJsonExactly(body: Buffer): unknown {
  const text = decode(body);
  const value = parseJson(text);
  const exact = text.replace(STRINGS_AND_FRACTIONS, (token) =>
    token.startsWith('"') ? token : `"${token}"`,
  );
  return exact === text ? value : JSON.parse(exact);
}

/** Reads a JSON body. @throws {RefusedError} INVALID_JSON or VALIDATION_ERROR, as above */
export function parseJsonBody(body: Buffer): unknown {
  return parseJson(decode(body));
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
