import { JsonWebTokenError, NotBeforeError, verify, type VerifyOptions } from 'jsonwebtoken';
import type { TokenFault } from './credential-fault';
import { readStrictObject } from './strict-json';
import type { VerificationKey } from './verification-key';

/** A signed token whose form is right; nothing of it is believed yet. */
export interface Jws {
  readonly token: string;
  readonly alg: string;
  readonly kid: string | null;
  readonly payload: Buffer;
}

/** Longer than any honest token; what is longer is not looked into. */
const MAX_TOKEN_LENGTH = 8_192;
/** Header members that would make us trust what the token itself brings, or promise what we do not check. */
const REFUSED_HEADERS = ['crit', 'b64', 'zip', 'enc', 'jku', 'jwk', 'x5u', 'x5c'];
/** What a token may say that it is: an access token (RFC 9068 2.1) or nothing in particular. */
const TYPES = ['jwt', 'at+jwt', 'application/at+jwt'];

/** Whether a token is longer than any honest one; it is not looked into. */
export function isTooLong(token: string): boolean {
  return token.length > MAX_TOKEN_LENGTH;
}

/**
 * The gate in front of the library (docs/authentication.md#tokens): three parts of canonical base64url, and a header that is one
 * strict JSON object with an algorithm, a plain kid, a type that can be an access token's, and nothing to obey.
 * @returns null for every token that does not pass
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
 * Whether the token is signed by this key, with the algorithm that is the key's, and, where options are given, whether
 * its claims are as they ask. When it expires is held against the clock by whoever asks, last.
 * @returns what is wrong, the signature first; null where nothing is
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
    // Its checks come in this order: algorithm, signature, times, audience, issuer.
    if (message.startsWith('jwt audience invalid')) return 'audience';
    return message === 'invalid nbf value' ? 'times' : 'signature';
  }
}

/** Whether this is the one way to write its bytes: otherwise one signature could be spelled in several ways. */
function isCanonicalBase64url(part: string): boolean {
  return part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part;
}
