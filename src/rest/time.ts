/**
 * A time as REST prints it: UTC, whole seconds (truncated), `Z` (docs/rest-api.md#times).
 * @param at the text that GraphQL answers, where it came through the schema
 */
export function restTime(at: Date | string): string {
  const text = typeof at === 'string' ? at : at.toISOString();
  return `${text.slice(0, 19)}Z`;
}
