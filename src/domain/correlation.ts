import { freshBytes } from './random-bytes';

/**
 * Returns a new correlation id: `action_YYYYMMDD_HHMMSS_` in UTC and 16 random lower-case hex characters
 * (docs/rest-api.md#correlation-ids).
 */
export function newCorrelationId(at: Date): string {
  const time = at.toISOString();
  const date = time.slice(0, 4) + time.slice(5, 7) + time.slice(8, 10);
  const clock = time.slice(11, 13) + time.slice(14, 16) + time.slice(17, 19);
  return `action_${date}_${clock}_${freshBytes(8).toString('hex')}`;
}

/**
 * Returns the client's own correlation id if it has the form that is kept and echoed, otherwise null
 * (docs/rest-api.md#correlation-ids).
 */
export function clientCorrelationId(header: string | undefined): string | null {
  return header !== undefined && /^[A-Za-z0-9._:-]{1,128}$/.test(header) ? header : null;
}
