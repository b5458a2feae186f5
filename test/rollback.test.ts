import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acceptRollback } from '../src/audit/accept-rollback';
import { splitNotes } from '../src/audit/notes';
import { openCheckpoint } from '../src/domain/checkpoint';
import { Database } from '../src/persistence/database';
import { RollbackGuard } from '../src/persistence/rollback/guard';
import { resetArchive } from '../src/persistence/rollback/marks-folder';
import { asSuperuser, cloneDatabase, isPooled, OPERATOR, type TestDatabase } from './support/database';
import { startGateway, type Gateway } from './support/gateway';
import { recordsInSnapshot, sealingOf, testLogKey, verdictOn, type Sealing } from './support/sealed-log';

/** A database that is put back to an older state is refused until an operator accepts that, and no id is given twice. */
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

/** A gateway whose database is guarded, as `npm start` has it. */
async function startGuarded(on: TestDatabase = database): Promise<Guarded> {
  const guard = guardIn(sealing.folder);
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

/** Accepts the rollback as `npm run audit:accept-rollback` does. */
async function accept(): Promise<void> {
  const guard = guardIn(sealing.folder);
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
    folder: sealing.folder,
    key: testLogKey(),
    reason: 'the backup was restored',
    origin: OPERATOR,
  });
  await guard.close(owner);
  await owner.close();
}

/** Puts the backup in place, and waits until the gateway has noticed. */
async function rollBackUnder({ guard }: Guarded): Promise<void> {
  await restoreBackup();
  await until(() => guard.status.refusal !== null);
}

it("an agent does not get another one's approval: a restored backup is refused until an operator accepts it", async () => {
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

it('a gateway that was killed starts again without a hand, and gives no id that it could have given before', async () => {
  const { gateway } = await startGuarded();
  const { body } = await submit(gateway, 'the first');
  // Killed: its file stays as it is, and the database comes back without what nobody was told of.
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

it('a gateway that is stopped and started again wastes no ids', async () => {
  const first = await startGuarded();
  const one = await submit(first.gateway, 'one');
  await first.stop();
  const second = await startGuarded();
  const two = await submit(second.gateway, 'two');
  expect(two.body.action_id).toBe((one.body.action_id as number) + 1);
  expect(readdirSync(sealing.folder).filter((name) => name.startsWith('marks-'))).toHaveLength(1);
});

it('ids that cannot be reserved outside of the database are not used: 503 once the block is used up', async () => {
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

it('many ids that somebody else drew, as seeding does, refuse no decision', async () => {
  const { gateway } = await startGuarded();
  await database.sql(`SELECT setval('audit_log_id_seq', 5000000), setval('action_id_seq', 5000000)`);
  expect((await approve(gateway, 12345)).status).toBe(200);
  expect((await submit(gateway, 'more')).status).toBe(200);
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

it('a damaged archive is accepted by the same command: the file is set aside and made anew', async () => {
  await sealing.seal();
  const path = join(sealing.folder, 'organization-1.checkpoints');
  const whole = readFileSync(path, 'utf8');
  writeFileSync(path, '');
  await accept();
  await sealing.seal();
  expect(readFileSync(path, 'utf8').startsWith(whole)).toBe(true);
  expect(readdirSync(sealing.folder).filter((name) => name.endsWith('.damaged'))).toHaveLength(1);
});

it('a demo that is reset forgets marks and checkpoints', async () => {
  const { stop } = await startGuarded();
  await sealing.seal();
  await stop();
  resetArchive(sealing.folder);
  expect(readdirSync(sealing.folder)).toEqual([]);
});
