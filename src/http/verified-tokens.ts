import { hash } from 'node:crypto';
import { isTooLong } from './jws';
import type { VerifiedToken, VerifyToken } from './token-verifier';

/** For how long a token that was verified is taken for it, in milliseconds: so much longer counts a key that was taken back. */
const REMEMBERED = 30_000;
/** Tokens at most that are remembered. */
const MAX_TOKENS = 10_000;

/**
 * Verifies a token once in half a minute rather than with every request: checking a signature costs more than all else
 * that is done to know a caller. Kept are hashes, never tokens, and only of tokens that counted. Who they speak of is read
 * from the database each time as before, and whether they are expired is for the caller to say.
 */
export function rememberVerified(verify: VerifyToken): VerifyToken {
  const known = new Map<string, { readonly verified: VerifiedToken; readonly at: number }>();
  return async (token, now) => {
    // Refused anyhow, and not worth a hash.
    if (isTooLong(token)) return verify(token, now);
    const tokenHash = hash('sha256', token, 'base64');
    const remembered = known.get(tokenHash);
    const age = now.getTime() - (remembered?.at ?? -Infinity);
    if (remembered !== undefined && age >= 0 && age < REMEMBERED) return remembered.verified;
    known.delete(tokenHash);
    const verified = await verify(token, now);
    if ('fault' in verified) return verified;
    // A Map keeps the order of insertion: the first one is the oldest.
    const [oldest] = known.size < MAX_TOKENS ? [] : known.keys();
    if (oldest !== undefined) known.delete(oldest);
    known.set(tokenHash, { verified, at: now.getTime() });
    return verified;
  };
}
