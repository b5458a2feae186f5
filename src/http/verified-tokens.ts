import { hash } from 'node:crypto';
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
  const known = new Map<string, { readonly verified: VerifiedToken; readonly at: number }>();
  return async (token, now) => {
    // It is rejected anyway, so it is not hashed.
    if (isTooLong(token)) return verify(token, now);
    const tokenHash = hash('sha256', token, 'base64');
    const remembered = known.get(tokenHash);
    const age = now.getTime() - (remembered?.at ?? -Infinity);
    if (remembered !== undefined && age >= 0 && age < REMEMBERED) return remembered.verified;
    known.delete(tokenHash);
    const verified = await verify(token, now);
    if ('fault' in verified) return verified;
    // A Map keeps insertion order, so the first token is the oldest.
    const [oldest] = known.size < MAX_TOKENS ? [] : known.keys();
    if (oldest !== undefined) known.delete(oldest);
    known.set(tokenHash, { verified, at: now.getTime() });
    return verified;
  };
}
