import { JsonWebTokenError, NotBeforeError, verify, type VerifyOptions } from 'jsonwebtoken';
import type { TokenFault } from './credential-fault';
import { readStrictObject } from './strict-json';
import type { VerificationKey } from './verification-key';

/** A well-formed signed token. Its signature and claims are not verified yet. */
export interface Jws {
  readonly token: string;
  readonly alg: string;
  readonly kid: string | null;
  readonly payload: Buffer;
}

/** The longest token, in characters. No legitimate token is longer. */
const MAX_TOKEN_LENGTH = 8_192;
/** Header parameters that would bring their own key, or require processing that is not implemented. */
const REFUSED_HEADERS = ['crit', 'b64', 'zip', 'enc', 'jku', 'jwk', 'x5u', 'x5c'];
/** The accepted values of `typ`: an access token (RFC 9068 2.1), or an unspecific JWT. */
const TYPES = ['jwt', 'at+jwt', 'application/at+jwt'];

/** Whether a token is too long to be legitimate. Such a token is not parsed. */
export function isTooLong(token: string): boolean {
  return token.length > MAX_TOKEN_LENGTH;
}

/**
 * Parses a token before the library sees it (docs/authentication.md#tokens). It must have three parts of canonical
 * base64url. Its header must be a strict JSON object with `alg`, an optional `kid` that is text, an accepted `typ`, and
 * none of REFUSED_HEADERS.
 * @returns null for any other token
 */
export function readJws(token: string): Jws | null {
  const parts = isTooLong(token) ? [] : token.split('.');
  if (parts.length !== 3 || !parts.every(isCanonicalBase64url)) return null;
  const [headerPart = '', payloadPart = ''] = parts;
  const header = readStrictObject(Buffer.from(headerPart, 'base64url'));
  if (header === null || REFUSED_HEADERS.some((name) => Object.hasOwn(header, name))) return null;
  const { alg, kid = null, typ = 'JWT' } = header;
  if (typeof alg !== 'string' || (kid !== null && typeof kid !== 'string')) return null;
  if (typeof typ !== 'string' || !TYPES.includes(typ.toLowerCase())) return null;
  return { token, alg, kid, payload: Buffer.from(payloadPart, 'base64url') };
}

/**
 * Verifies a token's signature with a key and the key's algorithm, and optionally its claims. It does not check the
 * expiry, which callers check last.
 * @returns the first fault, the signature before the claims; null if there is none
 */
export function faultOf(
  { token }: Jws,
  { key, algorithm }: VerificationKey,
  claims: Pick<VerifyOptions, 'issuer' | 'audience' | 'clockTimestamp' | 'clockTolerance'> = {},
): TokenFault | null {
  try {
    verify(token, key, { ...claims, algorithms: [algorithm], ignoreExpiration: true });
    return null;
  } catch (error) {
    if (error instanceof NotBeforeError) return 'not_yet_valid';
    const message = error instanceof JsonWebTokenError ? error.message : '';
    // The library checks algorithm, signature, times, audience and issuer, in this order.
    if (message.startsWith('jwt audience invalid')) return 'audience';
    return message === 'invalid nbf value' ? 'times' : 'signature';
  }
}

/** Whether a part is the canonical encoding of its bytes. Otherwise one signature would have several spellings. */
function isCanonicalBase64url(part: string): boolean {
  return part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part;
}
