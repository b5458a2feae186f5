import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Closables } from '../../bench/closables';
import { makeDisk, type Disk } from '../../chaos/disks';
import { setting } from '../support/database';
import { startGateway, type Gateway } from '../support/gateway';
import { startProcess, stopAll, type RunningGateway } from '../support/processes';
import { recordsInSnapshot, verdictOn } from '../support/sealed-log';

/** The archive's disk is full: a small file system of its own, where the system lets a test mount one. */
const closables = new Closables();
let gateway: Gateway;
let folder: string;
let disk: Disk;
let running: RunningGateway;

beforeAll(async () => {
  gateway = await startGateway();
  folder = mkdtempSync(join(tmpdir(), 'countersign-disk-'));
  disk = makeDisk(folder, 2, closables);
  if (!disk.isSeparate) return;
  running = await startProcess({
    PORT: '0',
    DATA_DIR: setting('TEST_DATA_DIR'),
    DATABASE_URL: gateway.database.applicationUrl,
    DATABASE_OWNER_URL: gateway.database.ownerUrl,
    AUDIT_LOG_NAME: 'test.example',
    AUDIT_ARCHIVE_DIR: join(folder, 'archive'),
  });
});
afterAll(async () => {
  await stopAll();
  await closables.close();
  rmSync(folder, { recursive: true, force: true });
  await gateway.close();
});

interface Readiness {
  readonly status: string;
  readonly audit_log: {
    readonly backlog: number;
    readonly lag_seconds: number;
    readonly failures: Readonly<Record<string, string>>;
  };
}

async function readiness(): Promise<Readiness> {
  const response = await fetch(`${running.url}/readyz`);
  expect(response.status).toBe(200);
  return (await response.json()) as Readiness;
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${running.url}/metrics`)).text();
  return Number(new RegExp(`^countersign_${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

/** Approves a new action. @returns the status of the answer */
async function decideAnother(): Promise<number> {
  const [id = 0] = await gateway.addActions([20]);
  const { status } = await fetch(`${running.url}/api/v1/actions/${String(id)}/approve`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.token(42)}` },
  });
  return status;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function checkpoints(): Promise<number> {
  const [row] = await gateway.database.sql<{ count: number }>(
    'SELECT count(*)::integer AS count FROM audit_checkpoint WHERE organization_id = 1',
  );
  return row?.count ?? 0;
}

it('an operator whose archive has no room is told so while decisions go on, and has only to make room', async () => {
  if (!disk.isSeparate) {
    process.stdout.write('skipped: no file system of its own can be mounted here\n');
    return;
  }
  await until(async () => (await readiness()).audit_log.backlog === 0);
  disk.fill();
  // The rest of the last block takes a few checkpoints more.
  await until(async () => {
    expect(await decideAnother()).toBe(200);
    return Object.keys((await readiness()).audit_log.failures).length > 0;
  });
  const told = await readiness();
  expect(told).toMatchObject({ status: 'degraded' });
  expect(told.audit_log.failures['1']).toMatch(/cannot be written: .*ENOSPC.*#archive-cannot-be-written/);
  expect(await metric('audit_seal_failures')).toBe(1);
  const line = running.lines.find((text) =>
    text.includes('the audit log of an organization cannot be sealed'),
  );
  expect(JSON.parse(line ?? '{}')).toMatchObject({ level: 50, organizationId: 1 });

  const sealed = await checkpoints();
  for (let n = 1; n <= 5; n += 1) expect(await decideAnother()).toBe(200);
  // For longer than a failed sealer waits before it tries again.
  await until(async () => {
    expect(await checkpoints()).toBe(sealed);
    return (await readiness()).audit_log.lag_seconds > 3;
  });

  disk.empty();
  await until(async () => {
    const { status, audit_log } = await readiness();
    return status !== 'degraded' && audit_log.backlog === 0;
  });
  expect(await checkpoints()).toBeGreaterThan(sealed);
  expect(await metric('audit_seal_failures')).toBe(0);
  const verified = await fetch(`${running.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.token(1)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ verifyAuditLog { isIntact } }' }),
  });
  expect(await verified.json()).toMatchObject({ data: { verifyAuditLog: { isIntact: true } } });
  expect((await verdictOn(await recordsInSnapshot(gateway.database))).faults).toEqual([]);
});
