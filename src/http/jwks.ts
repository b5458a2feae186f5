import type { Logger } from '../observability/logger';
import { CredentialRefusedError } from './credential-fault';
import { readPublishedKeys, type IgnoredKey } from './published-keys';
import type { SignatureAlgorithm, VerificationKey } from './verification-key';

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
/** How large a key set may be, in bytes: thousands of keys, and still read at once. */
const MAX_SET_SIZE = 1024 * 1024;
/** How many keys of one kid are tried: a set may hold several (RFC 7517 4.5), and each costs a signature's check. */
const MAX_SAME_KID = 4;

/**
 * The keys that an issuer publishes (RFC 7517), fetched when they are first needed and kept as one set, so that a key
 * that is gone from it is gone here. All times are milliseconds on the caller's clock, but for the fetch's time-out.
 */
export class JwksKeys {
  private held: { readonly keys: readonly VerificationKey[]; readonly at: number } | null = null;
  private tried: { readonly at: number; readonly failed: boolean } | null = null;
  private underWay: Promise<void> | null = null;
  /** What was last logged about the set, so that it is logged once. */
  private complaint = '';

  constructor(
    private readonly location: JwksLocation,
    private readonly log: Logger,
    private readonly fetchElements: (uri: string) => Promise<readonly unknown[]> = fetchKeySet,
  ) {}

  /**
   * The keys that a token may be signed by: those of its kid, or the only one of its algorithm where it names none.
   * An unknown kid has the keys fetched once, and not again before the cool-down is over.
   * @returns none if the issuer has no such key
   * @throws {CredentialRefusedError} SERVICE_UNAVAILABLE where that cannot be told, since the newest fetch of the keys failed
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
    // A token that names no key can only mean the only one that fits, under however many names it is published.
    const [first] = fitting;
    return first !== undefined && fitting.every(({ key }) => key.equals(first.key)) ? [first] : [];
  }

  /** Fetches the keys, together with whoever else waits for them; not within the cool-down. */
  private async refresh(now: number): Promise<void> {
    if (this.underWay === null && isWithin(COOL_DOWN, this.tried?.at, now)) return;
    this.underWay ??= this.fetch(now).finally(() => (this.underWay = null));
    await this.underWay;
  }

  /** A set that cannot be read leaves the keys as they were. */
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

  /** Logs which elements are no keys, when that changes. */
  private complain(ignored: readonly IgnoredKey[]): void {
    const complaint = JSON.stringify(ignored);
    if (ignored.length > 0 && complaint !== this.complaint)
      this.log.warn(
        { uri: this.location.uri, ignored },
        'a token issuer publishes keys that cannot be used; the others count',
      );
    this.complaint = complaint;
  }
}

const UNAVAILABLE = {
  code: 'SERVICE_UNAVAILABLE',
  detail: 'The token cannot be verified at the moment',
} as const;

/**
 * Fetches a JSON Web Key Set's elements. No redirect is followed: the address was configured, what it points to was not.
 * @throws {Error} where no key set arrives in time, or one that is too large
 */
async function fetchKeySet(uri: string): Promise<readonly unknown[]> {
  const response = await fetch(uri, {
    signal: AbortSignal.timeout(FETCH_TIMEOUT),
    redirect: 'error',
    headers: { accept: 'application/json' },
  });
  if (!response.ok) throw new Error(`The answer was ${String(response.status)}`);
  const text = new TextDecoder('utf-8', { fatal: true }).decode(await bodyOf(response));
  const { keys } = (JSON.parse(text) ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('The answer is no JSON Web Key Set');
  return keys as readonly unknown[];
}

async function bodyOf(response: Response): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early cancels the rest of the answer.
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.byteLength;
    if (size > MAX_SET_SIZE) throw new Error(`The key set is larger than ${String(MAX_SET_SIZE)} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Whether less than this time has passed since then; not if the clock was set back meanwhile, or if there is no then. */
function isWithin(duration: number, then: number | undefined, now: number): boolean {
  return then !== undefined && now >= then && now - then < duration;
}
