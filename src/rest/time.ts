/** A time as REST prints it: UTC, whole seconds (truncated), `Z` (contract 2.8). */
export function restTime(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}
