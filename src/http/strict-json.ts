import { isExact, repeatedName, withoutNumbers } from '../domain/json-text';

/**
 * Parses a JSON object that must be unambiguous: UTF-8 without a byte order mark, and no duplicate names, of which some
 * parsers use the first value and others the last (RFC 7515 4, RFC 7519 4, RFC 8725 2.4). A number that a double cannot
 * represent exactly is read as Infinity.
 * @returns null for anything else
 */
export function readStrictObject(bytes: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isObject || repeatedName(text) !== null) return null;
    return JSON.parse(withoutNumbers(text, isExact)) as Record<string, unknown>;
  } catch {
    return null;
  }
}
