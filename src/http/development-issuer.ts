import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  type KeyObject,
} from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sign } from 'jsonwebtoken';
import type { TrustedIssuer } from './token-verifier';

const ISSUER = 'urn:countersign:development';
const AUDIENCE = 'countersign';
const ALGORITHM = 'RS256';

/** Makes tokens for local development with a key of its own. Does not exist in production. */
export interface DevelopmentIssuer {
  readonly trusted: TrustedIssuer;
  /** A JWT for a subject that lives this many seconds. */
  sign(subject: string, lifetime: number): string;
}

/** The issuer whose key lies in the data folder, made on first use and readable by its owner only. */
export function openDevelopmentIssuer(dataDir: string): DevelopmentIssuer {
  const privateKey = loadOrMakeKey(join(dataDir, 'development-token-key.pem'), dataDir);
  return {
    trusted: {
      issuer: ISSUER,
      audience: AUDIENCE,
      audienceClaim: 'aud',
      algorithm: ALGORITHM,
      publicKey: createPublicKey(privateKey),
    },
    sign: (subject, lifetime) =>
      sign({}, privateKey, {
        algorithm: ALGORITHM,
        issuer: ISSUER,
        audience: AUDIENCE,
        subject,
        expiresIn: lifetime,
      }),
  };
}

/** The subject under which the development issuer knows a user. */
export function developmentSubject(userId: number): string {
  return `user-${String(userId)}`;
}

function loadOrMakeKey(path: string, dataDir: string): KeyObject {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  try {
    return createPrivateKey(readFileSync(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const mine = `${path}.${randomUUID()}`;
  writeFileSync(mine, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  try {
    // A link appears whole or not at all, and never replaces a key that another process made a moment before.
    linkSync(mine, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(mine);
  }
  return createPrivateKey(readFileSync(path));
}
