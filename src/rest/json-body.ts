import { RefusedError, validationRefusal } from '../domain/refusal';

/** A JSON string, or a number with a fraction or an exponent. Strings come first, so that digits in them are passed over. */
const STRINGS_AND_FRACTIONS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)/gs;

/** What becomes of a number with a fraction or an exponent. */
export type ReadFraction = (token: string) => string;

/** In a body whose only numbers are ids: a list, which nothing in such a body can be, so that 12345.0 is no id. */
export const noFractions: ReadFraction = () => '[]';

/** In GraphQL variables, where other numbers may be fractions: text, if it would be rounded to an integer. */
export const noRounding: ReadFraction = (token) => (isRounded(token) ? `"${token}"` : token);

/**
 * Reads a JSON body without rounding what may be an id (contract 2.15): a double has no room for 12345.0000000000001
 * and would make it 12345. Plain integers that a double cannot hold come out above 2^53-1 and are refused for that.
 * @throws {RefusedError} INVALID_JSON for what is not JSON, VALIDATION_ERROR for bytes that are not UTF-8
 */
export function parseJsonBody(body: Buffer, readFraction: ReadFraction): unknown {
  const text = decode(body);
  const value = parseJson(text);
  const exact = withFractions(text, readFraction);
  return exact === text ? value : JSON.parse(exact);
}

/** A JSON text in which every number with a fraction or an exponent is what the function makes of it. */
export function withFractions(text: string, readFraction: ReadFraction): string {
  return text.replace(STRINGS_AND_FRACTIONS, (token) =>
    token.startsWith('"') ? token : readFraction(token),
  );
}

/** Whether a decimal is an integer as a double but not as it is written. */
function isRounded(token: string): boolean {
  const [, whole = '', fraction = '', exponent = '0'] =
    /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(token) ?? [];
  const shift = Number(exponent);
  const behindPoint = shift >= 0 ? fraction.slice(shift) : whole.slice(shift) + fraction;
  return Number.isInteger(Number(token)) && /[1-9]/.test(behindPoint);
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
