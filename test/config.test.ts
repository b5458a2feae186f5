import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { ConfigError, readConfig } from '../src/config';
import { noteKeyText } from '../src/domain/signed-note';

/** The environment as the gateway reads it: what counts if nothing is set, and that every fault is told at once. */
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
const shortRsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey;
const signing = generateKeyPairSync('ed25519');
const ed25519 = signing.publicKey;

const ISSUER = { TOKEN_ISSUER: 'https://login.example.com/' };
const PRODUCTION = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgresql://app:secret@db.example.com/countersign',
  ...ISSUER,
  TOKEN_PUBLIC_KEY: pem(rsa),
};
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-config-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('an operator who sets nothing', () => {
  it('gets the documented defaults', () => {
    const config = readConfig({});
    expect(config).toEqual({
      isProduction: false,
      host: '127.0.0.1',
      port: 4000,
      dataDir: join(process.cwd(), '.data'),
      databaseUrl: null,
      databaseOwnerUrl: null,
      database: { poolSize: 20, tls: false, preparedStatements: true },
      trustedIssuer: null,
      auditLog: {
        name: 'countersign',
        signingKey: null,
        earlierKeys: [],
        archiveFolder: join(process.cwd(), '.data', 'audit-checkpoints'),
      },
      corsOrigins: [],
      trustProxy: [],
      playground: true,
      logLevel: 'warn',
    });
  });

  it('gets the same from settings that are there and empty', () => {
    const names = [
      'NODE_ENV',
      'PORT',
      'DATA_DIR',
      'DATABASE_URL',
      'TOKEN_ISSUER',
      'CORS_ORIGINS',
      'LOG_LEVEL',
    ];
    expect(readConfig(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(readConfig({}));
  });

  it('has a configuration that nobody can change afterwards', () => {
    expect(Object.isFrozen(readConfig({}))).toBe(true);
  });
});

describe('an operator who sets everything', () => {
  it('gets it as it was set', () => {
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, 'the certificate');
    const config = readConfig({
      ...PRODUCTION,
      HOST: '0.0.0.0',
      PORT: '0',
      DATA_DIR: 'relative/folder',
      DATABASE_OWNER_URL: 'postgres://owner:secret@db.example.com/countersign',
      DATABASE_POOL_SIZE: '7',
      DATABASE_TLS: 'verify',
      DATABASE_CA_FILE: ca,
      DATABASE_PREPARED_STATEMENTS: 'off',
      TOKEN_AUDIENCE: 'approvals',
      TOKEN_AUDIENCE_CLAIM: 'client_id',
      TOKEN_ALGORITHM: 'PS256',
      CORS_ORIGINS: ' https://app.example.com , http://localhost:3000,',
      TRUST_PROXY: '10.0.0.0/8, 192.168.1.1',
      AUDIT_LOG_NAME: 'log.example.com',
      AUDIT_SIGNING_KEY: signing.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      AUDIT_EARLIER_KEYS: noteKeyText({ name: 'old.example.com', publicKey: signing.publicKey }),
      AUDIT_ARCHIVE_DIR: '/var/lib/checkpoints',
      PLAYGROUND: 'off',
      LOG_LEVEL: 'debug',
    });
    const { trustedIssuer, dataDir, auditLog, ...rest } = config;
    expect(auditLog).toMatchObject({ name: 'log.example.com', archiveFolder: '/var/lib/checkpoints' });
    expect(auditLog.signingKey?.equals(signing.privateKey)).toBe(true);
    expect(auditLog.earlierKeys.map(({ name }) => name)).toEqual(['old.example.com']);
    expect(isAbsolute(dataDir)).toBe(true);
    expect(rest).toEqual({
      isProduction: true,
      host: '0.0.0.0',
      port: 0,
      databaseUrl: PRODUCTION.DATABASE_URL,
      databaseOwnerUrl: 'postgres://owner:secret@db.example.com/countersign',
      database: {
        poolSize: 7,
        tls: { rejectUnauthorized: true, ca: 'the certificate' },
        preparedStatements: false,
      },
      corsOrigins: ['https://app.example.com', 'http://localhost:3000'],
      trustProxy: ['10.0.0.0/8', '192.168.1.1'],
      playground: false,
      logLevel: 'debug',
    });
    expect(trustedIssuer).toMatchObject({
      issuer: ISSUER.TOKEN_ISSUER,
      audience: 'approvals',
      audienceClaim: 'client_id',
      algorithm: 'PS256',
    });
    expect(trustedIssuer?.publicKey.equals(rsa)).toBe(true);
  });

  it('gets an encrypted but unverified connection by DATABASE_TLS=require', () => {
    expect(readConfig({ DATABASE_TLS: 'require' }).database.tls).toEqual({ rejectUnauthorized: false });
  });
});

describe('an operator in production', () => {
  it('is told every setting that is missing', () => {
    const faults = faultsOf({ NODE_ENV: 'production' });
    expect(faults).toEqual(['DATABASE_URL', 'TOKEN_ISSUER', 'TOKEN_PUBLIC_KEY']);
  });

  it('needs no more than the database and an issuer with its key', () => {
    expect(readConfig(PRODUCTION)).toMatchObject({ isProduction: true, logLevel: 'info' });
  });
});

describe('an operator who sets something wrong', () => {
  it('is told every fault at once, each with its name', () => {
    const faults = faultsOf({
      NODE_ENV: 'production',
      PORT: '65536',
      DATABASE_URL: 'mysql://db.example.com/countersign',
      DATABASE_OWNER_URL: 'db.example.com',
      DATABASE_POOL_SIZE: '0',
      DATABASE_TLS: 'maybe',
      DATABASE_CA_FILE: join(folder, 'absent.pem'),
      DATABASE_PREPARED_STATEMENTS: 'sometimes',
      TOKEN_ALGORITHM: 'HS256',
      TOKEN_PUBLIC_KEY: pem(rsa),
      CORS_ORIGINS: '*',
      PLAYGROUND: 'maybe',
      LOG_LEVEL: 'loud',
    });
    expect(faults.sort()).toEqual(
      [
        ...['PORT', 'DATABASE_URL', 'DATABASE_OWNER_URL', 'DATABASE_POOL_SIZE', 'DATABASE_TLS'],
        ...[
          'DATABASE_CA_FILE',
          'DATABASE_PREPARED_STATEMENTS',
          'TOKEN_ALGORITHM',
          'CORS_ORIGINS',
          'PLAYGROUND',
          'LOG_LEVEL',
        ],
        'TOKEN_ISSUER',
      ].sort(),
    );
  });

  it('finds every fault in the one message', () => {
    const { message, faults } = errorOf({ PORT: 'http', LOG_LEVEL: 'loud' });
    expect(faults).toHaveLength(2);
    for (const fault of faults) expect(message).toContain(fault);
  });

  it.each([
    ['PORT', '-1'],
    ['PORT', '80.5'],
    ['PORT', '4000x'],
    ['DATABASE_POOL_SIZE', '1001'],
    ['DATABASE_POOL_SIZE', 'many'],
    ['DATABASE_URL', 'http://db.example.com'],
    ['DATABASE_CA_FILE', '/there/is/no/such/file'],
    ['CORS_ORIGINS', 'app.example.com'],
    ['CORS_ORIGINS', 'https://app.example.com/'],
    ['CORS_ORIGINS', 'https://app.example.com/path'],
    ['CORS_ORIGINS', 'https://good.example.com,https://*.example.com/x'],
    ['TRUST_PROXY', 'the-load-balancer'],
    ['TRUST_PROXY', '10.0.0.0/99'],
    ['NODE_ENV', 'prod'],
  ])('is told that %s cannot be %s', (name, value) => {
    expect(faultsOf({ [name]: value })).toEqual([name]);
  });
});

describe('the key of an issuer', () => {
  it('can stand in the setting, with its line breaks written as \\n', () => {
    const config = readConfig({ ...ISSUER, TOKEN_PUBLIC_KEY: pem(rsa).replaceAll('\n', '\\n') });
    expect(config.trustedIssuer).toMatchObject({
      audience: 'countersign',
      audienceClaim: 'aud',
      algorithm: 'RS256',
    });
    expect(config.trustedIssuer?.publicKey.equals(rsa)).toBe(true);
  });

  it('can stand in a file', () => {
    const path = join(folder, 'key.pem');
    writeFileSync(path, pem(p256));
    const config = readConfig({ ...ISSUER, TOKEN_PUBLIC_KEY: path, TOKEN_ALGORITHM: 'ES256' });
    expect(config.trustedIssuer?.algorithm).toBe('ES256');
    expect(config.trustedIssuer?.publicKey.equals(p256)).toBe(true);
  });

  it.each([
    ['an RSA key of 1,024 bits', 'RS256', pem(shortRsa)],
    ['an RSA key of 1,024 bits', 'PS256', pem(shortRsa)],
    ['an RSA key', 'ES256', pem(rsa)],
    ['an elliptic curve key', 'RS256', pem(p256)],
    ['an elliptic curve key', 'PS256', pem(p256)],
    ['a key of another curve', 'ES256', pem(p384)],
    ['an Ed25519 key', 'RS256', pem(ed25519)],
    ['a private key', 'RS256', pem(rsa).replaceAll('PUBLIC', 'PRIVATE')],
    ['a torn key', 'RS256', pem(rsa).slice(0, 100)],
    ['a file that is not there', 'RS256', '/there/is/no/such/key.pem'],
  ])('is refused where it is %s for %s', (_what, algorithm, key) => {
    const settings = { ...ISSUER, TOKEN_ALGORITHM: algorithm, TOKEN_PUBLIC_KEY: key };
    expect(faultsOf(settings)).toEqual(['TOKEN_PUBLIC_KEY']);
  });

  it('is missed where only the issuer is named, and the issuer where only a key is given', () => {
    expect(faultsOf(ISSUER)).toEqual(['TOKEN_PUBLIC_KEY']);
    expect(faultsOf({ TOKEN_PUBLIC_KEY: pem(rsa) })).toEqual(['TOKEN_ISSUER']);
  });

  it('is checked in the same breath as everything else', () => {
    const settings = { ...ISSUER, TOKEN_PUBLIC_KEY: pem(shortRsa), PORT: 'http' };
    expect(faultsOf(settings).sort()).toEqual(['PORT', 'TOKEN_PUBLIC_KEY']);
  });
});

function pem(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

function errorOf(variables: Record<string, string>): ConfigError {
  try {
    readConfig(variables);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('The settings were taken');
}

/** The names of the settings that are told to be missing or wrong. */
function faultsOf(variables: Record<string, string>): string[] {
  return errorOf(variables).faults.map((fault) => fault.slice(0, fault.indexOf(':')));
}
