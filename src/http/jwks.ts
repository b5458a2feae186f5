import type { Logger } from '../observability/logger';
import { CredentialRefusedError } from './credential-fault';
import { readPublishedKeys, type IgnoredKey } from './published-keys';
import type { SignatureAlgorithm, VerificationKey } from './verification-key';

/** Where an issuer publishes its keys, and the algorithms that are accepted. */
export interface JwksLocation {
  readonly uri: string;
  /** A key without an `alg` is used with the first of these that it fits. */
  readonly algorithms: readonly SignatureAlgorithm[];
}

/** The key that signed a token, according to its header. */
export interface WantedKey {
  readonly alg: string;
  readonly kid: string | null;
}

/** The age at which keys are fetched again, in milliseconds. A withdrawn key is accepted at most this long. */
const REFRESH_AGE = 5 * 60_000;
/** How long keys remain valid while the provider cannot be reached, in milliseconds. */
const MAX_AGE = 60 * 60_000;
/** The minimum time between two fetches, in milliseconds, since anyone can make up unknown kids. */
const COOL_DOWN = 10_000;
/** The timeout of a fetch, including its body, in milliseconds. */
const FETCH_TIMEOUT = 3_000;
/** The largest key set, in bytes. It has room for thousands of keys and is still parsed quickly. */
const MAX_SET_SIZE = 1024 * 1024;
/** The most keys of one kid that are tried. A set may contain several (RFC 7517 4.5), and each costs a verification. */
const MAX_SAME_KID = 4;

/**
 * The keys that an issuer publishes (RFC 7517). They are fetched on first use and replaced as a set, so that a key that
 * was removed is no longer accepted. All times are milliseconds on the caller's clock, except for the fetch timeout.
 */
export class JwksKeys {
  private held: { readonly keys: readonly VerificationKey[]; readonly at: number } | null = null;
  private tried: { readonly at: number; readonly failed: boolean } | null = null;
  private inFlight: Promise<void> | null = null;
  /** The last logged complaint about the set, so that each is logged once. */
  private complaint = '';

  constructor(
    private readonly location: JwksLocation,
    private readonly log: Logger,
    private readonly fetchElements: (uri: string) => Promise<readonly unknown[]> = fetchKeySet,
  ) {}

  /**
   * Returns the keys that may have signed a token: those of its kid, or without a kid the only key of its algorithm.
   * An unknown kid triggers one fetch, and no other before the cool-down is over.
   * @param now milliseconds
   * @returns an empty list if the issuer has no such key
   * @throws {CredentialRefusedError} SERVICE_UNAVAILABLE if no key was found and the latest fetch failed
   */
  async find(wanted: WantedKey, now: number): Promise<readonly VerificationKey[]> {
    if (!this.location.algorithms.some((algorithm) => algorithm === wanted.alg)) return [];
    if (!isWithin(REFRESH_AGE, this.held?.at, now)) await this.refresh(now);
    const known = this.pick(wanted, now);
    if (known.length > 0) return known;
    await this.refresh(now);
    const found = this.pick(wanted, now);
    if (found.length === 0 && this.tried?.failed === true)
      throw new CredentialRefusedError(UNAVAILABLE, 'keys_unavailable', { kid: wanted.kid });
    return found;
  }

  private pick({ alg, kid }: WantedKey, now: number): readonly VerificationKey[] {
    const keys = isWithin(MAX_AGE, this.held?.at, now) ? (this.held?.keys ?? []) : [];
    const fitting = keys.filter(({ algorithm }) => algorithm === alg);
    if (kid !== null) return fitting.filter((key) => key.kid === kid).slice(0, MAX_SAME_KID);
    // Without a kid, the key must be unambiguous. The same key may be published under several kids.
    const [first] = fitting;
    return first !== undefined && fitting.every(({ key }) => key.equals(first.key)) ? [first] : [];
  }

  /** Fetches the keys, unless within the cool-down. Concurrent callers share one fetch. */
  private async refresh(now: number): Promise<void> {
    if (this.inFlight === null && isWithin(COOL_DOWN, this.tried?.at, now)) return;
    this.inFlight ??= this.fetch(now).finally(() => (this.inFlight = null));
    await this.inFlight;
  }

  /** Fetches the keys. If the set cannot be read, the previous keys are kept. */
  private async fetch(now: number): Promise<void> {
    const { uri, algorithms } = this.location;
    try {
      const { keys, ignored } = await readPublishedKeys(await this.fetchElements(uri), algorithms);
      this.held = { keys, at: now };
      this.tried = { at: now, failed: false };
      this.complain(ignored);
    } catch (error) {
      this.tried = { at: now, failed: true };
      this.log.warn({ err: error, uri }, 'could not fetch the keys of a token issuer');
    }
  }

  /** Logs the elements that cannot be used as keys, whenever they change. */
  private complain(ignored: readonly IgnoredKey[]): void {
    const complaint = JSON.stringify(ignored);
    if (ignored.length > 0 && complaint !== this.complaint)
      this.log.warn(
        { uri: this.location.uri, ignored },
        'a token issuer publishes keys that cannot be used; the others are used',
      );
    this.complaint = complaint;
  }
}

const UNAVAILABLE = {
  code: 'SERVICE_UNAVAILABLE',
  detail: 'The token cannot be verified at the moment',
} as const;

/**
 * Fetches the elements of a JSON Web Key Set. Redirects are not followed, since only this address was configured.
 * @throws {Error} if no key set arrives in time, or if it is too large
 */
async function fetchKeySet(uri: string): Promise<readonly unknown[]> {
  const response = await fetch(uri, {
    signal: AbortSignal.timeout(FETCH_TIMEOUT),
    redirect: 'error',
    headers: { accept: 'application/json' },
  });
  if (!response.ok) throw new Error(`The response status was ${String(response.status)}`);
  const text = new TextDecoder('utf-8', { fatal: true }).decode(await bodyOf(response));
  const { keys } = (JSON.parse(text) ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('The response is not a JSON Web Key Set');
  return keys as readonly unknown[];
}

async function bodyOf(response: Response): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early cancels the rest of the response.
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.byteLength;
    if (size > MAX_SET_SIZE) throw new Error(`The key set is larger than ${String(MAX_SET_SIZE)} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Whether less than `duration` has passed since `then`. False if `then` is undefined or the clock was set back. */
function isWithin(duration: number, then: number | undefined, now: number): boolean {
  return then !== undefined && now >= then && now - then < duration;
}
