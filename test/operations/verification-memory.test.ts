import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setting } from '../support/database';
import { startGateway, type Gateway } from '../support/gateway';
import { addLongLog } from '../support/long-log';
import { startProcess, stopAll, type RunningGateway } from '../support/processes';
import { cases } from '../support/runs';

/**
 * An admin has the whole audit log verified, however long it is, and the gateway needs no more memory for a longer one.
 */
const ENTRIES = cases(40_000, 1_000_000);
const MEGABYTE = 2 ** 20;
/** By how much a process may grow during a verification, in MB: the shorter log would fit into 64 MB whole. */
const GROWTH = cases(16, 64);
/**
 * How long the process is left undisturbed between two measurements, in milliseconds: each costs a garbage collection.
 */
const PAUSE = cases(500, 5_000);

let gateway: Gateway;
let archive: string;
let verifier: RunningGateway;

beforeAll(async () => {
  gateway = await startGateway();
  await addLongLog(gateway.database, ENTRIES);
  archive = mkdtempSync(join(tmpdir(), 'countersign-archive-'));
  verifier = await startProcess(
    {
      PORT: '0',
      DATA_DIR: setting('TEST_DATA_DIR'),
      DATABASE_URL: gateway.database.applicationUrl,
      DATABASE_OWNER_URL: gateway.database.ownerUrl,
      AUDIT_LOG_NAME: 'test.example',
      AUDIT_ARCHIVE_DIR: archive,
    },
    join('bench', 'collected-gateway.worker.ts'),
  );
  while ((await gateway.database.sql('SELECT FROM audit_pending LIMIT 1')).length > 0) await pause();
}, 1_800_000);
afterAll(async () => {
  await stopAll();
  rmSync(archive, { recursive: true });
  await gateway.close();
});

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE));

/** The process's memory after a garbage collection, in MB. */
async function held(): Promise<number> {
  const before = verifier.lines.length;
  verifier.signal('SIGUSR2');
  for (;;) {
    const line = verifier.lines.slice(before).find((text) => text.startsWith('held: '));
    if (line !== undefined) return Number(line.slice('held: '.length)) / MEGABYTE;
    await pause();
  }
}

/** Has the log verified, as verifyAuditLog does, with lines of progress. @param range empty for the whole log */
async function verify(range = ''): Promise<Record<string, unknown>> {
  const response = await fetch(`${verifier.url}/api/admin/audit-logs/verify${range}`, {
    headers: { authorization: `Bearer ${gateway.token(1)}` },
  });
  const last = (await response.text()).trim().split('\n').at(-1) ?? '';
  return (JSON.parse(last) as { report: Record<string, unknown> }).report;
}

it('an admin has a long audit log verified by a gateway whose memory grows by 64 MB at most', async () => {
  // What is loaded and compiled once is no growth.
  await verify('?from=0&to=10');
  const before = await held();
  const state = { isOver: false };
  const verified = verify().finally(() => (state.isOver = true));
  let most = before;
  while (!state.isOver) {
    most = Math.max(most, await held());
    await pause();
  }
  const report = await verified;
  process.stdout.write(
    `verified ${String(report['entries'])} entries: ${before.toFixed(1)} MB held before, ${most.toFixed(1)} MB at most\n`,
  );
  expect(report['faults']).toEqual([]);
  expect(report['entries']).toBeGreaterThanOrEqual(ENTRIES);
  expect(most - before).toBeLessThan(GROWTH);
}, 1_800_000);
