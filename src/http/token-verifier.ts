import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
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

/** An issuer whose tokens are accepted, and what its tokens must contain. */
export interface TrustedIssuer {
  /** The exact `iss` of its tokens. */
  readonly issuer: string;
  /** The accepted audiences. */
  readonly audiences: readonly string[];
  readonly claims: ClaimNames;
  readonly keys: VerificationKey | JwksLocation;
  /** The only organization whose users it may authenticate. Null for any. */
  readonly organizationId: number | null;
}

/** The contents of a verified token. It is valid until `expiresAt`, even if the issuer's keys change meanwhile. */
export interface VerifiedToken {
  readonly issuer: TrustedIssuer;
  readonly identity: Identity;
  readonly expiresAt: Date;
}

/** The reason for rejecting a token. */
export interface TokenRejection {
  readonly fault: TokenFault;
  readonly details: FaultDetails;
}

/**
 * Verifies a token at the given time. @returns its contents, or why it is rejected
 * @throws {RefusedError} SERVICE_UNAVAILABLE if the issuer's keys cannot be fetched
 */
export type VerifyToken = (token: string, now: Date) => Promise<VerifiedToken | TokenRejection>;

/** How far an issuer's clock may be ahead of the gateway's, in seconds. */
const CLOCK_SKEW = 30;

/**
 * Creates the function that verifies a JWT against the trusted issuers: form, signature by the issuer's key with that
 * key's algorithm, issuer, audience, required claims, that it is an access token, `nbf`, `iat`, and that it has `exp`.
 * The caller checks the expiry, since only an otherwise valid token is reported as expired.
 */
export function makeVerifyToken(trusted: readonly TrustedIssuer[], log: Logger): VerifyToken {
  const findKeys = new Map(trusted.map((issuer) => [issuer, keyFinder(issuer, log)]));
  return async (token, now) => {
    const jws = readJws(token);
    const claims = jws && readStrictObject(jws.payload);
    if (!jws || !claims) return { fault: isTooLong(token) ? 'size' : 'malformed', details: {} };
    const said = detailsOf(jws, claims);
    // The claimed issuer only selects the keys. The signature proves it.
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
  // With several keys of one kid, the result of the key that signed the token counts.
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

/** How many characters of a token's contents are logged. */
const MAX_DETAIL = 200;

function detailsOf({ kid }: Jws, { iss, aud }: Claims): FaultDetails {
  return {
    kid: kid?.slice(0, MAX_DETAIL) ?? null,
    ...(typeof iss === 'string' && { issuer: iss.slice(0, MAX_DETAIL) }),
    ...(aud !== undefined && { audience: JSON.stringify(aud).slice(0, MAX_DETAIL) }),
  };
}

type FindKeys = (wanted: WantedKey, now: number) => Promise<readonly VerificationKey[]>;

/** Returns how to find an issuer's keys. A configured key is the issuer's only one, whatever the token's kid. */
function keyFinder({ keys }: TrustedIssuer, log: Logger): FindKeys {
  if ('key' in keys) return () => Promise.resolve([keys]);
  const published = new JwksKeys(keys, log);
  return (wanted, now) => published.find(wanted, now);
}

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
