import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { splitNotes } from '../../src/audit/notes';
import { setting } from '../support/database';
import { startGateway, type Gateway } from '../support/gateway';
import { startProcess, stopAll, type RunningGateway, type Settings } from '../support/processes';
import { cases } from '../support/runs';
import { recordsInSnapshot, verdictOn } from '../support/sealed-log';

/**
 * The whole process is killed while it seals and decides, again and again (`npm run test:kills` does so a hundred
 * times). Only what it answered and what the database holds counts afterwards.
 */
const KILLS = cases(5, 100);
/** Entries that a bulk writes: enough of them keep the sealer busy. */
const BULK = 200;
const CLIENTS = 3;

let gateway: Gateway;
let archive: string;
let settings: Settings;
const receipts: { readonly note: string; readonly source: string }[] = [];

beforeAll(async () => {
  gateway = await startGateway();
  archive = mkdtempSync(join(tmpdir(), 'countersign-archive-'));
  settings = {
    PORT: '0',
    DATA_DIR: setting('TEST_DATA_DIR'),
    DATABASE_URL: gateway.database.applicationUrl,
    DATABASE_OWNER_URL: gateway.database.ownerUrl,
    AUDIT_LOG_NAME: 'test.example',
    AUDIT_ARCHIVE_DIR: archive,
  };
});
afterAll(async () => {
  await stopAll();
  rmSync(archive, { recursive: true });
  await gateway.close();
});

/** Approves in bulks until the gateway is gone; keeps the receipts of the answers. */
async function decideUntilItDies(
  { url }: RunningGateway,
  ids: readonly number[],
  onAnswer: () => void,
): Promise<void> {
  for (let start = 0; start < ids.length; start += BULK)
    try {
      const response = await fetch(`${url}/api/v1/actions/bulk-approve?receipt=true`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.token(42)}`, 'content-type': 'application/json' },
        body: JSON.stringify({ action_ids: ids.slice(start, start + BULK) }),
      });
      const { audit_receipt: receipt } = (await response.json()) as { audit_receipt: { signature: string } };
      receipts.push({ note: receipt.signature, source: 'user 42' });
      onAnswer();
    } catch {
      return;
    }
}

/**
 * Waits until a sealing is under way: of the owner's sessions, the sealer's alone writes. A sealer that finishes first
 * leaves nothing to wait for.
 * @param decided whether everything is decided, so that nothing more comes to be sealed
 */
async function untilSealing(decided: () => boolean): Promise<void> {
  for (;;) {
    const isLast = decided();
    const [row] = await gateway.database.sql<{ sealing: boolean }>(
      `SELECT count(*) > 0 AS sealing FROM pg_stat_activity WHERE datname = current_database()
         AND usename = current_user AND pid <> pg_backend_pid() AND backend_xid IS NOT NULL`,
    );
    if (row?.sealing === true || (isLast && (await waiting()) === 0)) return;
  }
}

async function waiting(): Promise<number> {
  const [row] = await gateway.database.sql<{ waiting: number }>(
    'SELECT count(*) AS waiting FROM audit_pending',
  );
  return row?.waiting ?? 0;
}

/** The tree in the database, which has to be consistent after every kill. */
async function tree() {
  const [row] = await gateway.database.sql<Record<'leaves' | 'edge' | 'signed' | 'lost' | 'twice', number>>(
    `SELECT count(*) AS leaves, max(leaf_index) + 1 AS edge,
       (SELECT max(tree_size) FROM audit_checkpoint WHERE organization_id = 1) AS signed,
       (SELECT count(*) FROM audit_log l WHERE organization_id = 1
          AND NOT EXISTS (SELECT FROM audit_leaf f WHERE f.organization_id = 1 AND f.audit_id = l.id)
          AND NOT EXISTS (SELECT FROM audit_pending p WHERE p.organization_id = 1 AND p.audit_id = l.id)) AS lost,
       (SELECT count(*) FROM audit_leaf f JOIN audit_pending p USING (organization_id, audit_id)) AS twice
     FROM audit_leaf WHERE organization_id = 1`,
  );
  if (row === undefined) throw new Error('An aggregate has one row');
  return row;
}

const archived = (): readonly string[] =>
  splitNotes(readFileSync(join(archive, 'organization-1.checkpoints'), 'utf8'));

async function signedNotes(): Promise<string[]> {
  const rows = await gateway.database.sql<{ note: string }>(
    'SELECT note FROM audit_checkpoint WHERE organization_id = 1 ORDER BY tree_size',
  );
  return rows.map(({ note }) => note);
}

it(
  `an operator whose process is killed ${String(KILLS)} times while it seals has every entry sealed once, in one tree`,
  async () => {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const ids = await gateway.addActions(Array.from({ length: CLIENTS * BULK * 5 }, () => 20));
      const process = await startProcess(settings);
      const share = ids.length / CLIENTS;
      let clients: Promise<void>[] = [];
      let isDecided = false;
      await new Promise<void>((answered) => {
        clients = Array.from({ length: CLIENTS }, (_, n) =>
          decideUntilItDies(process, ids.slice(n * share, (n + 1) * share), answered),
        );
        // Where none is answered there is nothing to wait for.
        void Promise.all(clients).then(() => {
          isDecided = true;
          answered();
        });
      });
      // Every other time during a sealing, else at any moment of some 300 ms.
      if (kill % 2 === 0) await untilSealing(() => isDecided);
      else await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
      process.signal('SIGKILL');
      await Promise.all([process.finished, ...clients]);
      const { leaves, edge, signed, lost, twice } = await tree();
      expect([edge, signed, lost, twice]).toEqual([leaves, leaves, 0, 0]);
      const notes = archived();
      expect(notes).toEqual((await signedNotes()).slice(0, notes.length));
    }

    const process = await startProcess(settings);
    while ((await waiting()) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    process.signal('SIGTERM');
    expect((await process.finished).code).toBe(0);
    expect(archived()).toEqual(await signedNotes());
    const records = await recordsInSnapshot(gateway.database);
    const checkpoints = archived().map((note) => ({ note, source: 'the archive' }));
    const report = await verdictOn(records, { checkpoints, receipts });
    expect(report.faults).toEqual([]);
    expect(receipts.length).toBeGreaterThan(0);
    expect(report.treeSize).toBeGreaterThan(receipts.length);
    expect(records.filter(({ type }) => type === 'unsealed')).toEqual([]);
  },
  KILLS * 120_000,
);
