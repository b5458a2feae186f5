import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acceptRollback } from '../../src/audit/accept-rollback';
import { CheckpointFiles } from '../../src/audit/checkpoint-archive';
import { lastArchived } from '../../src/audit/archive-files';
import { splitNotes } from '../../src/audit/notes';
import { Sealer } from '../../src/audit/sealer';
import { openCheckpoint } from '../../src/domain/checkpoint';
import { makeLogger } from '../../src/observability/logger';
import { ArchivesStore } from '../../src/persistence/audit/archives.store';
import { TreeReads } from '../../src/persistence/audit/tree.reads';
import { Database } from '../../src/persistence/sql/database';
import { RollbackGuard } from '../../src/persistence/rollback/guard';
import { resetArchive } from '../../src/persistence/rollback/marks-folder';
import {
  asSuperuser,
  cloneDatabase,
  isPooled,
  OPERATOR,
  setting,
  type TestDatabase,
} from '../support/database';
import { startGateway, type Gateway } from '../support/gateway';
import { setUsers } from '../support/people';
import { runCommand, type Finished } from '../support/processes';
import { recordsInSnapshot, sealingOf, testLogKey, verdictOn, type Sealing } from '../support/sealed-log';

/** A database that was rolled back is refused until an operator accepts that, and no id is given twice. */
let database: TestDatabase;
let backup: TestDatabase;
let sealing: Sealing;
let said: string[];
const opened: { close: () => Promise<void> }[] = [];

beforeEach(async () => {
  [database, backup] = [await cloneDatabase(), await cloneDatabase()];
  const [row] = await database.sql<{ id: string }>('SELECT id::text FROM database_identity');
  // The older state of the same database.
  await backup.sql('UPDATE database_identity SET id = $1', [row?.id]);
  sealing = sealingOf(database);
  said = [];
});
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
  sealing.close();
  await database.drop();
  await backup.drop();
});

interface Guarded {
  readonly gateway: Gateway;
  readonly guard: RollbackGuard;
  readonly stop: () => Promise<void>;
}

/** A gateway whose database is guarded, as `npm start` does it. */
async function startGuarded(folder = sealing.folder): Promise<Guarded> {
  const on = database;
  const guard = guardIn(folder);
  const application = await new Database({
    url: on.applicationUrl,
    poolSize: 4,
    tls: false,
    preparedStatements: !isPooled(),
    guard,
  }).connect();
  await guard.compare(application);
  guard.watch(application);
  const gateway = await startGateway({ database: { ...on, application }, guard });
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    await gateway.close();
    await guard.close(application);
    await application.close();
  };
  opened.push({ close: stop });
  return { gateway, guard, stop };
}

const guardIn = (folder: string): RollbackGuard =>
  new RollbackGuard({ folder, remembered: 8, say: (line) => said.push(line) });

const marksIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.startsWith('marks-') && name.endsWith('.json'))
    .map((name) => ({ path: join(folder, name), size: statSync(join(folder, name)).size }));

const nameOf = ({ ownerUrl }: TestDatabase): string => new URL(ownerUrl).pathname.slice(1);

