import { createSecretKey, generateKeyPairSync, KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { ConfigError, readConfig, type Config } from '../src/config';
import { noteKeyText } from '../src/domain/signed-note';
import { keyFault, type VerificationKey } from '../src/http/verification-key';

/** The environment as the gateway reads it: the defaults, and all faults at once. */
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
      trustedIssuers: [],
      auditLog: {
        name: 'countersign',
        signingKey: null,
        earlierKeys: [],
        archiveFolder: join(process.cwd(), '.data', 'audit-checkpoints'),
      },
      corsOrigins: [],
      trustProxy: [],
      rateLimitPerMinute: null,
      maxPendingActions: 10_000,
      load: { eventLoopDelay: null, memory: null },
      requestTimeout: 30_000,
      shutdown: { delay: 5_000, timeout: 20_000 },
      requestLog: false,
      playground: true,
      logLevel: 'warn',
    });
  });

  it('gets the same from settings that are present and empty', () => {
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

  it('has a configuration that nothing can change afterwards', () => {
    expect(Object.isFrozen(readConfig({}))).toBe(true);
  });
});

describe('an operator who sets everything', () => {
  it('gets every setting as it was set', () => {
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
      TOKEN_AUDIENCE: 'approvals, approvals-cli',
      TOKEN_AUDIENCE_CLAIM: 'client_id',
      TOKEN_SUBJECT_CLAIM: 'username',
      TOKEN_REQUIRED_CLAIMS: 'token_use=access,tier=gold',
      TOKEN_USER_ID_CLAIM: 'db_user_id',
      TOKEN_ORGANIZATION_ID_CLAIM: 'db_org_id',
      TOKEN_ALGORITHM: 'PS256',
      CORS_ORIGINS: ' https://app.example.com , http://localhost:3000,',
      TRUST_PROXY: '10.0.0.0/8, 192.168.1.1',
      RATE_LIMIT_PER_MINUTE: '600',
      MAX_PENDING_ACTIONS: 'off',
      SHED_EVENT_LOOP_DELAY: '250',
      SHED_MEMORY: '2048',
      REQUEST_TIMEOUT: '5',
      SHUTDOWN_DELAY: '0',
      SHUTDOWN_TIMEOUT: '60',
      REQUEST_LOG: 'off',
      AUDIT_LOG_NAME: 'log.example.com',
      AUDIT_SIGNING_KEY: signing.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      AUDIT_EARLIER_KEYS: noteKeyText({ name: 'old.example.com', publicKey: signing.publicKey }),
      AUDIT_ARCHIVE_DIR: '/var/lib/checkpoints',
      PLAYGROUND: 'off',
      LOG_LEVEL: 'debug',
    });
    const { trustedIssuers, dataDir, auditLog, ...rest } = config;
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
      rateLimitPerMinute: 600,
      maxPendingActions: null,
      load: { eventLoopDelay: 250, memory: 2048 },
      requestTimeout: 5_000,
      shutdown: { delay: 0, timeout: 60_000 },
      requestLog: false,
      playground: false,
      logLevel: 'debug',
    });
    expect(trustedIssuers).toEqual([
      {
        issuer: ISSUER.TOKEN_ISSUER,
        audiences: ['approvals', 'approvals-cli'],
        claims: {
          audience: 'client_id',
          subject: 'username',
          required: { token_use: 'access', tier: 'gold' },
          ids: { user: 'db_user_id', organization: 'db_org_id' },
        },
        keys: { kid: null, algorithm: 'PS256', key: expect.any(KeyObject) as unknown },
        organizationId: null,
      },
    ]);
    expect(keyOf(config)?.key.equals(rsa)).toBe(true);
  });

  it('gets an encrypted but unverified connection with DATABASE_TLS=require', () => {
    expect(readConfig({ DATABASE_TLS: 'require' }).database.tls).toEqual({ rejectUnauthorized: false });
  });
});

