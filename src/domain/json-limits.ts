/** How deep objects and lists may stand inside each other. */
const MAX_DEPTH = 32;

/** What is wrong with a value, for an `InputFault`: the message and the type. */
type Found = readonly [msg: string, type: string];

/**
 * What keeps a JSON value from being stored as it was sent, or null: too deep, too large, text that no database can
 * hold, or numbers that a double does not keep (read as Infinity, see rest/json-body), so that another value would be
 * approved than was meant.
 * @param maxSize in bytes, as JSON without white space
 */
export function jsonFault(value: unknown, maxSize: number): Found | null {
  // By levels, and the depth first: whatever walks a deep value by recursion runs out of stack.
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return [`must be at most ${String(MAX_DEPTH)} levels deep`, 'depth'];
    for (const part of level) {
      const found =
        typeof part === 'number' ? numberFault(part) : typeof part === 'string' ? textFault(part) : null;
      if (found !== null) return found;
    }
    level = level.flatMap(partsOf);
  }
  if (Buffer.byteLength(JSON.stringify(value)) <= maxSize) return null;
  return [`must have at most ${String(maxSize)} bytes of JSON`, 'length'];
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
