import type { KeyObject } from 'node:crypto';
import type { Algorithm } from 'jsonwebtoken';

/** How a token can be signed (RFC 7518 3.1, short of `none`). */
export type SignatureAlgorithm = Exclude<Algorithm, 'none'>;

/**
 * What an issuer may sign with. HMAC is not among them: whoever can verify could sign as well, so that the gateway
 * itself, and everybody who reads its settings, could make an approval.
 */
export const ISSUER_ALGORITHMS = ['RS256', 'PS256', 'ES256'] as const satisfies readonly SignatureAlgorithm[];
export type IssuerAlgorithm = (typeof ISSUER_ALGORITHMS)[number];

/** A key and the one algorithm that it is for: never the token's choice (RFC 8725 3.1). */
export interface VerificationKey {
  /** The name under which tokens call for it; null for a key that stands alone. */
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
 * Why a key cannot be used for an algorithm: of another kind, or too weak (RFC 7518 3.2 to 3.5).
 * @returns null where it can
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
