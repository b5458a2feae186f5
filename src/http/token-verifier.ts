import type { Logger } from '../observability/logger';
import { JwksKeys, type JwksLocation, type WantedKey } from './jwks';
import { isSignedBy, readJws, type Jws } from './jws';
import { readStrictObject } from './strict-json';
import {
  hasRequired,
  identityOf,
  isAccessToken,
  readTimes,
  type ClaimNames,
  type Claims,
  type Identity,
} from './token-claims';
import type { VerificationKey } from './verification-key';

/** Whose tokens count, and how they have to be made. */
export interface TrustedIssuer {
  /** Exactly as its tokens say it. */
  readonly issuer: string;
  /** What a token's audience has to be, or one of these. */
  readonly audiences: readonly string[];
  readonly claims: ClaimNames;
  readonly keys: VerificationKey | JwksLocation;
  /** The only organization that it may speak for; null for every one. */
  readonly organizationId: number | null;
}

/** Who a token speaks of, once it is verified. Holds until `expiresAt`, whatever happens to its issuer's keys meanwhile. */
export interface VerifiedToken {
  readonly issuer: TrustedIssuer;
  readonly identity: Identity;
  readonly expiresAt: Date;
}

/** Verifies a token at a time. @returns null for every token that does not count, whatever the reason */
export type VerifyToken = (token: string, now: Date) => Promise<VerifiedToken | null>;

/** How far the clock of an issuer may be ahead of ours, in seconds. */
const CLOCK_SKEW = 30;

/**
 * Makes the function that verifies a JWT against the trusted issuers: form, signature by the issuer's key and its
 * algorithm, issuer, audience, required claims, that it is an access token, `nbf`, `iat`, and that there is an `exp`.
 * Whether it is expired is left to the caller, since that is said only of a token that would count otherwise.
 * The function throws RefusedError SERVICE_UNAVAILABLE where the issuer's keys cannot be had.
 */
export function makeVerifyToken(trusted: readonly TrustedIssuer[], log: Logger): VerifyToken {
  const findKeys = new Map(trusted.map((issuer) => [issuer, keyFinder(issuer, log)]));
  return async (token, now) => {
    const jws = readJws(token);
    const claims = jws && readStrictObject(jws.payload);
    // Only tells whose key to try: the signature is what proves it.
    const issuer = claims && trusted.find(({ issuer: name }) => name === claims['iss']);
    if (!jws || !claims || !issuer) return null;
    const key = await findKeys.get(issuer)?.(jws, now.getTime());
    if (!key || !isFor(issuer, jws, claims, key, now)) return null;
    const times = readTimes(claims);
    const identity = identityOf(claims, issuer.claims);
    if (times === null || identity === null) return null;
    const { issuedAt, expiresAt } = times;
    if (issuedAt !== null && issuedAt.getTime() > now.getTime() + CLOCK_SKEW * 1000) return null;
    return { issuer, identity, expiresAt };
  };
}

function isFor(
  { issuer, audiences, claims: names }: TrustedIssuer,
  jws: Jws,
  claims: Claims,
  key: VerificationKey,
  now: Date,
): boolean {
  const isSigned = isSignedBy(jws, key, {
    issuer,
    ...(names.audience === 'aud' && { audience: [...audiences] as [string, ...string[]] }),
    clockTimestamp: Math.floor(now.getTime() / 1000),
    clockTolerance: CLOCK_SKEW,
  });
  const audience = claims[names.audience];
  return (
    isSigned &&
    (names.audience === 'aud' || audiences.some((ours) => ours === audience)) &&
    hasRequired(claims, names) &&
    isAccessToken(claims)
  );
}

type FindKey = (wanted: WantedKey, now: number) => Promise<VerificationKey | null>;

/** A key that was configured is the issuer's only one, whatever the token calls it. */
function keyFinder({ keys }: TrustedIssuer, log: Logger): FindKey {
  if ('key' in keys) return () => Promise.resolve(keys);
  const published = new JwksKeys(keys, log);
  return (wanted, now) => published.find(wanted, now);
}
