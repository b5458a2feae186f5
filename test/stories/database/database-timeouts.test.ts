import { Sealer } from '../../../src/audit/sealer';
import { LogKey, openDevelopmentLogKey } from '../../../src/audit/log-key';
import { makeLogger } from '../../../src/observability/logger';
import { Database } from '../../../src/persistence/sql/database';
import { APPLICATION_TIMEOUTS, ensureTimeouts } from '../../../src/persistence/connections/timeouts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asSuperuser, cloneDatabase, setting, type TestDatabase } from '../../support/database';
import { makeLine, type Line } from '../../support/line';

/** No statement, wait for a lock or idle transaction of a login lasts for ever. */
let clone: TestDatabase;
const role = `countersign_bounds_${String(process.pid)}`;
const said: string[] = [];

beforeAll(async () => {
  clone = await cloneDatabase();
  await asSuperuser(`CREATE ROLE ${role} LOGIN PASSWORD 'bounds'`);
});
afterAll(async () => {
  await clone.drop();
  await asSuperuser(`DROP ROLE ${role}`);
});

async function asRole<T>(work: (database: Database) => Promise<T>): Promise<T> {
  const url = new URL(clone.directUrl);
  url.username = role;
  url.password = 'bounds';
  const database = await new Database({
    ...{ url: url.href, poolSize: 2, tls: false as const, preparedStatements: true },
  }).connect();
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

function ownerThrough(line: Line, onStatement: () => void = () => undefined): Promise<Database> {
  return new Database({
    ...{ url: line.url, poolSize: 2, tls: false as const, preparedStatements: false, answerTimeout: null },
    onStatement,
  }).connect();
}

function isActive({ status }: Sealer): boolean {
  return status.isActive;
}

function logKey(): LogKey {
  return new LogKey('test.example', openDevelopmentLogKey(setting('TEST_DATA_DIR')));
}

async function boundsOf(database: Database): Promise<Record<string, string>> {
  const rows = await database.query<{ name: string; value: string }>(
    {
      name: 'bounds',
      text: 'SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name',
    },
    [Object.keys(APPLICATION_TIMEOUTS)],
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

describe('an operator whose login has no timeouts', () => {
  const inDatabase = (): string => `ROLE ${role} IN DATABASE ${new URL(clone.ownerUrl).pathname.slice(1)}`;
  beforeEach(async () => {
    said.length = 0;
    await asSuperuser(`ALTER ${inDatabase()} RESET ALL`);
  });

  it('finds them set once the gateway has started, by several processes at once, and gets no warning', async () => {
    const bounds = await Promise.all(
      [1, 2, 3].map(() =>
        asRole(async (database) => {
          await ensureTimeouts(database, APPLICATION_TIMEOUTS, (line) => said.push(line));
          return boundsOf(database);
        }),
      ),
    );
    // All agree with the table; the settings are the login's, so that a pooler passes them on.
    for (const bound of bounds) expect(bound).toEqual(APPLICATION_TIMEOUTS);
    expect(await asRole(boundsOf)).toEqual(APPLICATION_TIMEOUTS);
    expect(said).toEqual([]);
  });

  it('keeps their own settings', async () => {
    await asSuperuser(`ALTER ${inDatabase()} SET statement_timeout = '40s'`);
    await asRole((database) => ensureTimeouts(database, APPLICATION_TIMEOUTS, (line) => said.push(line)));
    expect(await asRole(boundsOf)).toEqual({ ...APPLICATION_TIMEOUTS, statement_timeout: '40s' });
    expect(said).toEqual([]);
  });

  it('is told which command to run where the gateway cannot set them, and it works', async () => {
    await asSuperuser(`ALTER ${inDatabase()} SET default_transaction_read_only = on`);
    await asRole((database) => ensureTimeouts(database, APPLICATION_TIMEOUTS, (line) => said.push(line)));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('has no statement_timeout, lock_timeout, idle_in_transaction_session_timeout');
    const command = /Run as an administrator: (ALTER .*;) and,/.exec(said[0] ?? '')?.[1];
    await asSuperuser(command ?? '');
    expect(await asRole(boundsOf)).toEqual(APPLICATION_TIMEOUTS);
  });
});

it("the application's login has timeouts, and the owner's too", async () => {
  expect(await boundsOf(clone.application)).toEqual(APPLICATION_TIMEOUTS);
  expect(Object.values(await boundsOf(clone.owner))).toEqual(['15min', '1min', '5min']);
});

describe('a sealer whose connection goes silent', () => {
  it('stops when it is told to', async () => {
    const line = await makeLine(clone.ownerUrl);
    const folder = mkdtempSync(join(tmpdir(), 'countersign-archive-'));
    let asked = 0;
    const database = await ownerThrough(line, () => (asked += 1));
    const sealer = new Sealer({ database, key: logKey(), archiveFolder: folder, log: makeLogger('silent') });
    sealer.start();
    while (!isActive(sealer)) await new Promise(setImmediate);
    line.freeze('all');
    const before = asked;
    while (asked === before) await new Promise(setImmediate);
    await sealer.stop();
    await database.close();
    line.thaw();
    await line.cut();
    rmSync(folder, { recursive: true });
  });

  it('gives it up, and seals again over another one', async () => {
    const line = await makeLine(clone.ownerUrl);
    const folder = mkdtempSync(join(tmpdir(), 'countersign-archive-'));
    const database = await ownerThrough(line);
    const sealer = new Sealer({
      ...{ database, key: logKey(), archiveFolder: folder, log: makeLogger('silent') },
      answerTimeout: 1_000,
    });
    sealer.start();
    while (!isActive(sealer)) await new Promise(setImmediate);
    line.freeze('those there');
    while (isActive(sealer)) await new Promise(setImmediate);
    // What the server does by itself once the session was idle for half a minute.
    await clone.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database
       WHERE locktype = 'advisory' AND granted AND datname = current_database()`,
    );
    while (!isActive(sealer)) await new Promise(setImmediate);
    await sealer.stop();
    await database.close();
    await line.cut();
    rmSync(folder, { recursive: true });
  });

  it('has timeouts for its session, so that the server lets another one lead', async () => {
    const line = await makeLine(clone.ownerUrl);
    const folder = mkdtempSync(join(tmpdir(), 'countersign-archive-'));
    const settings: unknown[] = [];
    const database = await ownerThrough(line);
    const session = database.session.bind(database);
    // The settings of the sealer's own session can be read in that session only.
    database.session = async (...args) => {
      const own = await session(...args);
      return {
        ...own,
        query: async (statement, values) => {
          const rows = await own.query<never>(statement, values);
          if (statement.name === 'try_lead')
            settings.push(
              ...(await own.query(
                {
                  name: 'own_settings',
                  text: `SELECT current_setting('idle_session_timeout') AS idle, current_setting('statement_timeout') AS statement`,
                },
                [],
              )),
            );
          return rows;
        },
      };
    };
    const sealer = new Sealer({ database, key: logKey(), archiveFolder: folder, log: makeLogger('silent') });
    sealer.start();
    while (!isActive(sealer)) await new Promise(setImmediate);
    expect(settings[0]).toEqual({ idle: '30s', statement: '15s' });
    await sealer.stop();
    await database.close();
    await line.cut();
    rmSync(folder, { recursive: true });
  });
});
