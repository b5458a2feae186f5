import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { keyFault, type SignatureAlgorithm, type VerificationKey } from './verification-key';

/** An element of a key set that cannot be used: its index in the set, and why. */
export interface IgnoredKey {
  readonly place: number;
  readonly fault: string;
}

/** The usable contents of a key set. */
export interface PublishedKeys {
  readonly keys: readonly VerificationKey[];
  /** The first few elements that are faulty or no keys. Keys for other purposes are not among them. */
  readonly ignored: readonly IgnoredKey[];
}

/** How many keys are imported before yielding to the event loop. Each takes about ten microseconds. */
const IMPORTED_AT_ONCE = 64;
/** The most faulty elements that are reported. */
const MAX_IGNORED = 10;

/** Some providers write null for absent parameters. */
const member = z.string().nullish();
/** The parameters of a JSON Web Key that describe its purpose (RFC 7517 4). The import validates the others. */
const jwk = z.looseObject({
  kty: z.string(),
  use: member,
  key_ops: z.array(z.string()).nullish(),
  alg: member,
  kid: member,
});

/** Parameters of private and symmetric keys (RFC 7518 6). Anyone who reads the set could sign with such a key. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/**
 * Reads the keys of a set that verify signatures with these algorithms. Invalid elements, and keys of another type, use
 * or algorithm, are skipped (RFC 7517 5).
 * @param elements the published `keys`
 * @param algorithms a key without an `alg` is used with the first of these that it fits
 * @throws {Error} if the set has elements and none can be read, since that does not mean that no key is valid
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

/** An element that cannot be used. `isKey` tells whether it is a readable key that was refused. */
interface Fault {
  readonly fault: string;
  readonly isKey: boolean;
}

/** Reads one element as a key for one algorithm. Null for a key with another purpose. */
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
    // OpenSSL's error messages do not help an operator.
    return { fault: 'cannot be read as a key', isKey: false };
  }
}
