import type { KeyObject } from 'node:crypto';
import { verify, type Algorithm, type JwtPayload } from 'jsonwebtoken';
import type { Refusal } from '../domain/refusal';
import { INVALID_TOKEN } from '../use-cases/decide-actions';

/** Whose tokens count, and how they have to be made. */
export interface TrustedIssuer {
  readonly issuer: string;
  readonly audience: string;
  /** The claim that names the audience: `aud`, or another for providers whose access tokens carry none. */
  readonly audienceClaim: string;
  /** The algorithm is the key's, never the token's. */
  readonly algorithm: Extract<Algorithm, 'RS256' | 'PS256' | 'ES256'>;
  readonly publicKey: KeyObject;
}

/** Who a token speaks of, once it is verified. */
export interface TokenSubject {
  readonly issuer: string;
  readonly subject: string;
}

export type VerifiedToken =
  | { readonly subject: TokenSubject; readonly refusal?: undefined }
  | { readonly refusal: Refusal; readonly subject?: undefined };

/** Longer than any honest token; what is longer is not looked into. */
const MAX_TOKEN_LENGTH = 8_192;
const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

const INVALID: VerifiedToken = { refusal: INVALID_TOKEN };
const EXPIRED: VerifiedToken = { refusal: { code: 'EXPIRED_TOKEN', detail: 'Token has expired' } };

/**
 * Verifies a JWT against the trusted issuers: signature by the issuer's key and algorithm, issuer, audience, `exp`
 * (required), `nbf`. EXPIRED_TOKEN is said only of an otherwise valid token; everything else is one INVALID_TOKEN.
 * @param now the time to hold `exp` and `nbf` against
 */
export function verifyToken(token: string, trusted: readonly TrustedIssuer[], now: Date): VerifiedToken {
  if (token.length > MAX_TOKEN_LENGTH || !COMPACT_JWS.test(token)) return INVALID;
  for (const issuer of trusted) {
    const payload = verifyAgainst(token, issuer, now);
    if (payload === null) continue;
    const { sub, exp } = payload;
    if (typeof sub !== 'string' || sub === '' || sub.includes('\0') || typeof exp !== 'number')
      return INVALID;
    return exp * 1000 > now.getTime() ? { subject: { issuer: issuer.issuer, subject: sub } } : EXPIRED;
  }
  return INVALID;
}

function verifyAgainst(token: string, trusted: TrustedIssuer, now: Date): JwtPayload | null {
  try {
    const payload = verify(token, trusted.publicKey, {
      algorithms: [trusted.algorithm],
      issuer: trusted.issuer,
      ...(trusted.audienceClaim === 'aud' && { audience: trusted.audience }),
      // Held against `exp` by the caller, last: an expired token that is wrong otherwise is not called expired.
      ignoreExpiration: true,
      clockTimestamp: Math.floor(now.getTime() / 1000),
    });
    if (typeof payload === 'string') return null;
    return trusted.audienceClaim === 'aud' || payload[trusted.audienceClaim] === trusted.audience
      ? payload
      : null;
  } catch {
    // jsonwebtoken throws for every reason there is to refuse a token; to the caller they are all one.
    return null;
  }
}
