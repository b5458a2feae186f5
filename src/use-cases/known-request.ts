import { setTimeout as pause } from 'node:timers/promises';
import { refusalOfReusedKey, STILL_RUNNING, type KnownRequest, type RetryKey } from '../domain/retry';
import { RefusedError } from '../domain/refusal';

/** Where known requests are found. They are written by what they are known for, in its own transaction. */
export interface FindKnownRequest {
  findKnown(retry: RetryKey): Promise<KnownRequest | null>;
}

/** Between looks at a request that is still under way, in milliseconds: most are answered within the first two. */
const PAUSES = [20, 40, 80, 160, 320];

/**
 * What a known request came to. @throws {RefusedError} IDEMPOTENCY_KEY_REUSED where it was another one
 */
export function outcomeOfKnown(known: KnownRequest, retry: RetryKey): unknown {
  if (known.requestHash !== retry.requestHash) throw new RefusedError(refusalOfReusedKey(retry));
  return known.outcome;
}

/**
 * Waits a little for a request that is under way elsewhere, holding no connection meanwhile.
 * @throws {RefusedError} IDEMPOTENCY_CONFLICT where it does not end in time, or came to nothing
 */
export async function awaitKnown(store: FindKnownRequest, retry: RetryKey): Promise<KnownRequest> {
  for (const milliseconds of PAUSES) {
    await pause(milliseconds);
    const known = await store.findKnown(retry);
    if (known !== null) return known;
  }
  throw new RefusedError(STILL_RUNNING);
}
