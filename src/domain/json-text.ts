/** A token of a JSON text that matters here: the name of an object's member, or a number. */
interface Token {
  readonly kind: 'name' | 'number';
  /** The start and end offsets; those of a name include its quotation marks. */
  readonly start: number;
  readonly end: number;
  /** The earlier names of the same object; null outside of objects. */
  readonly names: Set<string> | null;
}

const QUOTE = '"'.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);
const COLON = ':'.charCodeAt(0);
const MINUS = '-'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);
const NINE = '9'.charCodeAt(0);
/** A JSON number beyond the range of a double. JavaScript reads it as Infinity, which no field accepts. */
const BEYOND = '1e999';

/**
 * Finds a member name that occurs twice in one object of a JSON text, compared after unescaping. Parsers disagree on
 * which of the two values they keep (RFC 8259 4). Linear in the text.
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
 * Replaces the numbers of a JSON text that fail a test by one that `JSON.parse` reads as Infinity, so that whatever
 * validates the field refuses it and reports where. Linear in the text.
 * @param json a well-formed JSON text
 * @param passes whether a number, as written, may stay
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
 * Returns whether a double represents a number exactly: JavaScript writes the same value for it. 1.50 passes, as 1.5;
 * 100.00000000000000001 and 1e-400 do not. Linear in the number's length.
 * @param number as JSON or GraphQL writes it
 */
export function isExact(number: string): boolean {
  // Fifteen significant digits always survive, unless an exponent exceeds the range.
  if (number.length <= 15 && !number.includes('e') && !number.includes('E')) return true;
  const value = Number(number);
  return Number.isFinite(value) && sameDecimal(decimalOf(number), decimalOf(String(value)));
}

/** Returns whether a number is a plain integer: digits without a fraction or an exponent. */
export function isPlainInteger(number: string): boolean {
  return !number.includes('.') && !number.includes('e') && !number.includes('E');
}

/** A decimal as its significant digits, without leading and trailing zeros, and the power of ten of the last one. */
interface Decimal {
  readonly isNegative: boolean;
  readonly digits: string;
  readonly power: number;
}

function sameDecimal(one: Decimal, other: Decimal): boolean {
  if (one.digits !== other.digits) return false;
  // Zero has no digits, so its sign and power do not count.
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

/** Yields the names and numbers of a well-formed JSON text, in order. Reads each character at most twice. */
function* tokensOf(json: string): Generator<Token> {
  // An explicit stack, so that deep nesting cannot overflow the call stack.
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