describe('an operator in production', () => {
  it('is told every missing setting', () => {
    const faults = faultsOf({ NODE_ENV: 'production' });
    expect(faults).toEqual(['DATABASE_URL', 'TOKEN_ISSUER', 'TOKEN_PUBLIC_KEY']);
  });

  it('needs only the database and an issuer with its key', () => {
    expect(readConfig(PRODUCTION)).toMatchObject({
      isProduction: true,
      logLevel: 'info',
      rateLimitPerMinute: 1_200,
      load: { eventLoopDelay: 1_000, memory: null },
    });
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
      RATE_LIMIT_PER_MINUTE: '5',
      SHED_EVENT_LOOP_DELAY: '1s',
      SHED_MEMORY: '-1',
      REQUEST_TIMEOUT: '0',
      SHUTDOWN_DELAY: '-1',
      SHUTDOWN_TIMEOUT: '0',
      REQUEST_LOG: 'loud',
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
        ...['RATE_LIMIT_PER_MINUTE', 'SHED_EVENT_LOOP_DELAY', 'SHED_MEMORY', 'REQUEST_TIMEOUT'],
        ...['SHUTDOWN_DELAY', 'SHUTDOWN_TIMEOUT', 'REQUEST_LOG'],
        'TOKEN_ISSUER',
      ].sort(),
    );
  });

  it('finds every fault in one message', () => {
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
  it('can be in the setting, with its line breaks written as \\n', () => {
    const config = readConfig({ ...ISSUER, TOKEN_PUBLIC_KEY: pem(rsa).replaceAll('\n', '\\n') });
    expect(config.trustedIssuers).toMatchObject([
      {
        audiences: ['countersign'],
        claims: { audience: 'aud', subject: 'sub', required: {}, ids: null },
        keys: { algorithm: 'RS256' },
      },
    ]);
    expect(keyOf(config)?.key.equals(rsa)).toBe(true);
  });

  it('can be in a file', () => {
    const path = join(folder, 'key.pem');
    writeFileSync(path, pem(p256));
    const config = readConfig({ ...ISSUER, TOKEN_PUBLIC_KEY: path, TOKEN_ALGORITHM: 'ES256' });
    expect(keyOf(config)?.algorithm).toBe('ES256');
    expect(keyOf(config)?.key.equals(p256)).toBe(true);
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

  it('is missing where only the issuer is named, and the issuer where only a key is given', () => {
    expect(faultsOf(ISSUER)).toEqual(['TOKEN_PUBLIC_KEY']);
    expect(faultsOf({ TOKEN_PUBLIC_KEY: pem(rsa) })).toEqual(['TOKEN_ISSUER']);
  });

  it('is checked together with everything else', () => {
    const settings = { ...ISSUER, TOKEN_PUBLIC_KEY: pem(shortRsa), PORT: 'http' };
    expect(faultsOf(settings).sort()).toEqual(['PORT', 'TOKEN_PUBLIC_KEY']);
  });
});

describe('an operator whose issuer publishes its keys', () => {
  const JWKS = { TOKEN_JWKS_URL: 'https://login.example.com/jwks' };

  it('names their address instead of a key', () => {
    const [issuer] = readConfig({ ...ISSUER, ...JWKS }).trustedIssuers;
    expect(issuer?.keys).toEqual({ uri: JWKS.TOKEN_JWKS_URL, algorithms: ['RS256', 'PS256', 'ES256'] });
    const [strict] = readConfig({ ...ISSUER, ...JWKS, TOKEN_ALGORITHM: 'ES256' }).trustedIssuers;
    expect(strict?.keys).toMatchObject({ algorithms: ['ES256'] });
  });

  it('is told to choose one of the two', () => {
    expect(faultsOf({ ...ISSUER, ...JWKS, TOKEN_PUBLIC_KEY: pem(rsa) })).toEqual(['TOKEN_PUBLIC_KEY']);
  });

  it.each(['http://login.example.com/jwks', 'login.example.com/jwks', 'file:///etc/keys.json'])(
    'is told that %s is open to impersonation',
    (url) => {
      expect(faultsOf({ ...ISSUER, TOKEN_JWKS_URL: url })).toEqual(['TOKEN_JWKS_URL']);
    },
  );

  it.each(['http://localhost:8080/jwks', 'http://127.0.0.1:9000/jwks', 'http://[::1]/jwks'])(
    'can use an issuer on the same machine, at %s',
    (url) => {
      expect(readConfig({ ...ISSUER, TOKEN_JWKS_URL: url }).trustedIssuers).toHaveLength(1);
    },
  );
});

describe('an operator with several issuers', () => {
  const keycloak = {
    issuer: 'https://sso.example.com/realms/acme',
    jwksUrl: 'https://sso.example.com/realms/acme/protocol/openid-connect/certs',
  };
  const cognito = {
    issuer: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE',
    jwksUrl: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE/.well-known/jwks.json',
    audience: ['web-client', 'cli-client'],
    audienceClaim: 'client_id',
    requiredClaims: { token_use: 'access' },
    userIdClaim: 'db_user_id',
    organizationIdClaim: 'db_org_id',
    organization: 2,
  };

  it('lists them as JSON, in the setting or in a file, with or without the single one', () => {
    const json = JSON.stringify([keycloak, cognito]);
    const path = join(folder, 'issuers.json');
    writeFileSync(path, json);
    const both = readConfig({ TOKEN_ISSUERS: json }).trustedIssuers;
    expect(both.map(({ issuer }) => issuer)).toEqual([keycloak.issuer, cognito.issuer]);
    expect(both[1]).toEqual({
      issuer: cognito.issuer,
      audiences: ['web-client', 'cli-client'],
      claims: {
        audience: 'client_id',
        subject: 'sub',
        required: { token_use: 'access' },
        ids: { user: 'db_user_id', organization: 'db_org_id' },
      },
      keys: { uri: cognito.jwksUrl, algorithms: ['RS256', 'PS256', 'ES256'] },
      organizationId: 2,
    });
    expect(readConfig({ TOKEN_ISSUERS: path }).trustedIssuers).toEqual(both);
    expect(readConfig({ ...PRODUCTION, TOKEN_ISSUERS: path }).trustedIssuers).toHaveLength(3);
    const { NODE_ENV, DATABASE_URL } = PRODUCTION;
    expect(readConfig({ NODE_ENV, DATABASE_URL, TOKEN_ISSUERS: json }).trustedIssuers).toEqual(both);
  });

  it('is told every fault of each, with its place', () => {
    const list = [
      { ...keycloak, jwksUrl: 'http://sso.example.com', algorithm: 'HS256' },
      { ...cognito, organizationIdClaim: undefined, audience: [], issuer: undefined },
      { issuer: 'https://third.example', publicKey: pem(shortRsa) },
      { issuer: 'https://fourth.example', secret: 'hush' },
      'https://fifth.example',
    ];
    const { faults } = errorOf({ TOKEN_ISSUERS: JSON.stringify(list), PORT: 'http' });
    for (const fault of [
      'PORT: ',
      'TOKEN_ISSUERS: 0.jwksUrl: ',
      'TOKEN_ISSUERS: 0.algorithm: ',
      'TOKEN_ISSUERS: 1.issuer: is required',
      'TOKEN_ISSUERS: 1.audience: ',
      'TOKEN_ISSUERS: 2.publicKey: an RSA key needs 2048 bits',
      'TOKEN_ISSUERS: 3: ',
      'TOKEN_ISSUERS: 3.publicKey: either this or TOKEN_ISSUERS: 3.jwksUrl is required',
      'TOKEN_ISSUERS: 4: ',
    ])
      expect(faults).toContainEqual(expect.stringContaining(fault));
    expect(faultsOf({ TOKEN_ISSUERS: JSON.stringify([{ ...cognito, userIdClaim: undefined }]) })).toEqual([
      'TOKEN_ISSUERS',
    ]);
  });

  it.each([
    ['names an issuer twice', JSON.stringify([keycloak, keycloak])],
    ['is an object', JSON.stringify(keycloak)],
    ['is torn', '[{"issuer":'],
    ['is in a file that is not there', '/there/is/no/such/issuers.json'],
  ])('is told that a list %s', (_what, setting) => {
    expect(faultsOf({ TOKEN_ISSUERS: setting })).toContain('TOKEN_ISSUERS');
  });
});

describe('a secret', () => {
  const secret = 'x'.repeat(64);

  it('is refused at the start, weak or strong: a verifier that holds it could sign with it', () => {
    for (const algorithm of ['HS256', 'HS384', 'HS512', 'none'])
      expect(faultsOf({ ...ISSUER, TOKEN_PUBLIC_KEY: pem(rsa), TOKEN_ALGORITHM: algorithm })).toEqual([
        'TOKEN_ALGORITHM',
      ]);
    expect(faultsOf({ ...ISSUER, TOKEN_PUBLIC_KEY: secret })).toEqual(['TOKEN_PUBLIC_KEY']);
  });

  it.each([
    ['HS256', 31],
    ['HS384', 47],
    ['HS512', 63],
  ] as const)('of %s is weak with %d bytes, and not with one more', (algorithm, bytes) => {
    expect(keyFault(createSecretKey(Buffer.alloc(bytes)), algorithm)).toMatch(/bits or more/);
    expect(keyFault(createSecretKey(Buffer.alloc(bytes + 1)), algorithm)).toBeNull();
  });
});

/** The configured key of the only issuer. */
function keyOf({ trustedIssuers: [issuer] }: Config): VerificationKey | undefined {
  return issuer !== undefined && 'key' in issuer.keys ? issuer.keys : undefined;
}

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

/** The names of the settings that are reported as missing or invalid. */
function faultsOf(variables: Record<string, string>): string[] {
  return errorOf(variables).faults.map((fault) => fault.slice(0, fault.indexOf(':')));
}
