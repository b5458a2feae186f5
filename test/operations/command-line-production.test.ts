import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sign } from 'jsonwebtoken';
import { Client } from 'pg';
import { developmentSubject, openDevelopmentIssuer } from '../../src/http/development-issuer';
import { setting, withDatabase } from '../support/database';
import { runCommand, runGateway, startProcess, stopAll, type Settings } from '../support/processes';

/** The gateway as it runs in production, on an empty PostgreSQL database (docs/configuration.md#variables). */
const ISSUER = 'https://login.example.com/';
/** An issuer that no setting trusts. */
const UNKNOWN_ISSUER = 'urn:countersign:development';
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const database = `production_${randomBytes(6).toString('hex')}`;
let scratch: string;
let settings: Settings;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'countersign-production-'));
  await chmod(scratch, 0o755);
  await superuser(`CREATE DATABASE ${database} OWNER countersign_owner`);
  const key = join(scratch, 'issuer.pem');
  await writeFile(key, publicKey.export({ type: 'spki', format: 'pem' }));
  settings = {
    NODE_ENV: 'production',
    PORT: '0',
    DATA_DIR: join(scratch, 'data'),
    DATABASE_URL: withDatabase(setting('TEST_APPLICATION_URL'), database),
    DATABASE_OWNER_URL: withDatabase(setting('TEST_OWNER_URL'), database),
    TOKEN_ISSUER: ISSUER,
    TOKEN_PUBLIC_KEY: key,
    AUDIT_SIGNING_KEY: generateKeyPairSync('ed25519')
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString(),
  };
});
afterAll(async () => {
  await stopAll();
  await superuser(`DROP DATABASE ${database} WITH (FORCE)`);
  await rm(scratch, { recursive: true, force: true });
});

describe('an operator in production', () => {
  it('who sets nothing correctly is told everything at once, and nothing is created', async () => {
    const dataDir = join(scratch, 'refused');
    const wrong = { NODE_ENV: 'production', DATA_DIR: dataDir, PORT: 'http', CORS_ORIGINS: '*' };
    const { code, stdout, stderr } = await runGateway(wrong);
    expect([code, stdout]).toEqual([1, expect.not.stringContaining('ready:')]);
    for (const name of ['DATABASE_URL', 'TOKEN_ISSUER', 'PORT', 'CORS_ORIGINS'])
      expect(stderr).toContain(`${name}:`);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(dataDir)).toBe(false);
  });

  it('who migrates from two places at once gets the schema created once', async () => {
    const both = await Promise.all([
      runCommand('migrate', [], settings),
      runCommand('migrate', [], settings),
    ]);
    for (const { code, stdout } of both) expect([code, stdout]).toEqual([0, '']);
    const { length: count } = readdirSync(join(__dirname, '..', '..', 'migrations'));
    const [nothing, migrated = ''] = both.map(({ stderr }) => stderr).sort();
    expect([nothing, migrated]).toEqual(['', expect.stringMatching(/^migrated: /)]);
    expect(migrated.split(', ')).toHaveLength(count);
    expect(await query('SELECT count(*)::int FROM migrations')).toEqual([{ count }]);
  });

  it('who names no owner is warned what append-only then depends on', async () => {
    const { DATABASE_OWNER_URL: owner = '', ...rest } = settings;
    const { code, stdout, stderr } = await runCommand('migrate', [], { ...rest, DATABASE_URL: owner });
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(/warning.*DATABASE_OWNER_URL.*triggers.*append-only/);
  });

  it('starts without demo data and without a development key', async () => {
    // A key that exists already, as in a folder that once served development, must not count either.
    const dataDir = join(scratch, 'once-development');
    const development = openDevelopmentIssuer(dataDir);
    const gateway = await startProcess({ ...settings, DATA_DIR: dataDir });
    expect(gateway.lines.join('\n')).not.toMatch(/demo|warning/);
    expect(await query('SELECT count(*)::int FROM organizations')).toEqual([{ count: 0 }]);

    const provision = async (...args: string[]) => {
      const { stdout, stderr } = await runCommand('provision', args, settings);
      expect(stdout).toMatch(/^\d+\n$/);
      expect(stderr).toBe(
        args.includes(UNKNOWN_ISSUER)
          ? `warning: no setting names the issuer ${UNKNOWN_ISSUER}, so its tokens are refused; configured: ${ISSUER}\n`
          : '',
      );
      return stdout.trim();
    };
    const organization = await provision('organization', '--name', 'Initech');
    const user = (name: string, issuer: string, subject: string) =>
      provision(
        ...['user', '--organization', organization, '--name', name, '--role', 'manager'],
        ...['--issuer', issuer, '--subject', subject],
      );
    const subject = developmentSubject(42);
    const [id] = await Promise.all([
      user('Ada', ISSUER, 'ada'),
      user('Eve', development.trusted.issuer, subject),
    ]);
    const viewer = async (token: string) => {
      const response = await fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: '{"query":"{ viewer { id name } }"}',
      });
      return { status: response.status, body: await response.json() };
    };
    const claims = { issuer: ISSUER, audience: 'countersign', subject: 'ada', expiresIn: 60 };
    const ada = await viewer(sign({}, privateKey, { algorithm: 'RS256', ...claims }));
    expect(ada).toEqual({ status: 200, body: { data: { viewer: { id, name: 'Ada' } } } });
    expect((await viewer(development.sign(subject, 60))).status).toBe(401);

    const token = await runCommand('token', ['--user', id], settings);
    expect([token.code, token.stdout]).toEqual([1, '']);
    expect(token.stderr).toContain('production');
    const before = await query('SELECT count(*)::int FROM audit_log');
    const reset = await runCommand('demo-reset', [], settings);
    expect([reset.code, reset.stdout, reset.stderr]).toEqual([1, '', expect.stringContaining('production')]);
    expect(await query('SELECT count(*)::int FROM audit_log')).toEqual(before);
    expect(existsSync(join(settings['DATA_DIR'] ?? '', 'development-token-key.pem'))).toBe(false);

    gateway.signal('SIGTERM');
    expect((await gateway.finished).code).toBe(0);
  });
});

async function superuser(text: string): Promise<void> {
  await on(setting('TEST_SUPERUSER_URL'), text);
}

function query(text: string): Promise<unknown[]> {
  return on(withDatabase(setting('TEST_OWNER_URL'), database), text);
}

async function on(connectionString: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}
