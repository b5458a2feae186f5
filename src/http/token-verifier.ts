import type { KeyObject } from 'node:crypto';
import { verify, type Algorithm, type JwtPayload } from 'jsonwebtoken';

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

/** Who a token speaks of, once it is verified, and whether its time is over. */
export interface VerifiedToken {
  readonly issuer: string;
  readonly subject: string;
  readonly isExpired: boolean;
}

/** Longer than any honest token; what is longer is not looked into. */
const MAX_TOKEN_LENGTH = 8_192;
/** Header members that would make us trust what the token itself brings, or promise what we do not check. */
const REFUSED_HEADERS = ['crit', 'jku', 'jwk', 'x5u', 'x5c'];

/**
 * Verifies a JWT against the trusted issuers: form, signature by the issuer's key and algorithm, issuer, audience,
 * `nbf`, and that there is an `exp`.
 * @param now the time to hold `exp` and `nbf` against
 * @returns null for every token that does not count, whatever the reason
 */
export function verifyToken(
  token: string,
  trusted: readonly TrustedIssuer[],
  now: Date,
): VerifiedToken | null {
  if (!hasStrictForm(token)) return null;
  for (const issuer of trusted) {
    const payload = verifyAgainst(token, issuer, now);
    if (payload === null) continue;
    const { sub, exp } = payload;
    if (typeof sub !== 'string' || sub === '' || sub.includes('\0') || typeof exp !== 'number') return null;
    return { issuer: issuer.issuer, subject: sub, isExpired: exp * 1000 <= now.getTime() };
  }
  return null;
}

/** The gate in front of the library: three parts of canonical base64url, and a plain header (design, "Identity"). */
function hasStrictForm(token: string): boolean {
  const parts = token.length > MAX_TOKEN_LENGTH ? [] : token.split('.');
  if (parts.length !== 3 || !parts.every(isCanonicalBase64url)) return false;
  try {
    const header: unknown = JSON.parse(Buffer.from(parts[0] ?? '', 'base64url').toString('utf8'));
    return typeof header === 'object' && header !== null && !REFUSED_HEADERS.some((name) => name in header);
  } catch {
    return false;
  }
}

/** Whether this is the one way to write its bytes: otherwise one signature could be spelled in several ways. */
function isCanonicalBase64url(part: string): boolean {
  return part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part;
}

function verifyAgainst(token: string, trusted: TrustedIssuer, now: Date): JwtPayload | null {
  try {
    const payload = verify(token, trusted.publicKey, {
      algorithms: [trusted.algorithm],
      issuer: trusted.issuer,
      ...(trusted.audienceClaim === 'aud' && { audience: trusted.audience }),
      // Held against `exp` last: an expired token that is wrong otherwise is not called expired.
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
