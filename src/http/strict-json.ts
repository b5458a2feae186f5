/** A string with what makes it a name, or a bracket that opens or closes a scope for names. */
const NAMES_AND_SCOPES = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/gs;

/**
 * Reads a JSON object that has one meaning only: UTF-8 without a byte order mark, and no name twice in one object, since
 * of two values one reader takes the first and another the last (RFC 7515 4, RFC 7519 4, RFC 8725 2.4).
 * @returns null for everything else
 */
export function readStrictObject(bytes: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject && !repeatsName(text) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Whether an object of a well-formed JSON text, at any depth, has a name twice, in whatever escapes. */
function repeatsName(json: string): boolean {
  const scopes: Set<string>[] = [];
  for (const [token, colon] of json.matchAll(NAMES_AND_SCOPES)) {
    if (token === '{' || token === '[') scopes.push(new Set());
    else if (token === '}' || token === ']') scopes.pop();
    else if (colon !== undefined) {
      const name = JSON.parse(token.slice(0, -colon.length)) as string;
      const names = scopes.at(-1);
      if (names?.has(name) !== false) return true;
      names.add(name);
    }
  }
  return false;
}
