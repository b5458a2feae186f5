import { setTimeout as pause } from 'node:timers/promises';
import {
  refusalOfReusedKey,
  STILL_RUNNING,
  type IdempotencyRecord,
  type IdempotencyKey,
} from '../domain/idempotency';
import { RefusedError } from '../domain/refusal';

/** Finds idempotency records. Each is written in the transaction of the operation that it records. */
export interface FindIdempotencyRecord {
  findRecord(idempotencyKey: IdempotencyKey): Promise<IdempotencyRecord | null>;
}

/** Pauses between lookups of a request in progress, in milliseconds. Most requests finish within the first two. */
const PAUSES = [20, 40, 80, 160, 320];

/**
 * Returns the stored outcome of a request.
 * @throws {RefusedError} IDEMPOTENCY_KEY_REUSED where the stored request is a different one
 */
export function outcomeOfRecord(known: IdempotencyRecord, idempotencyKey: IdempotencyKey): unknown {
  if (known.requestHash !== idempotencyKey.requestHash)
    throw new RefusedError(refusalOfReusedKey(idempotencyKey));
  return known.outcome;
}

/**
 * Waits up to about 0.6 seconds for the idempotency record of a request in progress elsewhere. It holds no connection
 * meanwhile.
 * @throws {RefusedError} IDEMPOTENCY_CONFLICT where no record appears in time, or the request failed
 */
export async function awaitRecord(
  store: FindIdempotencyRecord,
  idempotencyKey: IdempotencyKey,
): Promise<IdempotencyRecord> {
  for (const milliseconds of PAUSES) {
    await pause(milliseconds);
    const known = await store.findRecord(idempotencyKey);
    if (known !== null) return known;
  }
  throw new RefusedError(STILL_RUNNING);
}
