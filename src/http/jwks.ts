import { createPublicKey } from 'node:crypto';
import type { SigningKey } from 'jwks-rsa';
import { RefusedError } from '../domain/refusal';
import type { Logger } from '../observability/logger';
import { keyFault, type SignatureAlgorithm, type VerificationKey } from './verification-key';

/** Where an issuer publishes its keys, and which of them count. */
export interface JwksLocation {
  readonly uri: string;
  /** A key that names none of its own counts for the first of these that it fits. */
  readonly algorithms: readonly SignatureAlgorithm[];
}

/** What a token says of the key that signed it. */
export interface WantedKey {
  readonly alg: string;
  readonly kid: string | null;
}

/** How old the keys get before they are fetched again: a key that was taken back counts no longer than this. */
const REFRESH_AGE = 5 * 60_000;
/** How long the keys last while the provider cannot be reached. */
const MAX_AGE = 60 * 60_000;
/** The time between two fetches, whatever is asked for: unknown kids cost nothing to make up. */
const COOL_DOWN = 10_000;
/** How long a fetch may take, the whole answer included. */
const FETCH_TIMEOUT = 3_000;

/**
 * The keys that an issuer publishes (RFC 7517), fetched when they are first needed and kept as one set, so that a key
 * that is gone from it is gone here. All times are milliseconds on the caller's clock, but for the fetch's time-out.
 */
export class JwksKeys {
  private held: { readonly keys: readonly VerificationKey[]; readonly at: number } | null = null;
  private tried: { readonly at: number; readonly failed: boolean } | null = null;
  private underWay: Promise<void> | null = null;

  constructor(
    private readonly location: JwksLocation,
    private readonly log: Logger,
    private readonly fetchKeys: (uri: string) => Promise<{ keys: unknown }> = fetchJwks,
  ) {}

  /**
   * The key that a token calls for, or null if the issuer has none like it. An unknown kid has the keys fetched once,
   * and not again before the cool-down is over.
   * @throws {RefusedError} SERVICE_UNAVAILABLE where that cannot be told, since the issuer cannot be reached
   */
  async find(wanted: WantedKey, now: number): Promise<VerificationKey | null> {
    if (!this.location.algorithms.some((algorithm) => algorithm === wanted.alg)) return null;
    if (!isWithin(REFRESH_AGE, this.held?.at, now)) await this.refresh(now);
    const known = this.pick(wanted, now);
    if (known !== null) return known;
    await this.refresh(now);
    const found = this.pick(wanted, now);
    if (found === null && this.tried?.failed === true) throw new RefusedError(UNAVAILABLE);
    return found;
  }

  private pick({ alg, kid }: WantedKey, now: number): VerificationKey | null {
    const keys = isWithin(MAX_AGE, this.held?.at, now) ? (this.held?.keys ?? []) : [];
    // A token that names no key can only mean the only one.
    if (kid === null) return keys.length === 1 && keys[0]?.algorithm === alg ? keys[0] : null;
    return keys.find((key) => key.kid === kid && key.algorithm === alg) ?? null;
  }

  /** Fetches the keys, together with whoever else waits for them; not within the cool-down. */
  private async refresh(now: number): Promise<void> {
    if (this.underWay === null && isWithin(COOL_DOWN, this.tried?.at, now)) return;
    this.underWay ??= this.fetch(now).finally(() => (this.underWay = null));
    await this.underWay;
  }

  private async fetch(now: number): Promise<void> {
    try {
      this.held = { keys: await this.readKeys(), at: now };
      this.tried = { at: now, failed: false };
    } catch (error) {
      this.tried = { at: now, failed: true };
      this.log.warn({ err: error, uri: this.location.uri }, 'could not fetch the keys of a token issuer');
    }
  }

  private async readKeys(): Promise<readonly VerificationKey[]> {
    // Loaded by those only who have such an issuer: it takes a while.
    const { JwksClient } = await import('jwks-rsa');
    const { uri, algorithms } = this.location;
    // It reads the set and imports the keys. Its own cache keeps single keys and its rate limit counts made-up kids and
    // refreshes alike (docs/decisions/0029).
    const client = new JwksClient({ jwksUri: uri, cache: false, fetcher: this.fetchKeys });
    const signingKeys = await client.getSigningKeys().catch((error: unknown) => {
      // An answer without a key is an answer: all of them were taken back.
      if ((error as { isEndpointUnavailable?: boolean }).isEndpointUnavailable === true) throw error;
      return [];
    });
    return signingKeys.flatMap((key) => verificationKeyOf(key, algorithms) ?? []);
  }
}

const UNAVAILABLE = {
  code: 'SERVICE_UNAVAILABLE',
  detail: 'The token cannot be verified at the moment',
} as const;

/** The key for its one algorithm, or null for a key that is weak or for others. */
function verificationKeyOf(
  published: SigningKey,
  algorithms: readonly SignatureAlgorithm[],
): VerificationKey | null {
  // Both are optional in a set, whatever the types of jwks-rsa say.
  const { kid = null, alg = null } = published as { kid?: string; alg?: string };
  const key = createPublicKey(published.getPublicKey());
  const algorithm = algorithms.find((own) => (alg ?? own) === own && keyFault(key, own) === null);
  return algorithm === undefined ? null : { kid, algorithm, key };
}

/** Fetches a JSON Web Key Set. No redirect is followed: the address was configured, what it points to was not. */
async function fetchJwks(uri: string): Promise<{ keys: unknown }> {
  const response = await fetch(uri, {
    signal: AbortSignal.timeout(FETCH_TIMEOUT),
    redirect: 'error',
    headers: { accept: 'application/json' },
  });
  if (!response.ok) throw new Error(`The answer was ${String(response.status)}`);
  const body = (await response.json()) as { keys?: unknown } | null;
  if (!Array.isArray(body?.keys)) throw new Error('The answer is no JSON Web Key Set');
  return { keys: body.keys };
}

/** Whether less than this time has passed since then; not if the clock was set back meanwhile, or if there is no then. */
function isWithin(duration: number, then: number | undefined, now: number): boolean {
  return then !== undefined && now >= then && now - then < duration;
}
