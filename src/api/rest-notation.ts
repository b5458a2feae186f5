/**
 * Formats a time for REST: UTC, truncated to whole seconds, with `Z` (docs/rest-api.md#times).
 * @param at a Date, or the ISO 8601 text in UTC that GraphQL returns
 */
export function restTime(at: Date | string): string {
  const text = typeof at === 'string' ? at : at.toISOString();
  return `${text.slice(0, 19)}Z`;
}

/** Converts an enum value of GraphQL to REST. */
export function word<Value extends string>(value: Value): Lowercase<Value> {
  return value.toLowerCase() as Lowercase<Value>;
}

/** Converts an id of GraphQL to REST. */
export function number(id: string | null): number | null {
  return id === null ? null : Number(id);
}
