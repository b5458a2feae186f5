import { UsageError } from './command';

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** Reads a duration such as 90s, 15m, 1h or 7d, in seconds; null for any other text. */
export function secondsOf(text: string): number | null {
  const [, count, unit] = /^([1-9][0-9]{0,5})([smhd])$/.exec(text) ?? [];
  return count === undefined ? null : Number(count) * SECONDS[unit as keyof typeof SECONDS];
}

/** Reads a future time: a date or time in ISO 8601, or a duration from now. @throws {UsageError} */
export function momentToCome(text: string, option: string, now: Date): Date {
  const seconds = secondsOf(text);
  const at = seconds === null ? dateOf(text) : new Date(now.getTime() + seconds * 1000);
  if (at !== null && at > now) return at;
  throw new UsageError(
    `--${option} has to be a time in the future, such as 90d, 12h, 2030-12-31 or 2030-12-31T12:00:00Z`,
  );
}

/** Without a zone, a time is UTC, as everywhere else. */
function dateOf(text: string): Date | null {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)) return null;
  const at = new Date(text.includes('T') && !/(Z|[+-]\d\d:\d\d)$/.test(text) ? `${text}Z` : text);
  return Number.isNaN(at.getTime()) ? null : at;
}
