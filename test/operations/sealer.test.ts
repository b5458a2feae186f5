import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointFiles } from '../../src/audit/checkpoint-archive';
import { lastArchived } from '../../src/audit/archive-files';
import { RolledBackError } from '../../src/audit/archive-errors';
import { splitNotes } from '../../src/audit/notes';
import { Sealer } from '../../src/audit/sealer';
import { LogKey, openDevelopmentLogKey } from '../../src/audit/log-key';
import { openCheckpoint } from '../../src/domain/checkpoint';
import type { Fault } from '../../src/audit/verification';
import type { NoteKey } from '../../src/domain/signed-note';
import { makeLogger } from '../../src/observability/logger';
import { SealSqlStore } from '../../src/persistence/audit/seal.store';
import { ArchivesStore } from '../../src/persistence/audit/archives.store';
import { TreeReads } from '../../src/persistence/audit/tree.reads';
import { setting } from '../support/database';
import { cases } from '../support/runs';
import { startGateway, type Gateway } from '../support/gateway';
import {
  kindsOf,
  recordsInSnapshot,
  sealingOf,
  testLogKey,
  verdictOn,
  type Sealing,
} from '../support/sealed-log';

/**
 * The sealer beside the requests: every entry once, in one tree, whatever happens to it; and an archive that notices.
 */
let gateway: Gateway;
let sealing: Sealing;

beforeEach(async () => {
  gateway = await startGateway();
  sealing = sealingOf(gateway.database);
});
afterEach(async () => {
  sealing.close();
  await gateway.close();
});

const report = async () => verdictOn(await recordsInSnapshot(gateway.database));

async function counts(): Promise<unknown> {
  const [row] = await gateway.database.sql(
    `SELECT (SELECT count(*) FROM audit_log) = (SELECT count(*) FROM audit_leaf) AS all_sealed,
       (SELECT count(*) FROM audit_pending) AS waiting,
       (SELECT bool_and(size = high + 1) FROM (SELECT count(*) AS size, max(leaf_index) AS high FROM audit_leaf GROUP BY organization_id) s) AS contiguous`,
  );
  return row;
}
const EVERYTHING = { all_sealed: true, waiting: 0, contiguous: true };

const sealerIn = (archiveFolder: string): Sealer =>
  new Sealer({
    database: gateway.database.owner,
    key: testLogKey(),
    archiveFolder,
    log: makeLogger('silent'),
  });

/** Sixty decisions, each an entry of its own: by people at the same moment, or by one in a bulk. */
async function decideMany(by: 'many' | 'one' = 'one'): Promise<void> {
  const ids = await gateway.addActions(Array.from({ length: 60 }, () => 20));
  const decide = (path: string, body = {}) =>
    gateway.rest('POST', `/api/v1/actions/${path}`, { user: 42, body });
  if (by === 'one') await decide('bulk-approve', { action_ids: ids });
  else await Promise.all(ids.map((id) => decide(`${String(id)}/approve`)));
}

async function untilSealed(): Promise<void> {
  while (JSON.stringify(await counts()) !== JSON.stringify(EVERYTHING))
    await new Promise((resolve) => setImmediate(resolve));
}

it('an operator sees how many entries wait to be sealed and since when, and none once they are sealed', async () => {
  const ready = async () => (await gateway.rest('GET', '/readyz')).body.audit_log as Record<string, unknown>;
  const metric = async (name: string): Promise<number> => {
    const { text } = await gateway.rest('GET', '/metrics');
    return Number(new RegExp(`^countersign_audit_${name} (\\S+)$`, 'm').exec(text)?.[1]);
  };
  await sealing.seal();
  const nothing = { sealer: 'off', backlog: 0, lag_seconds: 0, failures: {} };
  expect(await ready()).toEqual(nothing);
  for (const id of [12345, 12346, 12347])
    await gateway.rest('POST', `/api/v1/actions/${String(id)}/approve`, { user: 42 });
  const waiting = await ready();
  expect(waiting).toEqual({ ...nothing, backlog: 3, lag_seconds: expect.any(Number) as number });
  expect(waiting['lag_seconds']).toBeGreaterThan(0);
  expect(await metric('backlog')).toBe(3);
  // Nothing seals it: it only grows older.
  expect(await metric('lag_seconds')).toBeGreaterThan(waiting['lag_seconds'] as number);
  await sealing.seal();
  expect(await ready()).toEqual(nothing);
  expect([await metric('backlog'), await metric('lag_seconds')]).toEqual([0, 0]);
});

