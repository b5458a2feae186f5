import type { KeyObject } from 'node:crypto';
import type { Algorithm } from 'jsonwebtoken';

/** The signature algorithms of tokens (RFC 7518 3.1), without `none`. */
export type SignatureAlgorithm = Exclude<Algorithm, 'none'>;

/**
 * The algorithms that issuers may use. HMAC is excluded, since whoever can verify can also sign: the gateway itself, or
 * anybody who reads its settings, could forge an approval.
 */
export const ISSUER_ALGORITHMS = ['RS256', 'PS256', 'ES256'] as const satisfies readonly SignatureAlgorithm[];
export type IssuerAlgorithm = (typeof ISSUER_ALGORITHMS)[number];

/** A key with its only algorithm, which the token does not choose (RFC 8725 3.1). */
export interface VerificationKey {
  /** The key id in tokens. Null for a configured key. */
  readonly kid: string | null;
  readonly algorithm: SignatureAlgorithm;
  readonly key: KeyObject;
}

const CURVES: Readonly<Record<string, string>> = {
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  ES512: 'secp521r1',
};
const MIN_RSA_BITS = 2048;

/**
 * Returns why a key cannot be used for an algorithm: another type, or too weak (RFC 7518 3.2 to 3.5).
 * @returns null if it can be used
 */
export function keyFault(key: KeyObject, algorithm: SignatureAlgorithm): string | null {
  const { type, asymmetricKeyType: kind, asymmetricKeyDetails: details, symmetricKeySize: bytes = 0 } = key;
  const bits = Number(algorithm.slice(2));
  if (algorithm.startsWith('HS')) {
    if (type !== 'secret') return `is not a secret for ${algorithm}`;
    return bytes * 8 < bits ? `a secret for ${algorithm} needs ${String(bits)} bits or more` : null;
  }
  const isOfKind = algorithm.startsWith('ES')
    ? kind === 'ec' && details?.namedCurve === CURVES[algorithm]
    : kind === 'rsa';
  if (type !== 'public' || !isOfKind) return `is not a public key for ${algorithm}`;
  return kind === 'rsa' && (details?.modulusLength ?? 0) < MIN_RSA_BITS
    ? `an RSA key needs ${String(MIN_RSA_BITS)} bits or more`
    : null;
}
