import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { sign } from 'jsonwebtoken';
import { loadOrMakeKey } from '../key-file';
import { STANDARD_CLAIMS } from './token-claims';
import type { TrustedIssuer } from './token-verifier';
import type { VerificationKey } from './verification-key';

/** The `iss` of the development issuer's tokens. */
export const DEVELOPMENT_ISSUER = 'urn:countersign:development';
const AUDIENCE = 'countersign';
const ALGORITHM = 'RS256';

/** Signs tokens for local development with a key of its own. It does not exist in production. */
export interface DevelopmentIssuer {
  readonly trusted: TrustedIssuer & { readonly keys: VerificationKey };
  /** Returns a JWT for a subject. @param lifetime in seconds */
  sign(subject: string, lifetime: number): string;
}

/** Opens the development issuer. Its key is in the data folder, created on first use and readable by its owner only. */
export function openDevelopmentIssuer(dataDir: string): DevelopmentIssuer {
  const privateKey = loadOrMakeKey(
    join(dataDir, 'development-token-key.pem'),
    () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  );
  return {
    trusted: {
      issuer: DEVELOPMENT_ISSUER,
      audiences: [AUDIENCE],
      claims: STANDARD_CLAIMS,
      keys: { kid: null, algorithm: ALGORITHM, key: createPublicKey(privateKey) },
      organizationId: null,
    },
    sign: (subject, lifetime) =>
      sign({}, privateKey, {
        algorithm: ALGORITHM,
        issuer: DEVELOPMENT_ISSUER,
        audience: AUDIENCE,
        subject,
        expiresIn: lifetime,
      }),
  };
}

/** Returns the subject of a user in the development issuer's tokens. */
export function developmentSubject(userId: number): string {
  return `user-${String(userId)}`;
}