it('an operator who lets two sealers run at once gets every entry sealed once, in one tree per organization', async () => {
  const sealers = [1, 2].map((n) => sealerIn(join(sealing.folder, String(n))));
  for (const sealer of sealers) sealer.start();
  await decideMany('many');
  await untilSealed();
  expect(sealers.filter(({ status }) => status.isActive)).toHaveLength(1);
  // The leading one ends, and the other takes over.
  await sealers.find(({ status }) => status.isActive)?.stop();
  await decideMany('many');
  await untilSealed();
  for (const sealer of sealers) await sealer.stop();
  expect((await report()).faults).toEqual([]);
});

it('a sealer on standby reports no failures of the time when it led', async () => {
  const broken = join(sealing.folder, 'broken');
  mkdirSync(broken);
  writeFileSync(join(broken, 'organization-1.checkpoints'), 'x'.repeat(5_000));
  const [first, second] = [sealerIn(broken), sealerIn(join(sealing.folder, 'whole'))];
  await decideMany();
  first.start();
  while (first.status.failures.size === 0) await new Promise((resolve) => setImmediate(resolve));
  second.start();
  while (!second.status.isActive) {
    // Not the other one, once it leads.
    if (first.status.isActive)
      await gateway.database.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
      );
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  while (first.status.isActive) await new Promise((resolve) => setImmediate(resolve));
  expect([...first.status.failures]).toEqual([]);
  await first.stop();
  await second.stop();
});

it('two sealings of one database at once: one of them fails completely, and the next one finds nothing wrong', async () => {
  await decideMany();
  await Promise.allSettled([sealing.seal(), sealing.seal()]);
  await sealing.seal();
  expect(await counts()).toEqual(EVERYTHING);
  expect((await report()).faults).toEqual([]);
});

