import { request, type IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { startGateway } from '../gateway';
import { say } from '../open';
import { memoryOf } from '../memory';
import { side, type Bench, type Measured, type Workload } from '../measured';

/** An export: its format, and how long the client waits after each read, in milliseconds. */
interface Export {
  readonly format: 'jsonl' | 'csv' | 'bundle';
  readonly isGzip: boolean;
  readonly pause: number;
}

const FORMATS = ['jsonl', 'csv', 'bundle'] as const;
const EXPORTS: readonly Export[] = [
  ...FORMATS.flatMap((format) => [false, true].map((isGzip) => ({ format, isGzip, pause: 0 }))),
  { format: 'jsonl', isGzip: false, pause: 10 },
];
/** The interval for measuring the gateway's memory, in milliseconds. */
const LOOK = 50;
/** The maximum growth, in MB. */
const LIMIT = 64;

/**
 * Measures the peak growth of a gateway's memory while the whole audit log is exported. The gateway has just started:
 * in one that has worked, V8 may have released memory that it takes again for any work.
 */
export const exportMemory: Workload = async (bench) => {
  const gateway = await startGateway(bench.world, bench.closables);
  const measured: Measured[] = [];
  for (const one of EXPORTS) measured.push(await measure({ ...bench, gateway }, one));
  return measured;
};

async function measure(bench: Bench, one: Export): Promise<Measured> {
  const { gateway, world } = bench;
  const entries = await countEntries(bench);
  const before = heldBy(gateway.pid);
  let peak = before;
  const timer = setInterval(() => (peak = Math.max(peak, heldBy(gateway.pid))), LOOK);
  const begin = performance.now();
  let [lines, tail] = [0, ''];
  try {
    for await (const chunk of (await body(gateway.url, world.adminToken, one)) as AsyncIterable<Buffer>) {
      lines += countLineEnds(chunk);
      tail = (tail + chunk.toString('latin1')).slice(-200);
      if (one.pause > 0) await new Promise((resolve) => setTimeout(resolve, one.pause));
    }
  } finally {
    clearInterval(timer);
  }
  const seconds = (performance.now() - begin) / 1000;
  // The export itself adds one entry.
  if (lines < entries + 1 || (one.format === 'bundle' && !tail.includes('\n{"type":"end"')))
    throw new Error(`An export of ${String(entries)} entries ended after ${String(lines)} lines: ${tail}`);
  const coding = one.isGzip ? ', gzip' : '';
  const title = `export of ${String(entries)} entries as ${one.format}${coding}${one.pause > 0 ? ', a slow reader' : ''}`;
  say(`${title}: ${(peak - before).toFixed(0)} MB in ${seconds.toFixed(0)} s`);
  return {
    title,
    ours: side({ perSecond: lines / seconds, peakMemory: peak }),
    floor: side({}),
    floorName: `${before.toFixed(0)} MB before`,
    value: peak - before,
    unit: 'MB',
    reach: { atMost: LIMIT },
  };
}

async function body(url: string, token: string, { format, isGzip }: Export): Promise<Readable> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, ...(isGzip && { 'accept-encoding': 'gzip' }) };
    const path = `${url}/api/admin/audit-logs/export?format=${format}`;
    request(path, { headers, agent: false }).once('response', resolve).once('error', reject).end();
  });
  if (response.statusCode !== 200)
    throw new Error(`An export was answered with ${String(response.statusCode)}`);
  return isGzip ? pipeline(response, createGunzip(), () => undefined) : response;
}

function countLineEnds(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) count += 1;
  return count;
}

async function countEntries({ world }: Bench): Promise<number> {
  const { rows } = await world.superuser.query<{ count: string }>(
    'SELECT count(*) FROM audit_log WHERE organization_id = $1',
    [world.organizationId],
  );
  return Number(rows[0]?.count);
}

function heldBy(pid: number): number {
  const held = memoryOf(pid);
  if (held === null) throw new Error('This system does not tell how much memory a process holds');
  return held;
}