/** Puts the backup in the place of the database while gateways run: every connection is cut, the next ones reach it. */
async function restoreBackup(): Promise<void> {
  const [live, old] = [nameOf(database), nameOf(backup)];
  for (const name of [live, old]) {
    await asSuperuser(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await asSuperuser(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
  }
  await asSuperuser(`ALTER DATABASE ${live} RENAME TO ${live}_lost`);
  await asSuperuser(`ALTER DATABASE ${old} RENAME TO ${live}`);
  await asSuperuser(`ALTER DATABASE ${live}_lost RENAME TO ${old}`);
  for (const name of [live, old]) await asSuperuser(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
}

const submit = (gateway: Gateway, description: string) =>
  gateway.rest('POST', '/api/v1/actions/submit', {
    user: 4,
    body: { agent_id: 'agent', action_type: 'database_write', description, tool_name: 'sql' },
  });
const approve = (gateway: Gateway, id: number) =>
  gateway.rest('POST', `/api/v1/actions/${String(id)}/approve`, { user: 42 });

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Accepts the rollback as `npm run audit:accept-rollback` does beside this archive. */
async function accept(folder = sealing.folder, givenUp?: string): Promise<void> {
  const guard = guardIn(folder);
  const { ownerUrl: url } = database;
  const owner = await new Database({
    url,
    poolSize: 2,
    tls: false,
    preparedStatements: false,
    guard,
  }).connect();
  await acceptRollback({
    owner,
    guard,
    folder,
    key: testLogKey(),
    reason: 'the backup was restored',
    origin: OPERATOR,
    ...(givenUp !== undefined && { givenUp }),
  });
  await guard.close(owner);
  await owner.close();
}

/** Restores the backup, and waits until the gateway has noticed. */
async function rollBackUnder({ guard }: Guarded): Promise<void> {
  await restoreBackup();
  await until(() => guard.status.refusal !== null);
}

it("an agent never gets another one's approval: a restored backup is refused until an operator accepts it", async () => {
  const running = await startGuarded();
  const { gateway } = running;
  const lost = await submit(gateway, 'drop table customers');
  const lostId = lost.body.action_id as number;
  const decision = await approve(gateway, 12345);
  expect([lost.status, decision.status]).toEqual([200, 200]);
  await sealing.seal();
  await rollBackUnder(running);

  const refusal = { error_code: 'SERVICE_UNAVAILABLE', status: 503 };
  expect((await submit(gateway, 'read a page')).body).toMatchObject(refusal);
  expect((await approve(gateway, 12346)).body).toMatchObject(refusal);
  expect(
    (await gateway.rest('POST', '/api/v1/actions/bulk-approve', { user: 42, body: { action_ids: [12346] } }))
      .status,
  ).toBe(503);
  const ready = await gateway.rest('GET', '/readyz');
  expect([ready.status, ready.body.detail]).toEqual([503, expect.stringContaining('audit:accept-rollback')]);
  expect((await gateway.rest('GET', '/metrics')).text).toContain('countersign_database_refused 1');
  expect((await gateway.rest('GET', '/api/v1/actions/12346', { user: 42 })).status).toBe(200);
  const [untouched] = await database.sql(`SELECT status FROM actions WHERE id = 12346`);
  expect(untouched).toEqual({ status: 'pending_approval' });

  await accept();
  await until(() => running.guard.status.refusal === null);
  const next = await submit(gateway, 'read a page');
  expect(next.status).toBe(200);
  expect(next.body.action_id).toBeGreaterThan(lostId);
  expect((await approve(gateway, 12346)).status).toBe(200);
  expect((await gateway.rest('GET', `/api/v1/actions/${String(lostId)}/status`, { user: 4 })).status).toBe(
    404,
  );
  const [ids] = await database.sql<{ least: number }>(
    `SELECT min(id) AS least FROM audit_log WHERE action_type IN ('rollback_accepted', 'action_submitted', 'action_approved')`,
  );
  const [given] = await backup.sql<{ most: number }>('SELECT max(id) AS most FROM audit_log');
  expect(ids?.least).toBeGreaterThan(given?.most ?? Infinity);
  expect((await gateway.rest('GET', '/readyz')).status).toBe(200);
});

it('every gateway refuses a database that lost what only one of them wrote', async () => {
  const [writer, other] = [await startGuarded(), await startGuarded(join(sealing.folder, 'other'))];
  expect((await approve(writer.gateway, 12345)).status).toBe(200);
  await rollBackUnder(writer);
  await until(() => other.guard.status.refusal !== null);
  expect(other.guard.status.refusal).toContain('another process reported that');
  expect((await submit(other.gateway, 'read a page')).status).toBe(503);
  // A gateway that starts now knows nothing else of it.
  const { guard } = await startGuarded(join(sealing.folder, 'new'));
  expect(guard.status.refusal).toContain('another process reported that');

  await accept(join(sealing.folder, 'other'));
  for (const { guard, gateway } of [writer, other]) {
    await until(() => guard.status.refusal === null);
    expect((await submit(gateway, 'read a page')).status).toBe(200);
  }
});

it('a gateway that was stopped and starts on an older backup refuses it, sealed or not', async () => {
  const before = await startGuarded();
  expect((await approve(before.gateway, 12345)).status).toBe(200);
  await before.stop();
  await restoreBackup();
  const { gateway, guard } = await startGuarded();
  expect(guard.status.refusal).toContain('rolled back');
  expect((await approve(gateway, 12346)).status).toBe(503);
  expect((await gateway.rest('GET', '/readyz')).status).toBe(503);
});

it('a killed gateway starts again without an operator, and gives no id that it could have given before', async () => {
  const { gateway } = await startGuarded();
  const { body } = await submit(gateway, 'the first');
  // Killed: its file stays unchanged, and the database comes back without what nobody was told of.
  const folder = mkdtempSync(join(tmpdir(), 'countersign-archive-'));
  const marks = readdirSync(sealing.folder).filter((name) => name.startsWith('marks-'));
  for (const name of marks) {
    const kept = JSON.parse(readFileSync(join(sealing.folder, name), 'utf8')) as object;
    writeFileSync(join(folder, name), JSON.stringify({ ...kept, instance: 'of before', isClosed: false }));
  }
  const guard = guardIn(folder);
  const application = await new Database({
    url: database.applicationUrl,
    poolSize: 2,
    tls: false,
    preparedStatements: !isPooled(),
    guard,
  }).connect();
  await guard.compare(application);
  const restarted = await startGateway({ database: { ...database, application }, guard });
  const again = await submit(restarted, 'the second');
  expect(again.status).toBe(200);
  expect(again.body.action_id).toBeGreaterThan((body.action_id as number) + 900);
  await restarted.close();
  await guard.close(application);
  await application.close();
  rmSync(folder, { recursive: true });
});

it('a gateway that is killed again and again leaves marks that do not grow, and starts', async () => {
  const writer = await startGuarded();
  expect((await approve(writer.gateway, 12345)).status).toBe(200);
  await until(() => marksIn(sealing.folder).some(({ path }) => readFileSync(path, 'utf8').includes('[1,')));
  const before = marksIn(sealing.folder).map(({ size }) => size);
  // Killed before its first commit: it has taken over the marks of all before it, and closes nothing.
  for (let starts = 0; starts < 40; starts += 1) await guardIn(sealing.folder).compare(database.application);
  const after = marksIn(sealing.folder);
  expect(after).toHaveLength(before.length + 40);
  expect(Math.max(...after.map(({ size }) => size))).toBeLessThan(2 * Math.max(...before));

  // Nobody writes them any more.
  const earlier = new Date(Date.now() - 360_000);
  for (const { path } of after) utimesSync(path, earlier, earlier);
  await guardIn(sealing.folder).compare(database.application);
  expect(marksIn(sealing.folder)).toHaveLength(1);
  // The one that lives writes its own again.
  expect((await approve(writer.gateway, 12346)).status).toBe(200);
  await until(() => marksIn(sealing.folder).length === 2);
});

it('a gateway that is stopped and started again wastes no ids', async () => {
  const first = await startGuarded();
  const one = await submit(first.gateway, 'one');
  await first.stop();
  const second = await startGuarded();
  const two = await submit(second.gateway, 'two');
  expect(two.body.action_id).toBe((one.body.action_id as number) + 1);
  expect(readdirSync(sealing.folder).filter((name) => name.startsWith('marks-'))).toHaveLength(1);
});

it('a gateway does not use ids that it cannot reserve outside the database: 503 once the block is used up', async () => {
  const { gateway, guard } = await startGuarded();
  expect((await approve(gateway, 12345)).status).toBe(200);
  rmSync(sealing.folder, { recursive: true });
  writeFileSync(sealing.folder, 'no folder');
  expect((await approve(gateway, 12346)).status).toBe(200);
  await database.sql(`SELECT setval('audit_log_id_seq', 1000000), setval('action_id_seq', 1000000)`);
  expect((await approve(gateway, 12347)).status).toBe(503);
  expect((await submit(gateway, 'more')).status).toBe(503);
  await until(() => guard.status.reservationFailure !== null);
  expect((await gateway.rest('GET', '/readyz')).body).toMatchObject({ status: 'degraded' });
  rmSync(sealing.folder);
  mkdirSync(sealing.folder);
  await until(() => guard.status.reservationFailure === null);
  expect((await approve(gateway, 12347)).status).toBe(200);
});

it('a gateway refuses no decision after another program drew many ids, as seeding does', async () => {
  const { gateway } = await startGuarded();
  await database.sql(`SELECT setval('audit_log_id_seq', 5000000), setval('action_id_seq', 5000000)`);
  expect((await approve(gateway, 12345)).status).toBe(200);
  expect((await submit(gateway, 'more')).status).toBe(200);
});

it('a gateway undoes and repeats a transaction that ran out of reserved ids: bulks, and changes of users', async () => {
  const { gateway } = await startGuarded();
  let drawn = 1_000_000;
  const drawMany = () => database.sql(`SELECT setval('audit_log_id_seq', $1)`, [(drawn += 1_000_000)]);
  const bulk = (user: number, ids: readonly number[], more = {}, headers = {}) =>
    gateway.rest('POST', '/api/v1/actions/bulk-approve', {
      ...{ user, headers },
      body: { action_ids: ids, ...more },
    });
  await drawMany();
  const mixed = await bulk(42, [12345, 12346, 999_999]);
  expect(mixed.body).toMatchObject({ succeeded: 2, failed: 1 });
  const submitted = [await submit(gateway, 'one'), await submit(gateway, 'two')];
  const ids = submitted.map(({ body }) => body.action_id as number);
  await drawMany();
  const atomic = await bulk(1, ids, { mode: 'atomic' }, { 'idempotency-key': 'once' });
  expect(atomic.body).toMatchObject({ succeeded: 2 });
  await drawMany();
  await setUsers(gateway, 1, [4], { active: false });
  const entries = await database.sql<{ type: string; count: number }>(
    `SELECT action_type AS type, count(*) AS count FROM audit_log WHERE action_type <> 'action_submitted' AND id > 1000000
     GROUP BY 1 ORDER BY 1`,
  );
  expect(entries).toEqual([
    { type: 'action_approved', count: 4 },
    { type: 'user_changed', count: 1 },
  ]);
});

it('an auditor sees for ever that a rollback was accepted: an entry, and a checkpoint with both sizes and roots', async () => {
  const running = await startGuarded();
  await sealing.seal();
  const notes = (): readonly string[] =>
    splitNotes(readFileSync(join(sealing.folder, 'organization-1.checkpoints'), 'utf8'));
  expect((await approve(running.gateway, 12345)).status).toBe(200);
  await sealing.seal();
  const lost = openCheckpoint(notes().at(-1) ?? '', testLogKey().keys);
  await rollBackUnder(running);
  await expect(sealing.seal()).rejects.toThrow('was rolled back');
  await accept();
  await until(() => running.guard.status.refusal === null);
  await sealing.seal();
  const generations = notes()
    .map((note) => openCheckpoint(note, testLogKey().keys))
    .filter((checkpoint) => checkpoint?.generation !== undefined);
  expect(generations).toHaveLength(1);
  expect(generations[0]?.generation).toEqual({
    number: 1,
    abandonedSize: lost?.treeSize,
    abandonedRoot: lost?.rootHash,
  });
  const report = await verdictOn(await recordsInSnapshot(database));
  expect(report.faults).toEqual([]);
  expect(report.remarks.join('\n')).toMatch(/A rollback was accepted at/);
  const [entry] = await database.sql<{ reason: string; data: object }>(
    `SELECT reason, data FROM audit_log WHERE organization_id = 1 AND action_type = 'rollback_accepted'`,
  );
  expect(entry).toEqual({
    reason: 'the backup was restored',
    data: expect.objectContaining({
      generation: 1,
      abandoned_size: lost?.treeSize,
      abandoned_root: lost?.rootHash.toString('base64'),
    }) as object,
  });
});

it('an operator whose archive is damaged accepts with the same command: the file is set aside and created again', async () => {
  await sealing.seal();
  const path = join(sealing.folder, 'organization-1.checkpoints');
  const whole = readFileSync(path, 'utf8');
  writeFileSync(path, '');
  await accept();
  await sealing.seal();
  expect(readFileSync(path, 'utf8').startsWith(whole)).toBe(true);
  expect(readdirSync(sealing.folder).filter((name) => name.endsWith('.damaged'))).toHaveLength(1);
});

describe('a machine whose archive holds what the database lost while another machine sealed there', () => {
  let [ahead, other]: Sealing[] = [];
  const archive = (which: 'ahead' | 'other'): Sealing => (which === 'ahead' ? ahead : other) as Sealing;

  beforeEach(async () => {
    [ahead, other] = ['ahead', 'other'].map((name) => sealingOf(database, join(sealing.folder, name)));
    for (const { owner } of [database, backup])
      for (const which of ['ahead', 'other'] as const) {
        const [tree, archives] = [new TreeReads(owner), new ArchivesStore(owner)];
        const isLeading = (): Promise<boolean> => Promise.resolve(true);
        const files = { folder: archive(which).folder, tree, archives, keys: testLogKey().keys, isLeading };
        const id = await new CheckpointFiles(files).id();
        await owner.query({ name: 'known', text: KNOWN }, [id]);
      }
    await archive('ahead').seal();
  });

  const KNOWN =
    'INSERT INTO audit_archive (organization_id, archive_id, tree_size, length) SELECT id, $1, 0, 0 FROM organizations';

  /** Submits actions on a machine's gateway, which starts for them. */
  async function submitAt(which: 'ahead' | 'other', count: number): Promise<void> {
    const { gateway, stop } = await startGuarded(archive(which).folder);
    for (let action = 1; action <= count; action += 1)
      expect((await submit(gateway, `action ${String(action)}`)).status).toBe(200);
    await stop();
  }

  /** Restores the backup, which lacks what one machine sealed; another one seals other entries there. */
  async function loseAndSeal({ lost, sealed }: { lost: number; sealed: number }): Promise<void> {
    await submitAt('ahead', lost);
    await archive('ahead').seal();
    await restoreBackup();
    await submitAt('other', sealed);
    await archive('other').seal();
    await submitAt('other', 1);
    await expect(archive('ahead').seal()).rejects.toThrow('was rolled back');
  }

  /** Each machine seals, and compares its file from the beginning, as after a restart. */
  async function isServed(generation: number): Promise<void> {
    for (const which of ['ahead', 'other', 'ahead', 'other'] as const) {
      await submitAt(which, 1);
      expect(await archive(which).seal()).toBeGreaterThan(0);
    }
    const { faults, remarks } = await verdictOn(await recordsInSnapshot(database));
    expect([faults, remarks.join()]).toEqual([
      [],
      expect.stringContaining(`generation ${String(generation)} `),
    ]);
  }

  it.each([
    { lost: 6, sealed: 2, smaller: 'smaller than' },
    { lost: 3, sealed: 3, smaller: 'as large as' },
    { lost: 2, sealed: 6, smaller: 'larger than' },
  ])('serves after an operator accepts beside it, at a tree $smaller its own', async ({ lost, sealed }) => {
    await loseAndSeal({ lost, sealed });
    await accept(archive('ahead').folder);
    await isServed(1);
  });

  it('refuses on where an operator accepted beside the other archive, and serves once that is accepted here too', async () => {
    await loseAndSeal({ lost: 2, sealed: 6 });
    await accept(archive('other').folder);
    await expect(archive('ahead').seal()).rejects.toThrow('was rolled back');
    const held = openCheckpoint(lastArchived(archive('ahead').folder, 1) ?? '', testLogKey().keys);
    await accept(archive('ahead').folder);
    const [last] = await database.sql(
      'SELECT abandoned_size AS size FROM audit_generation WHERE organization_id = 1 ORDER BY generation DESC LIMIT 1',
    );
    expect(last).toEqual({ size: held?.treeSize });
    await isServed(2);
  });

  it('serves after the acceptance itself was lost with another restore, and that was accepted', async () => {
    await loseAndSeal({ lost: 3, sealed: 2 });
    await accept(archive('ahead').folder);
    await submitAt('ahead', 1);
    await archive('ahead').seal();
    await restoreBackup();
    const { guard, stop } = await startGuarded(archive('ahead').folder);
    expect(guard.status.refusal).toContain('does not know of a rollback that was accepted');
    await stop();
    await accept(archive('ahead').folder);
    // No generation is given twice either.
    await isServed(2);
  });

  it('refuses what an operator did not accept to lose, since this machine was away', async () => {
    await submitAt('ahead', 6);
    await archive('ahead').seal();
    await restoreBackup();
    await submitAt('other', 2);
    await archive('other').seal();
    await accept(archive('other').folder);
    await submitAt('other', 1);
    await expect(archive('ahead').seal()).rejects.toThrow('was rolled back');
    await accept(archive('ahead').folder);
    await isServed(2);
  });
});

describe('an operator who has two machines, each with its own archive, and restores an older backup', () => {
  let [newer, older] = ['', ''];
  beforeEach(() => {
    [newer, older] = [join(sealing.folder, 'newer'), join(sealing.folder, 'older')];
  });

  /** The machine that seals: its gateway, and the size and the action that are lost with the database. */
  async function loseWhatIsArchived(): Promise<{ running: Guarded; treeSize: number; actionId: number }> {
    const running = await startGuarded(newer);
    startSealer(newer, running);
    const actionId = (await submit(running.gateway, 'drop table customers')).body.action_id as number;
    expect((await approve(running.gateway, 12345)).status).toBe(200);
    await until(async () => (await database.sql('SELECT FROM audit_pending')).length === 0);
    const [sealed] = await database.sql<{ size: number }>(
      'SELECT max(tree_size) AS size FROM audit_checkpoint WHERE organization_id = 1',
    );
    const treeSize = sealed?.size ?? Infinity;
    await rollBackUnder(running);
    // On reaching the older database, it reports what it holds.
    await until(async () => (await told(treeSize)).length === 1);
    return { running, treeSize, actionId };
  }

  /** Starts the sealer of a gateway's process, with this archive. */
  function startSealer(folder: string, { guard }: Guarded): Sealer {
    const sealer = new Sealer({
      ...{ database: database.owner, key: testLogKey(), archiveFolder: folder },
      log: makeLogger('silent'),
      onRolledBack: (reason) => {
        guard.setArchiveFault(reason);
      },
    });
    sealer.start();
    opened.push({ close: () => sealer.stop() });
    return sealer;
  }

  const told = (treeSize: number) =>
    database.sql('SELECT FROM audit_archive WHERE organization_id = 1 AND tree_size = $1', [treeSize]);

  const newerId = (): string => {
    const { id } = JSON.parse(readFileSync(join(newer, 'archive.json'), 'utf8')) as { id: string };
    return id;
  };

  /** Runs the operator's command beside an archive. */
  const acceptBeside = (folder: string, ...more: readonly string[]): Promise<Finished> =>
    runCommand('accept-rollback', ['--reason', 'the backup was restored', ...more], {
      DATA_DIR: setting('TEST_DATA_DIR'),
      DATABASE_URL: database.applicationUrl,
      DATABASE_OWNER_URL: database.ownerUrl,
      AUDIT_LOG_NAME: 'test.example',
      AUDIT_ARCHIVE_DIR: folder,
    });

  const generations = () =>
    database.sql<{ abandoned: number }>(
      'SELECT abandoned_size AS abandoned FROM audit_generation WHERE organization_id = 1 ORDER BY generation',
    );

  it('is told beside the older archive where to accept that, and nothing is partly accepted', async () => {
    const { running, treeSize } = await loseWhatIsArchived();
    const refused = await acceptBeside(older);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toContain(`archive ${newerId()} of another machine`);
    expect(refused.stderr).toContain(`checkpoint of size ${String(treeSize)}`);
    expect(await generations()).toEqual([]);
    expect((await approve(running.gateway, 12346)).status).toBe(503);

    const accepted = await acceptBeside(newer);
    expect(accepted).toMatchObject({ code: 0, stdout: expect.stringContaining(`${String(treeSize)} had`) });
    await until(() => running.guard.status.refusal === null);
    expect((await approve(running.gateway, 12346)).status).toBe(200);
    // Nobody is warned again of what was abandoned.
    await accept(older);
    expect(await generations()).toEqual([{ abandoned: treeSize }, { abandoned: expect.any(Number) }]);
  });

  it('sees both machines refuse the backup although the one that seals knows nothing of what is lost', async () => {
    const { treeSize } = await loseWhatIsArchived();
    startSealer(older, await startGuarded(older));
    await until(
      async () => (await database.sql('SELECT FROM audit_archive WHERE organization_id = 1')).length === 2,
    );
    // The machine with the newer archive is away, and has not told of it yet.
    for (const one of opened.splice(0).reverse()) await one.close();
    await database.sql('UPDATE audit_archive SET tree_size = 0, length = 0');
    await database.sql('DELETE FROM rollback_report');
    const leading = await startGuarded(older);
    startSealer(older, leading);
    const isQuiet = async () => (await database.sql('SELECT FROM audit_pending')).length === 0;
    await until(isQuiet);
    expect((await approve(leading.gateway, 12345)).status).toBe(200);
    // Nothing happens in the organization any more that would have its archive compared.
    await until(isQuiet);

    const back = await startGuarded(newer);
    startSealer(newer, back);
    await until(() => back.guard.status.refusal !== null);
    expect((await approve(back.gateway, 12346)).status).toBe(503);
    await until(() => leading.guard.status.refusal !== null);
    const isOfBack = `checkpoint of size ${String(treeSize)} that archive ${newerId()} of another machine has held`;
    await until(() => said.some((line) => line.includes(isOfBack)));
    expect((await approve(leading.gateway, 12346)).status).toBe(503);

    await accept(newer);
    for (const { guard, gateway } of [leading, back]) {
      await until(() => guard.status.refusal === null);
      expect((await submit(gateway, 'read a page')).status).toBe(200);
    }
  });

  it('sees a machine refuse the backup that lost only what other machines wrote and archived', async () => {
    const third = await startGuarded(join(sealing.folder, 'third'));
    const { running } = await loseWhatIsArchived();
    await until(() => third.guard.status.refusal !== null);
    expect(third.guard.status.refusal).toContain('another process reported that');
    expect((await approve(third.gateway, 12346)).status).toBe(503);

    await accept(newer);
    for (const { guard, gateway } of [running, third]) {
      await until(() => guard.status.refusal === null);
      expect((await submit(gateway, 'read a page')).status).toBe(200);
    }
    // What was reported of the lost state does not come back.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect([running.guard.status.refusal, third.guard.status.refusal]).toEqual([null, null]);
  });

  it('abandons the newer archive where its machine is lost, and no id is given twice', async () => {
    const { running, actionId } = await loseWhatIsArchived();
    const lost = newerId();
    for (const one of opened.splice(0).reverse()) await one.close();
    rmSync(newer, { recursive: true });
    expect(running.guard.status.refusal).not.toBeNull();
    await expect(accept(older)).rejects.toThrow(`--give-up-archive ${lost}`);
    await accept(older, lost);
    const { gateway } = await startGuarded(older);
    const next = await submit(gateway, 'read a page');
    expect(next.status).toBe(200);
    // Far beyond whatever the lost machine may have given.
    expect(next.body.action_id).toBeGreaterThan(actionId + 50_000);
    expect(await database.sql('SELECT FROM audit_archive WHERE archive_id = $1', [lost])).toEqual([]);
  });

  it('is refused an invalid id of an archive to abandon', async () => {
    const { code, stderr } = await acceptBeside(older, '--give-up-archive', 'the newer one');
    expect([code, stderr]).toEqual([2, expect.stringContaining('--give-up-archive')]);
  });
});

it('a demo that is reset forgets marks and checkpoints', async () => {
  const { stop } = await startGuarded();
  await sealing.seal();
  await stop();
  resetArchive(sealing.folder);
  expect(readdirSync(sealing.folder)).toEqual([]);
});