describe('the archive outside of the database', () => {
  const path = (): string => join(sealing.folder, 'organization-1.checkpoints');
  const archive = (): CheckpointFiles =>
    new CheckpointFiles({
      folder: sealing.folder,
      tree: new TreeReads(gateway.database.owner),
      archives: new ArchivesStore(gateway.database.owner),
      keys: testLogKey().keys,
      isLeading: () => Promise.resolve(true),
    });

  it('holds every checkpoint, each signed and larger than the one before', async () => {
    await sealing.seal();
    await decideMany();
    await sealing.seal();
    const notes = splitNotes(readFileSync(path(), 'utf8'));
    const sizes = notes.map((note) => openCheckpoint(note, testLogKey().keys)?.treeSize ?? 0);
    const rows = await gateway.database.sql<{ size: number }>(
      'SELECT tree_size AS size FROM audit_checkpoint WHERE organization_id = 1 ORDER BY 1',
    );
    expect(sizes).toEqual(rows.map(({ size }) => size));
    expect(sizes.length).toBeGreaterThan(1);
  });

  it('is completed where a crash left a line half written', async () => {
    await sealing.seal();
    const whole = readFileSync(path(), 'utf8');
    await decideMany();
    const session = await gateway.database.owner.session();
    await new SealSqlStore(session).seal(1, 1_000, testLogKey());
    session.release();
    const { note = '' } =
      (await new TreeReads(gateway.database.owner).latestCheckpoint({ organizationId: 1 })) ?? {};
    for (const length of [1, 18, note.length - 1, note.length]) {
      await gateway.database.sql('DELETE FROM audit_archive');
      writeFileSync(path(), whole + note.slice(0, length));
      await archive().catchUp(1);
      expect(readFileSync(path(), 'utf8')).toBe(`${whole}${note}\n`);
    }
  });

  const TAMPERING: readonly (readonly [string, (whole: string) => string | null, RegExp])[] = [
    ['emptied', () => '', /has 0 bytes, but had/],
    ['removed', () => null, /has 0 bytes, but had/],
    ['shortened by its last checkpoint', (whole) => `${splitNotes(whole)[0] ?? ''}\n`, /bytes, but had/],
    ['robbed of its first checkpoint', (whole) => `${splitNotes(whole).slice(1).join('\n')}\n`, /lacks the/],
    ['altered in the middle', (whole) => whole.replace(/\n[1-9]/, '\n7'), /was altered before byte/],
    ['altered in its last checkpoint', (whole) => whole.replace(/.{8}\n\n$/, 'AAAAAAA=\n\n'), /was altered/],
    ['filled with something else', () => 'x'.repeat(100_000), /does not end in a checkpoint/],
    ['filled with zeros', (whole) => '\0'.repeat(whole.length), /does not end in a checkpoint/],
  ];
  it.each(TAMPERING)('is faulty after somebody %s, and nothing is sealed', async (...given) => {
    const [, tamper, message] = given;
    await sealing.seal();
    await decideMany();
    await sealing.seal();
    const tampered = tamper(readFileSync(path(), 'utf8'));
    if (tampered === null) rmSync(path());
    else writeFileSync(path(), tampered);
    await decideMany();
    const failure = (await sealing.seal().catch((error: unknown) => error)) as Error;
    expect(failure.name).toBe('ArchiveFaultError');
    expect(failure.message).toMatch(message);
    if (tampered !== null) expect(readFileSync(path(), 'utf8')).toBe(tampered);
  });

  it('is faulty after somebody moved it away, since the database knows that there was one', async () => {
    await sealing.seal();
    rmSync(sealing.folder, { recursive: true });
    await decideMany();
    await expect(sealing.seal()).rejects.toThrow('The database belongs to another archive of checkpoints');
    expect((await counts()) as object).toMatchObject({ waiting: 60 });
  });

  it('on another machine is filled from the database, once a leading sealer vouches for it', async () => {
    const [first, second] = ['1', '2'].map((name) => sealerIn(join(sealing.folder, name)));
    first?.start();
    await decideMany();
    await untilSealed();
    second?.start();
    const known = 'SELECT count(DISTINCT archive_id)::integer AS archives FROM audit_archive';
    while ((await gateway.database.sql(known))[0]?.['archives'] !== 2)
      await new Promise((resolve) => setImmediate(resolve));
    await first?.stop();
    await decideMany();
    await untilSealed();
    await second?.stop();
    const held = ['1', '2'].map((name) =>
      readFileSync(join(sealing.folder, name, 'organization-1.checkpoints'), 'utf8'),
    );
    expect(held[1]?.startsWith(held[0] ?? 'nothing')).toBe(true);
  });

  it('is not written by an overtaken sealer, and a late write gets what is there already', async () => {
    await sealing.seal();
    const overtaken = new CheckpointFiles({
      folder: sealing.folder,
      tree: new TreeReads(gateway.database.owner),
      archives: new ArchivesStore(gateway.database.owner),
      keys: testLogKey().keys,
      isLeading: async () => {
        // What another sealer does between the read and the write.
        await archive().catchUp(1);
        return true;
      },
    });
    await overtaken.catchUp(1);
    await decideMany();
    const elsewhere = join(sealing.folder, 'elsewhere');
    const whole = readFileSync(path(), 'utf8');
    mkdirSync(elsewhere);
    // Sealed without its archive: both write the same checkpoint.
    const session = await gateway.database.owner.session();
    await new SealSqlStore(session).seal(1, 1_000, testLogKey());
    session.release();
    await overtaken.catchUp(1);
    const written = readFileSync(path(), 'utf8');
    expect(splitNotes(written)).toHaveLength(splitNotes(whole).length + 1);
    await archive().check(1);
    const fenced = new CheckpointFiles({
      folder: elsewhere,
      tree: new TreeReads(gateway.database.owner),
      archives: new ArchivesStore(gateway.database.owner),
      keys: testLogKey().keys,
      isLeading: () => Promise.resolve(false),
      isVouchedFor: () => true,
    });
    await expect(fenced.catchUp(1)).rejects.toThrow('Another process has become the sealer');
    expect(readFileSync(join(elsewhere, 'organization-1.checkpoints'), 'utf8')).toBe('');
  });

  it('refuses a database that was rolled back, and nothing is sealed on top', async () => {
    await sealing.seal();
    const early = await gateway.database.sql(
      'SELECT max(tree_size) AS size FROM audit_checkpoint WHERE organization_id = 1',
    );
    await decideMany();
    await sealing.seal();
    await gateway.database.sql('ALTER TABLE audit_checkpoint DISABLE TRIGGER audit_checkpoint_append_only');
    await gateway.database.sql('DELETE FROM audit_checkpoint WHERE organization_id = 1 AND tree_size > $1', [
      early[0]?.['size'],
    ]);
    await expect(archive().catchUp(1)).rejects.toThrow(RolledBackError);
    await decideMany();
    await expect(sealing.seal()).rejects.toThrow(RolledBackError);
    expect(
      await gateway.database.sql(
        'SELECT max(tree_size) AS size FROM audit_checkpoint WHERE organization_id = 1',
      ),
    ).toEqual(early);
  });

  it('with other contents than checkpoints is left unchanged, and nothing is sealed', async () => {
    await sealing.seal();
    const overwritten = 'x'.repeat(5_000);
    writeFileSync(path(), overwritten);
    await decideMany();
    await expect(sealing.seal()).rejects.toThrow('does not end in a checkpoint');
    expect(readFileSync(path(), 'utf8')).toBe(overwritten);
  });

  it('is brought up to date as soon as a sealer leads, though nothing waits: the one before was killed in between', async () => {
    await sealing.seal();
    const before = readFileSync(path(), 'utf8');
    await decideMany();
    const session = await gateway.database.owner.session();
    await new SealSqlStore(session).seal(1, 1_000, testLogKey());
    session.release();
    const running = sealerIn(sealing.folder);
    running.start();
    while (readFileSync(path(), 'utf8') === before) await new Promise((resolve) => setImmediate(resolve));
    await running.stop();
  });

  it('tells an operator of a database that was rolled back, though nothing waits: for as long as it is', async () => {
    await sealing.seal();
    await gateway.database.sql('ALTER TABLE audit_checkpoint DISABLE TRIGGER audit_checkpoint_append_only');
    await gateway.database.sql('DELETE FROM audit_checkpoint WHERE organization_id = 1');
    await gateway.database.sql(
      "INSERT INTO audit_checkpoint SELECT 1, 1, leaf_hash, '' FROM audit_leaf LIMIT 1",
    );
    const running = sealerIn(sealing.folder);
    running.start();
    while (!running.status.isActive) await new Promise((resolve) => setImmediate(resolve));
    expect([...running.status.failures]).toEqual([
      [1, expect.stringContaining('no longer holds the checkpoint')],
    ]);
    await running.stop();
  });

  it('tells an admin who has the log verified that the database was rolled back', async () => {
    await sealing.seal();
    const admin = await startGateway({
      database: gateway.database,
      archive: (organizationId) => lastArchived(sealing.folder, organizationId),
    });
    const verified = async (): Promise<unknown> => {
      const query = '{ verifyAuditLog { isIntact faultCount firstFault { kind } } }';
      return (await admin.graphql(query, { user: 1 })).body.data.verifyAuditLog;
    };
    const [early] = await gateway.database.sql('SELECT max(id) AS id FROM audit_log');
    expect((await gateway.rest('POST', '/api/v1/actions/12345/approve', { user: 4 })).status).toBe(403);
    await sealing.seal();
    expect(await verified()).toEqual({ isIntact: true, faultCount: 0, firstFault: null });
    for (const table of ['audit_checkpoint', 'audit_leaf', 'audit_log'])
      await gateway.database.sql(`ALTER TABLE ${table} DISABLE TRIGGER ${table}_append_only`);
    await gateway.database.sql(
      `DELETE FROM audit_checkpoint WHERE organization_id = 1
         AND tree_size > (SELECT min(leaf_index) FROM audit_leaf WHERE organization_id = 1 AND audit_id > $1)`,
      [early?.['id']],
    );
    await gateway.database.sql('DELETE FROM audit_leaf WHERE audit_id > $1', [early?.['id']]);
    await gateway.database.sql('DELETE FROM audit_log WHERE id > $1', [early?.['id']]);
    expect(await verified()).toEqual({ isIntact: false, faultCount: 1, firstFault: { kind: 'TRUNCATED' } });
    await admin.close();
  });

  it('does not keep a tree whose nodes were altered from being refused', async () => {
    await decideMany();
    await sealing.seal();
    await gateway.database.sql('ALTER TABLE audit_node DISABLE TRIGGER audit_node_append_only');
    await gateway.database.sql(`UPDATE audit_node SET hash = sha256('x') WHERE organization_id = 1`);
    await decideMany();
    await expect(sealing.seal()).rejects.toThrow('is not the one that was signed');
  });
});

