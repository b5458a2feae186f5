import { randomBytes } from 'node:crypto';

/**
 * A new correlation id as the document prints it: `action_YYYYMMDD_HHMMSS_` and 16 random lower-case hex characters,
 * in UTC (contract 2.7).
 */
export function newCorrelationId(at: Date): string {
  const [date = '', time = ''] = at.toISOString().split('T');
  const random = randomBytes(8).toString('hex');
  return `action_${date.replaceAll('-', '')}_${time.slice(0, 8).replaceAll(':', '')}_${random}`;
}

/** A client's own correlation id if it is one that we keep and echo, else null (contract 2.7). */
export function clientCorrelationId(header: string | undefined): string | null {
  return header !== undefined && /^[A-Za-z0-9._:-]{1,128}$/.test(header) ? header : null;
}
