/** What stands in a JSON text: the name of an object's member, or a number. */
interface Token {
  readonly kind: 'name' | 'number';
  /** Where it begins, and where the text goes on; of a name, the quotation marks included. */
  readonly start: number;
  readonly end: number;
  /** The names that its object had before; null outside of objects. */
  readonly names: Set<string> | null;
}

const QUOTE = '"'.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);
const COLON = ':'.charCodeAt(0);
const MINUS = '-'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);
const NINE = '9'.charCodeAt(0);
/** A JSON number that no double holds: JavaScript reads it as Infinity, which no field takes. */
const BEYOND = '1e999';

/**
 * Finds a name that one object of a JSON text has twice, in whatever escapes: of its two values one reader takes the
 * first and another the last (RFC 8259 4). Linear in the text.
 * @param json a well-formed JSON text
 * @returns the name, or null
 */
export function repeatedName(json: string): string | null {
  for (const { kind, start, end, names } of tokensOf(json)) {
    if (kind !== 'name' || names === null) continue;
    const raw = json.slice(start + 1, end - 1);
    const name = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
    if (names.has(name)) return name;
    names.add(name);
  }
  return null;
}

/**
 * Replaces the numbers of a JSON text that may not pass by one that `JSON.parse` reads as Infinity, so that whatever
 * reads the field refuses it and says where. Linear in the text.
 * @param json a well-formed JSON text
 * @param passes whether a number may pass, as it is written
 */
export function withoutNumbers(json: string, passes: (number: string) => boolean): string {
  const parts: string[] = [];
  let kept = 0;
  for (const { kind, start, end } of tokensOf(json)) {
    if (kind !== 'number' || passes(json.slice(start, end))) continue;
    parts.push(json.slice(kept, start), BEYOND);
    kept = end;
  }
  return kept === 0 ? json : [...parts, json.slice(kept)].join('');
}

/**
 * Whether a double keeps the number: what JavaScript writes for it has the same value. So 1.50 passes, as 1.5, and
 * 100.00000000000000001 and 1e-400 do not. Linear in the number's length.
 * @param number as JSON or GraphQL writes it
 */
export function isExact(number: string): boolean {
  // Fifteen significant digits always survive, unless an exponent leads out of the range.
  if (number.length <= 15 && !number.includes('e') && !number.includes('E')) return true;
  const value = Number(number);
  return Number.isFinite(value) && sameDecimal(decimalOf(number), decimalOf(String(value)));
}

/** Whether a number is a plain integer: digits, without a fraction or an exponent. */
export function isPlainInteger(number: string): boolean {
  return !number.includes('.') && !number.includes('e') && !number.includes('E');
}

/** A decimal as its significant digits, without zeros around them, and the power of ten of the last one. */
interface Decimal {
  readonly isNegative: boolean;
  readonly digits: string;
  readonly power: number;
}

function sameDecimal(one: Decimal, other: Decimal): boolean {
  if (one.digits !== other.digits) return false;
  // Zero has no digits, and neither a sign nor a power.
  return one.digits === '' || (one.power === other.power && one.isNegative === other.isNegative);
}

function decimalOf(number: string): Decimal {
  const [mantissa = '', exponent = '0'] = number.toLowerCase().split('e');
  const isNegative = mantissa.startsWith('-');
  const [whole = '', fraction = ''] = (isNegative ? mantissa.slice(1) : mantissa).split('.');
  const digits = whole + fraction;
  let start = 0;
  while (digits.charCodeAt(start) === ZERO) start += 1;
  let end = digits.length;
  while (end > start && digits.charCodeAt(end - 1) === ZERO) end -= 1;
  const power = Number(exponent) - fraction.length + (digits.length - end);
  return { isNegative, digits: digits.slice(start, end), power };
}

/** The names and numbers of a well-formed JSON text, in its order. Each character is looked at twice at most. */
function* tokensOf(json: string): Generator<Token> {
  // Levels are kept here, so that depth costs no stack.
  const levels: (Set<string> | null)[] = [];
  let names: Set<string> | null = null;
  let at = 0;
  while (at < json.length) {
    const character = json.charAt(at);
    const start = at;
    if (character === '"') {
      at = endOfString(json, start);
      if (json.charCodeAt(endOfSpace(json, at)) === COLON) yield { kind: 'name', start, end: at, names };
    } else if (isNumberStart(json.charCodeAt(at))) {
      at = endOfNumber(json, start);
      yield { kind: 'number', start, end: at, names };
    } else {
      if (character === '{' || character === '[') {
        levels.push(names);
        names = character === '{' ? new Set() : null;
      } else if (character === '}' || character === ']') names = levels.pop() ?? null;
      at += 1;
    }
  }
}

function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json.charCodeAt(at) !== QUOTE) at += json.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at + 1;
}

function endOfSpace(json: string, start: number): number {
  let at = start;
  while (' \t\n\r'.includes(json.charAt(at)) && at < json.length) at += 1;
  return at;
}

function isNumberStart(code: number): boolean {
  return code === MINUS || (code >= ZERO && code <= NINE);
}

function endOfNumber(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && '0123456789.eE+-'.includes(json.charAt(at))) at += 1;
  return at;
}