describe('a log key that is changed', () => {
  const key = (earlier: readonly NoteKey[]) =>
    new LogKey('test.example', generateKeyPairSync('ed25519').privateKey, earlier);
  const seal = (with_: LogKey): Promise<number> => sealing.seal(with_);

  it('continues where its predecessor is named, whose checkpoints and receipts stay valid', async () => {
    const [id = 0] = await gateway.addActions([20]);
    const path = `/api/v1/actions/${String(id)}/approve?receipt=true`;
    const { body } = await gateway.rest('POST', path, { user: 42 });
    await sealing.seal();
    const next = key(testLogKey().keys);
    await decideMany();
    expect(await seal(next)).toBe(60);
    const records = await recordsInSnapshot(gateway.database, next);
    const receipts = [{ note: String(body.audit_receipt.signature), source: 'user 42' }];
    const verdict = (trustedKeys: readonly NoteKey[]) => verdictOn(records, { trustedKeys, receipts });
    expect((await verdict(next.keys)).faults).toEqual([]);
    expect((await verdict([])).faults).toEqual([]);
    expect(kindsOf(await verdict(next.keys.slice(0, 1)))).toEqual([
      'RECEIPT_NOT_SIGNED',
      'CHECKPOINT_NOT_SIGNED',
    ]);
    expect(kindsOf(await verdict(testLogKey().keys))).toContain('CHECKPOINT_NOT_SIGNED');
  });

  it('seals nothing where its predecessor is not named, or the log has another name', async () => {
    await sealing.seal();
    await decideMany();
    const renamed = new LogKey('other.example', openDevelopmentLogKey(setting('TEST_DATA_DIR')));
    for (const other of [key([]), renamed])
      await expect(seal(other)).rejects.toThrow(/AUDIT_EARLIER_KEYS and AUDIT_LOG_NAME/);
    expect(await sealing.seal()).toBe(60);
  });
});

