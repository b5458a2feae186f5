import {
  constants,
  createHmac,
  createPrivateKey,
  generateKeyPairSync,
  sign,
  type BinaryLike,
  type KeyObject,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { developmentSubject, openDevelopmentIssuer } from '../../src/http/development-issuer';
import { STANDARD_CLAIMS } from '../../src/http/token-claims';
import type { TrustedIssuer } from '../../src/http/token-verifier';
import { setting, type TestDatabase } from './database';

/** Makes tokens by hand, valid and invalid ones: every part can be anything. */

/** The gateway's time in these tests, in seconds: it stands still, so that boundaries are exact. */
export const NOW = Math.floor(Date.now() / 1000);

type Signer = (signed: string) => Buffer;
type Part = object | string | Buffer;

export const rs =
  (key: KeyObject): Signer =>
  (signed) =>
    sign('sha256', Buffer.from(signed), key);
export const rs512 =
  (key: KeyObject): Signer =>
  (signed) =>
    sign('sha512', Buffer.from(signed), key);
export const ps =
  (key: KeyObject): Signer =>
  (signed) =>
    sign('sha256', Buffer.from(signed), {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    });
export const es =
  (key: KeyObject, dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363'): Signer =>
  (signed) =>
    sign('sha256', Buffer.from(signed), { key, dsaEncoding });
export const hs =
  (secret: BinaryLike, hash = 'sha256'): Signer =>
  (signed) =>
    createHmac(hash, secret).update(signed).digest();
export const bytes =
  (signature: Buffer): Signer =>
  () =>
    signature;

/** A compact serialisation of these parts: objects as JSON, text and bytes unchanged. */
export function compact(header: Part, claims: Part, signer: Signer): string {
  const signed = `${encoded(header)}.${encoded(claims)}`;
  return `${signed}.${signer(signed).toString('base64url')}`;
}

export function encoded(part: Part): string {
  const plain = typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part);
  return Buffer.from(plain).toString('base64url');
}

const dataDir = setting('TEST_DATA_DIR');
const development = openDevelopmentIssuer(dataDir).trusted;
const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });

/** The keys of the trusted issuers, and of an unknown one. */
export const KEYS = {
  rs: createPrivateKey(readFileSync(join(dataDir, 'development-token-key.pem'))),
  ps: rsa(),
  es: ec('P-256'),
  published: [rsa(), ec('P-256')] as const,
  globex: rsa(),
  stranger: rsa(),
  shortRsa: generateKeyPairSync('rsa', { modulusLength: 1024 }),
  p256: ec('P-256'),
  p384: ec('P-384'),
  secp256k1: ec('secp256k1'),
};
export const PUBLIC_KEY = development.keys.key;

/** The trusted issuers, by what they sign with: a key each, except for the one that publishes two. */
export const ISSUERS = {
  rs: development.issuer,
  ps: 'https://login.example/ps',
  es: 'https://login.example/es',
  jwks: 'https://login.example/jwks',
  globex: 'https://login.globex.example/',
};
/** The ids of the published keys. */
export const KIDS = ['rsa-1', 'ec-1'] as const;

/** The trusted issuers; the one of Globex names people by their ids, and may speak for Globex only. */
export function trustedIssuers(jwksUri: string): readonly TrustedIssuer[] {
  const standard = { audiences: ['countersign'], claims: STANDARD_CLAIMS, organizationId: null };
  return [
    development,
    {
      ...{ ...standard, issuer: ISSUERS.ps },
      keys: { kid: null, algorithm: 'PS256', key: KEYS.ps.publicKey },
    },
    {
      ...{ ...standard, issuer: ISSUERS.es },
      keys: { kid: null, algorithm: 'ES256', key: KEYS.es.publicKey },
    },
    {
      ...{ ...standard, issuer: ISSUERS.jwks },
      keys: { uri: jwksUri, algorithms: ['RS256', 'PS256', 'ES256'] },
    },
    {
      ...{ ...standard, issuer: ISSUERS.globex, organizationId: 2 },
      claims: { ...STANDARD_CLAIMS, ids: { user: 'db_user_id', organization: 'db_org_id' } },
      keys: { kid: null, algorithm: 'RS256', key: KEYS.globex.publicKey },
    },
  ];
}

/** What the publishing issuer publishes. */
export function publishedKeys(): object {
  return {
    keys: KEYS.published.map(({ publicKey }, n) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid: KIDS[n],
    })),
  };
}

/** Makes user 42 known to every issuer that names people by subject. */
export async function makeKnown(database: TestDatabase): Promise<void> {
  await database.sql(
    `INSERT INTO user_identities (issuer, subject, organization_id, user_id)
     SELECT issuer, $2, 1, 42 FROM unnest($1::text[]) AS issuer`,
    [[ISSUERS.ps, ISSUERS.es, ISSUERS.jwks], developmentSubject(42)],
  );
}

/** Valid claims of user 42's, with these changes; undefined removes one. */
export function claims(changes: Readonly<Record<string, unknown>> = {}): object {
  const good = {
    iss: ISSUERS.rs,
    aud: 'countersign',
    sub: developmentSubject(42),
    iat: NOW,
    exp: NOW + 600,
  };
  return { ...good, ...changes };
}

/** A valid token of user 42's by the trusted RSA key, with these changes. */
export function token(
  changes: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = {},
  signer: Signer = rs(KEYS.rs),
): string {
  return compact({ alg: 'RS256', typ: 'JWT', ...header }, claims(changes), signer);
}
