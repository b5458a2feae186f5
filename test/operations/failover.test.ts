import { execFileSync, type ExecFileSyncOptions } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { developmentSubject, openDevelopmentIssuer } from '../../src/http/development-issuer';
import { Database } from '../../src/persistence/sql/database';
import { addDemoData } from '../../src/persistence/install/demo-data';
import { migrate } from '../../src/persistence/install/migrate';
import { SCHEMA } from '../../src/persistence/install/schema';
import { Provisioning } from '../../src/persistence/install/provisioning.store';
import { RollbackGuard } from '../../src/persistence/rollback/guard';
import { OPERATOR, setting, type TestDatabase } from '../support/database';
import { startGateway } from '../support/gateway';

/**
 * A standby that lagged is promoted: the gateway notices what it lost. Needs the programs of Debian's PostgreSQL 15.
 */
const BINARIES = '/usr/lib/postgresql/15/bin';
const hasPrograms = existsSync(join(BINARIES, 'pg_basebackup'));
if (!hasPrograms) process.stdout.write(`skipped: there is no PostgreSQL 15 in ${BINARIES}\n`);

/** As root, PostgreSQL runs as the user that its package created. */
const asServer: ExecFileSyncOptions =
  process.getuid?.() === 0
    ? { uid: idOf('-u'), gid: idOf('-g'), cwd: tmpdir(), stdio: 'pipe' }
    : { stdio: 'pipe' };

function idOf(which: '-u' | '-g'): number {
  return hasPrograms ? Number(execFileSync('id', [which, 'postgres']).toString()) : 0;
}

let folder: string;
let port: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-failover-'));
  chmodSync(folder, 0o755);
  if (asServer.uid !== undefined) chownSync(folder, asServer.uid, asServer.gid ?? 0);
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  ({ port } = server.address() as AddressInfo);
  await new Promise((resolve) => server.close(resolve));
});
afterAll(() => {
  for (const name of ['primary', 'standby'])
    try {
      run('pg_ctl', 'stop', '-m', 'immediate', '-D', join(folder, name));
    } catch {
      // It was stopped by the test.
    }
  rmSync(folder, { recursive: true });
});

function run(program: string, ...args: string[]): void {
  execFileSync(join(BINARIES, program), args, asServer);
}

function startServer(name: string): void {
  const options = `-p ${String(port)} -k ${folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=40`;
  run('pg_ctl', 'start', '-w', '-D', join(folder, name), '-o', options, '-l', join(folder, `${name}.log`));
}

const urlOf = (login: string, database: string): string =>
  `postgresql://${login}@127.0.0.1:${String(port)}/${database}`;

const open = (url: string, guard?: RollbackGuard): Promise<Database> =>
  new Database({
    url,
    poolSize: 3,
    tls: false,
    preparedStatements: false,
    schema: SCHEMA,
    ...(guard && { guard }),
  }).connect();

(hasPrograms ? it : it.skip)(
  'a standby that lagged by five decisions is refused as soon as it is promoted and reached',
  async () => {
    run('initdb', '-D', join(folder, 'primary'), '-U', 'super', '--auth', 'trust');
    startServer('primary');
    const superuser = await open(urlOf('super', 'postgres'));
    for (const text of [
      'CREATE ROLE countersign_owner LOGIN',
      'CREATE ROLE countersign_app LOGIN',
      'CREATE DATABASE countersign OWNER countersign_owner',
    ])
      await superuser.query({ name: 'set_up', text }, []);
    await superuser.close();
    const ownerUrl = urlOf('countersign_owner', 'countersign');
    const owner = await open(ownerUrl);
    await migrate(owner, 'countersign_app');
    const provisioning = new Provisioning(owner, OPERATOR);
    await addDemoData(owner, provisioning);
    const { issuer } = openDevelopmentIssuer(setting('TEST_DATA_DIR')).trusted;
    for (const id of [4, 42])
      await provisioning.ensureIdentity(id, { issuer, subject: developmentSubject(id) });

    const guard = new RollbackGuard({ folder: join(folder, 'archive'), remembered: 8, say: () => undefined });
    const applicationUrl = urlOf('countersign_app', 'countersign');
    const application = await open(applicationUrl, guard);
    await guard.compare(application);
    guard.watch(application);
    const database: TestDatabase = {
      owner,
      application,
      ownerUrl,
      applicationUrl,
      directUrl: applicationUrl,
      statements: [],
      sql: (text, values = []) => owner.query({ name: 'test', text }, values),
      drop: () => Promise.resolve(),
    };
    const gateway = await startGateway({ database, guard });
    const approve = async (id: number): Promise<number> =>
      (await gateway.rest('POST', `/api/v1/actions/${String(id)}/approve`, { user: 42 })).status;

    expect(await approve(12345)).toBe(200);
    run('pg_basebackup', '-d', urlOf('super', 'postgres'), '-D', join(folder, 'standby'), '-R', '-c', 'fast');
    for (const id of [12346, 12347, 12348, 12349, 12352]) expect(await approve(id)).toBe(200);
    run('pg_ctl', 'stop', '-m', 'immediate', '-D', join(folder, 'primary'));
    startServer('standby');
    run('pg_ctl', 'promote', '-w', '-D', join(folder, 'standby'));

    while ((await gateway.rest('GET', '/readyz')).body.detail?.includes('audit:accept-rollback') !== true)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await approve(12347)).toBe(503);
    const submitted = await gateway.rest('POST', '/api/v1/actions/submit', {
      user: 4,
      body: { agent_id: 'agent', action_type: 'send_email', description: 'a letter', tool_name: 'smtp' },
    });
    expect([submitted.status, submitted.body.error_code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    expect((await gateway.rest('GET', '/api/v1/actions/12347', { user: 42 })).body.status).toBe(
      'pending_approval',
    );
    await gateway.close();
    await guard.close(application);
    await application.close();
    await owner.close();
  },
  120_000,
);
