import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointFiles, RolledBackError } from '../src/audit/checkpoint-archive';
import { splitNotes } from '../src/audit/notes';
import { Sealer } from '../src/audit/sealer';
import { openCheckpoint } from '../src/domain/checkpoint';
import { makeLogger } from '../src/observability/logger';
import { TreeReads } from '../src/persistence/tree.reads';
import { startGateway, type Gateway } from './support/gateway';
import { recordsIn, sealingOf, testLogKey, verdictOn, type Sealing } from './support/sealed-log';

/** The sealer beside the requests: everything once, in one tree, whatever happens to it; and an archive that notices. */
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

const report = async () =>
  verdictOn(
    await gateway.database.owner.transactionIf(
      (sql) => recordsIn(sql),
      () => false,
    ),
  );

async function counts(): Promise<unknown> {
  const [row] = await gateway.database.sql(
    `SELECT (SELECT count(*) FROM audit_log) = (SELECT count(*) FROM audit_leaf) AS all_sealed,
       (SELECT count(*) FROM audit_pending) AS waiting,
       (SELECT bool_and(size = high + 1) FROM (SELECT count(*) AS size, max(leaf_index) AS high FROM audit_leaf GROUP BY organization_id) s) AS contiguous`,
  );
  return row;
}
const EVERYTHING = { all_sealed: true, waiting: 0, contiguous: true };

async function decideMany(): Promise<void> {
  const ids = await gateway.addActions(Array.from({ length: 60 }, () => 20));
  await Promise.all(
    ids.map((id) => gateway.rest('POST', `/api/v1/actions/${String(id)}/approve`, { user: 42 })),
  );
}

async function untilSealed(): Promise<void> {
  while (JSON.stringify(await counts()) !== JSON.stringify(EVERYTHING))
    await new Promise((resolve) => setImmediate(resolve));
}

it('an operator who lets two sealers run at once gets every entry sealed once, in one tree per organization', async () => {
  const log = makeLogger('silent');
  const { owner: database } = gateway.database;
  const sealers = [1, 2].map(
    (n) => new Sealer({ database, key: testLogKey(), archiveFolder: join(sealing.folder, String(n)), log }),
  );
  for (const sealer of sealers) sealer.start();
  await decideMany();
  await untilSealed();
  expect(sealers.filter(({ status }) => status.isActive)).toHaveLength(1);
  // The one that leads ends, and the other takes over.
  await sealers.find(({ status }) => status.isActive)?.stop();
  await decideMany();
  await untilSealed();
  for (const sealer of sealers) await sealer.stop();
  expect((await report()).faults).toEqual([]);
});

it('two sealings of one database at once: one of them fails whole, and the next one finds nothing wrong', async () => {
  await decideMany();
  await Promise.allSettled([sealing.seal(), sealing.seal()]);
  await sealing.seal();
  expect(await counts()).toEqual(EVERYTHING);
  expect((await report()).faults).toEqual([]);
});

describe('the archive outside of the database', () => {
  const path = (): string => join(sealing.folder, 'organization-1.checkpoints');
  const archive = (): CheckpointFiles =>
    new CheckpointFiles(sealing.folder, new TreeReads(gateway.database.owner));

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

  it('that a crash left half written is cut back to its last whole checkpoint and goes on', async () => {
    await sealing.seal();
    const whole = readFileSync(path(), 'utf8');
    for (const torn of ['test.example/organ', 'test.example/organizations/1\n99\n', whole.slice(0, -2)]) {
      writeFileSync(path(), torn === whole.slice(0, -2) ? torn : whole + torn);
      await archive().catchUp(1);
      expect(readFileSync(path(), 'utf8')).toBe(whole);
    }
  });

  it('that is lost is made anew from the database', async () => {
    await sealing.seal();
    const whole = readFileSync(path(), 'utf8');
    writeFileSync(path(), '');
    await archive().catchUp(1);
    expect(readFileSync(path(), 'utf8')).toBe(whole);
  });

  it('refuses a database that was put back to an older state, and nothing is sealed on top', async () => {
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

  it('is no hindrance to a tree whose nodes were altered being refused', async () => {
    await sealing.seal();
    await gateway.database.sql('ALTER TABLE audit_node DISABLE TRIGGER audit_node_append_only');
    await gateway.database.sql(`UPDATE audit_node SET hash = sha256('x') WHERE organization_id = 1`);
    await decideMany();
    await expect(sealing.seal()).rejects.toThrow('is not the one that was signed');
  });
});

it('an auditor gets 0 false alarms over 200 exports of a log that goes on', async () => {
  for (let n = 0; n < 200; n += 1) {
    const [id = 0] = await gateway.addActions([[10, 50, 75, 90][n % 4] ?? 10]);
    const verdict = n % 3 === 0 ? 'reject' : 'approve';
    await gateway.rest('POST', `/api/v1/actions/${String(id)}/${verdict}`, { user: [42, 1, 2][n % 3] ?? 1 });
    if (n % 2 === 0) await sealing.seal();
    expect((await report()).faults).toEqual([]);
  }
});
