import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { keyFault, type SignatureAlgorithm, type VerificationKey } from './verification-key';

/** An element of a key set that does not count, by its place in the set, and why. */
export interface IgnoredKey {
  readonly place: number;
  readonly fault: string;
}

/** What a key set holds for us. */
export interface PublishedKeys {
  readonly keys: readonly VerificationKey[];
  /** Elements that are no keys, or faulty ones: the first few. Keys that are meant for others are not among them. */
  readonly ignored: readonly IgnoredKey[];
}

/** How many keys are imported before others get their turn: each takes some ten microseconds. */
const IMPORTED_AT_ONCE = 64;
/** How many faulty elements are named. */
const MAX_IGNORED = 10;

/** Some providers write null for what a key does not say. */
const member = z.string().nullish();
/** What of a JSON Web Key says what it is for (RFC 7517 4); its numbers are left to the import. */
const jwk = z.looseObject({
  kty: z.string(),
  use: member,
  key_ops: z.array(z.string()).nullish(),
  alg: member,
  kid: member,
});

/** Members that only private and symmetric keys have (RFC 7518 6): whoever reads the set can sign with such a key. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/**
 * The keys of a set that verify signatures by these algorithms. An element that is no key takes no other with it
 * (RFC 7517 5), nor does one of a kind, use or algorithm that is not ours.
 * @param elements of `keys`, as they were published
 * @param algorithms a key that names none of its own counts for the first of these that it fits
 * @throws {Error} where there are elements and none can be read: that is no answer to who may sign
 */
export async function readPublishedKeys(
  elements: readonly unknown[],
  algorithms: readonly SignatureAlgorithm[],
): Promise<PublishedKeys> {
  const keys: VerificationKey[] = [];
  const ignored: IgnoredKey[] = [];
  let readable = 0;
  for (const [place, element] of elements.entries()) {
    if (place % IMPORTED_AT_ONCE === IMPORTED_AT_ONCE - 1) await setImmediate();
    const read = readKey(element, algorithms);
    if (read !== null && 'fault' in read) ignored.push({ place, fault: read.fault });
    else if (read !== null) keys.push(read);
    if (read === null || !('fault' in read) || read.isKey) readable += 1;
  }
  if (elements.length > 0 && readable === 0)
    throw new Error(`No element of the key set can be read: the first one ${ignored[0]?.fault ?? ''}`);
  return { keys, ignored: ignored.slice(0, MAX_IGNORED) };
}

/** An element that does not count; `isKey` where it is a key that was read, and refused. */
interface Fault {
  readonly fault: string;
  readonly isKey: boolean;
}

/** One element as a key for its one algorithm; null for a key that is meant for something else. */
function readKey(
  element: unknown,
  algorithms: readonly SignatureAlgorithm[],
): VerificationKey | Fault | null {
  const { data } = jwk.safeParse(element);
  if (data === undefined) return { fault: 'is not a JSON Web Key', isKey: false };
  const { kty, use, key_ops: operations, alg, kid = null } = data;
  if (kty !== 'RSA' && kty !== 'EC') return null;
  if ((use ?? 'sig') !== 'sig' || operations?.includes('verify') === false) return null;
  const candidates = algorithms.filter((own) => (alg ?? own) === own);
  if (candidates.length === 0) return null;
  if (SECRET_MEMBERS.some((name) => Object.hasOwn(data, name)))
    return { fault: 'is published with its private part', isKey: true };
  try {
    const key = createPublicKey({ key: data as JsonWebKey, format: 'jwk' });
    const faults = candidates.map((own) => keyFault(key, own));
    const algorithm = candidates[faults.indexOf(null)];
    return algorithm === undefined ? { fault: faults[0] ?? '', isKey: true } : { kid, algorithm, key };
  } catch {
    // OpenSSL's own reasons say nothing that an operator could use.
    return { fault: 'cannot be read as a key', isKey: false };
  }
}
