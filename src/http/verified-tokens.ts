import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { isTooLong } from './jws';
import type { VerifiedToken, VerifyToken } from './token-verifier';

/** How long a verification is cached, in milliseconds. A withdrawn key is accepted that much longer. */
const REMEMBERED = 30_000;
/** The most tokens in the cache. */
const MAX_TOKENS = 10_000;

/**
 * Caches successful verifications for half a minute: verifying a signature costs more than the rest of authentication.
 * Only hashes are kept, never tokens. The user is still read from the database for each request, and the caller still
 * checks the expiry.
 */
export function rememberVerified(verify: VerifyToken): VerifyToken {
  const known = new LRUCache<string, { readonly verified: VerifiedToken; readonly at: number }>({
    max: MAX_TOKENS,
  });
  return async (token, now) => {
    // It is rejected anyway, so it is not hashed.
    if (isTooLong(token)) return verify(token, now);
    const tokenHash = hash('sha256', token, 'base64');
    // Peeking leaves the order alone: the token that was verified longest ago is dropped first.
    const remembered = known.peek(tokenHash);
    const age = now.getTime() - (remembered?.at ?? -Infinity);
    if (remembered !== undefined && age >= 0 && age < REMEMBERED) return remembered.verified;
    known.delete(tokenHash);
    const verified = await verify(token, now);
    if ('fault' in verified) return verified;
    known.set(tokenHash, { verified, at: now.getTime() });
    return verified;
  };
}
