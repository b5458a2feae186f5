/** How deep objects and lists may be nested. */
const MAX_DEPTH = 32;

/** A fault in a value: the message and the type of an `InputFault`. */
type Found = readonly [msg: string, type: string];

/**
 * Finds what prevents a JSON value from being stored exactly as sent: excessive depth or size, text that PostgreSQL
 * cannot hold, or numbers that a double cannot represent (read as Infinity, see api/json-body), since a reviewer would
 * approve a different value.
 * @param maxSize in bytes, as JSON without white space and exponents, which is how PostgreSQL writes it
 * @returns the fault, or null
 */
export function jsonFault(value: unknown, maxSize: number): Found | null {
  // Level by level, with the depth checked first: recursion into a deep value would overflow the stack.
  let level: readonly unknown[] = [value];
  let inDecimals = 0;
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return [`must be at most ${String(MAX_DEPTH)} levels deep`, 'depth'];
    for (const part of level) {
      const found =
        typeof part === 'number' ? numberFault(part) : typeof part === 'string' ? textFault(part) : null;
      if (found !== null) return found;
      if (typeof part === 'number') inDecimals += decimalsBeyond(part);
    }
    level = level.flatMap(partsOf);
  }
  if (Buffer.byteLength(JSON.stringify(value)) + inDecimals <= maxSize) return null;
  return [
    `must have at most ${String(maxSize)} bytes of JSON, small numbers written out in decimals`,
    'length',
  ];
}

/** Returns how many more digits a number has without an exponent: PostgreSQL writes 5e-324 with 324 decimals. */
function decimalsBeyond(value: number): number {
  const [, exponent = '0'] = String(value).split('e-');
  return Number(exponent);
}

function partsOf(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Array.isArray(value)
    ? (value as unknown[])
    : [...Object.keys(value), ...(Object.values(value) as unknown[])];
}

function numberFault(value: number): Found | null {
  const isExact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  return isExact
    ? null
    : [
        'must not hold numbers beyond 2^53-1 or with more digits than a double keeps; send them as text',
        'number',
      ];
}

function textFault(value: string): Found | null {
  const isStorable = value.isWellFormed() && !value.includes('\0');
  return isStorable ? null : ['must be well-formed Unicode without U+0000', 'unicode'];
}
