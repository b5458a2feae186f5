import type { Logger } from '../observability/logger';
import { JwksKeys, type JwksLocation, type WantedKey } from './jwks';
import { faultOf, isTooLong, readJws, type Jws } from './jws';
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
import type { FaultDetails, TokenFault } from './credential-fault';
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

/** A token that does not count, and why. */
export interface TokenRejection {
  readonly fault: TokenFault;
  readonly details: FaultDetails;
}

/** Verifies a token at a time. @returns why not, for every token that does not count */
export type VerifyToken = (token: string, now: Date) => Promise<VerifiedToken | TokenRejection>;

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
    if (!jws || !claims) return { fault: isTooLong(token) ? 'size' : 'malformed', details: {} };
    const said = detailsOf(jws, claims);
    // Only tells whose key to try: the signature is what proves it.
    const issuer = trusted.find(({ issuer: name }) => name === claims['iss']);
    if (issuer === undefined) return { fault: 'issuer_unknown', details: said };
    const keys = (await findKeys.get(issuer)?.(jws, now.getTime())) ?? [];
    const fault = faultFor(issuer, jws, claims, keys, now);
    if (fault !== null) return { fault, details: said };
    const times = readTimes(claims);
    if (times === null) return { fault: 'times', details: said };
    const identity = identityOf(claims, issuer.claims);
    if (identity === null) return { fault: 'identity_claims', details: said };
    const { issuedAt, expiresAt } = times;
    if (issuedAt !== null && issuedAt.getTime() > now.getTime() + CLOCK_SKEW * 1000)
      return { fault: 'not_yet_valid', details: { ...said, at: issuedAt } };
    return { issuer, identity, expiresAt };
  };
}

function faultFor(
  issuer: TrustedIssuer,
  jws: Jws,
  claims: Claims,
  keys: readonly VerificationKey[],
  now: Date,
): TokenFault | null {
  const faults = keys.map((key) => faultOf(jws, key, checksOf(issuer, now)));
  // Of several keys of one name, what the one says that signed it.
  const fault = faults.find((one) => one !== 'signature');
  if (fault === undefined) return keys.length === 0 ? 'key_unknown' : 'signature';
  if (fault !== null) return fault;
  const { audiences, claims: names } = issuer;
  const audience = claims[names.audience];
  if (names.audience !== 'aud' && !audiences.some((ours) => ours === audience)) return 'audience';
  if (!hasRequired(claims, names)) return 'required_claims';
  return isAccessToken(claims) ? null : 'not_access_token';
}

function checksOf({ issuer, audiences, claims }: TrustedIssuer, now: Date): Parameters<typeof faultOf>[2] {
  return {
    issuer,
    ...(claims.audience === 'aud' && { audience: [...audiences] as [string, ...string[]] }),
    clockTimestamp: Math.floor(now.getTime() / 1000),
    clockTolerance: CLOCK_SKEW,
  };
}

/** How much of what a token says is kept of it. */
const MAX_DETAIL = 200;

function detailsOf({ kid }: Jws, { iss, aud }: Claims): FaultDetails {
  return {
    kid: kid?.slice(0, MAX_DETAIL) ?? null,
    ...(typeof iss === 'string' && { issuer: iss.slice(0, MAX_DETAIL) }),
    ...(aud !== undefined && { audience: JSON.stringify(aud).slice(0, MAX_DETAIL) }),
  };
}

type FindKeys = (wanted: WantedKey, now: number) => Promise<readonly VerificationKey[]>;

/** A key that was configured is the issuer's only one, whatever the token calls it. */
function keyFinder({ keys }: TrustedIssuer, log: Logger): FindKeys {
  if ('key' in keys) return () => Promise.resolve([keys]);
  const published = new JwksKeys(keys, log);
  return (wanted, now) => published.find(wanted, now);
}
