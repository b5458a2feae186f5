import type { Logger } from '../observability/logger';
import { RefusedError, type Refusal } from '../domain/refusal';
import { DatabaseUnavailableError } from '../persistence/connections/outage';

const UNAVAILABLE: Refusal = {
  code: 'SERVICE_UNAVAILABLE',
  detail: 'The service is temporarily unavailable',
};
/** A change may have been committed. A retry with the same idempotency key replays the first answer. */
const UNANSWERED: Refusal = {
  code: 'SERVICE_UNAVAILABLE',
  detail:
    'The connection was lost before the response, so the change may or may not have been made: send the request again with the same Idempotency-Key',
};
const ROLLED_BACK: Refusal = {
  code: 'SERVICE_UNAVAILABLE',
  detail: 'The database was rolled back; nothing is submitted or decided until an operator accepts that',
};
const INTERNAL: Refusal = { code: 'INTERNAL_ERROR', detail: 'An internal error occurred' };

/** Returns the refusal that a client gets for a thrown value. Unexpected errors become INTERNAL_ERROR. */
export function refusalBehind(thrown: unknown): Refusal {
  if (thrown instanceof RefusedError) return thrown.refusal;
  if (!(thrown instanceof DatabaseUnavailableError)) return INTERNAL;
  if (thrown.kind === 'rolled_back') return ROLLED_BACK;
  return thrown.isOutcomeUnknown ? UNANSWERED : UNAVAILABLE;
}

/**
 * Logs unexpected errors, and database outages with their cause. It ignores refusals thrown as such, so that an error
 * that passes through both GraphQL and REST is logged once.
 */
export function logUnexpected(error: unknown, refusal: Refusal, correlationId: string, log: Logger): void {
  if (error instanceof RefusedError) return;
  if (refusal.code === 'INTERNAL_ERROR') log.error({ err: error, correlationId }, 'unexpected error');
  if (error instanceof DatabaseUnavailableError)
    log.warn({ err: error, correlationId, runbook: error.runbook }, 'database unavailable');
}