/** Three for each action that is decided meanwhile. */
const EXPORTS = cases(60, 201);
it(`an auditor gets 0 false alarms over ${String(EXPORTS)} exports of a growing log`, async () => {
  const running = sealerIn(sealing.folder);
  running.start();
  const ids = await gateway.addActions(
    Array.from({ length: EXPORTS / 3 }, (_, n) => [10, 50, 75, 90][n % 4] ?? 10),
  );
  const decide = (id: number, n: number) =>
    gateway.rest('POST', `/api/v1/actions/${String(id)}/${n % 3 === 0 ? 'reject' : 'approve'}`, {
      user: [42, 1, 2][n % 3] ?? 1,
    });
  const changePolicy = (version: number) =>
    gateway.graphql(
      `mutation { changeApprovalPolicy(expectedVersion: ${String(version)}, reason: "so",
         patch: { quorum: { low: ${String((version % 2) + 1)} } }) { version } }`,
      { user: 1 },
    );
  const alarms: Fault[] = [];
  for (const [n, id] of ids.entries()) {
    const exports = Promise.all([report(), report(), report()]);
    await Promise.all([decide(id, n), n % 10 === 0 ? changePolicy(n / 10 + 1) : null]);
    alarms.push(...(await exports).flatMap(({ faults }) => faults));
  }
  await running.stop();
  expect(alarms).toEqual([]);
});
