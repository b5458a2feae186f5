import { setTimeout as pause } from 'node:timers/promises';
import { refusalOfReusedKey, STILL_RUNNING, type KnownRequest, type RetryKey } from '../domain/retry';
import { RefusedError } from '../domain/refusal';

/** Finds idempotency records. Each is written in the transaction of the operation that it records. */
export interface FindKnownRequest {
  findKnown(retry: RetryKey): Promise<KnownRequest | null>;
}

/** Pauses between lookups of a request in progress, in milliseconds. Most requests finish within the first two. */
const PAUSES = [20, 40, 80, 160, 320];

/**
 * Returns the stored outcome of a request.
 * @throws {RefusedError} IDEMPOTENCY_KEY_REUSED where the stored request is a different one
 */
export function outcomeOfKnown(known: KnownRequest, retry: RetryKey): unknown {
  if (known.requestHash !== retry.requestHash) throw new RefusedError(refusalOfReusedKey(retry));
  return known.outcome;
}

/**
 * Waits up to about 0.6 seconds for the idempotency record of a request in progress elsewhere. It holds no connection
 * meanwhile.
 * @throws {RefusedError} IDEMPOTENCY_CONFLICT where no record appears in time, or the request failed
 */
export async function awaitKnown(store: FindKnownRequest, retry: RetryKey): Promise<KnownRequest> {
  for (const milliseconds of PAUSES) {
    await pause(milliseconds);
    const known = await store.findKnown(retry);
    if (known !== null) return known;
  }
  throw new RefusedError(STILL_RUNNING);
}
