import type { Closables } from './closables';
import { startGateway, untilSealed, type Gateway } from './gateway';
import { load } from './load';
import type { Bench } from './measured';
import { say, withBench } from './open';
import type { Options } from './options';
import { inTurn, sideOf, type Round } from './rounds';
import { approvals, approve, compile, decideFloor, REST } from './workloads/approve';
import { approveInBulk } from './workloads/bulk';
import { LIST, readLists } from './workloads/list';
import { pollGateway } from './workloads/status';
import { checkApproved } from './world';

/** The cost of an operation at one point of a scale: medians of the rounds. */
export interface ScalePoint {
  readonly grows: string;
  readonly to: string;
  readonly what: string;
  readonly perSecond: number;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly statementsPerRequest: number | null;
}

const CONNECTIONS = [1, 4, 16, 64, 256];
const IDS_PER_BULK = [1, 5, 50, 500];

/** Measures how cost grows with the data, the connections, the ids of a bulk, and a second process. */
export async function measureScale(options: Options, closables: Closables): Promise<readonly ScalePoint[]> {
  const points: ScalePoint[] = [];
  const sizes = options.isQuick ? [1_000] : powersOfTen(10_000, options.maxRows);
  for (const rows of sizes) {
    const size = { actions: rows, auditRows: rows };
    points.push(...(await withBench(options, size, closables, (bench) => ofData(bench, rows))));
  }
  const size = options.isQuick ? { actions: 1_000, auditRows: 1_000 } : options.size;
  points.push(
    ...(await withBench(options, size, closables, async (bench) => [
      ...(await ofConnections(bench)),
      ...(await ofBulks(bench)),
      ...(await ofProcesses(bench)),
    ])),
  );
  return points;
}

async function ofData(bench: Bench, rows: number): Promise<readonly ScalePoint[]> {
  await compile(bench, REST);
  return series(bench, 'actions and audit entries', {
    [`${String(rows)}: approve over REST, 64 connections`]: () => approveSome(bench, 64),
    [`${String(rows)}: floor of a decision, 64 callers`]: () => decideFloor(bench, 64, countOf(bench)),
    [`${String(rows)}: list of 50, 32 connections`]: () => readLists(bench, LIST),
    [`${String(rows)}: status poll, 64 connections`]: () => pollGateway(bench),
  });
}

async function ofConnections(bench: Bench): Promise<readonly ScalePoint[]> {
  await compile(bench, REST);
  return series(
    bench,
    'connections',
    sidesOf(CONNECTIONS, 'approve over REST', (connections) => () => approveSome(bench, connections)),
  );
}

function ofBulks(bench: Bench): Promise<readonly ScalePoint[]> {
  const items = bench.options.isQuick ? 1_000 : 10_000;
  return series(
    bench,
    'ids per bulk',
    sidesOf(IDS_PER_BULK, 'bulk over REST, items, 8 connections', (ids) => () => {
      const bulks = Math.max(8, Math.min(items / ids, 2_000));
      return approveInBulk(bench, ids, bulks);
    }),
  );
}

/** Measures the same 64 connections with one gateway, and with two on one database. */
async function ofProcesses(bench: Bench): Promise<readonly ScalePoint[]> {
  const second = await startGateway(bench.world, bench.closables);
  await compile({ ...bench, gateway: second }, REST);
  return series(bench, 'gateway processes', {
    '1: approve over REST, 64 connections': () => approveSome(bench, 64),
    '2: approve over REST, 64 connections': () => approveAtBoth(bench, [bench.gateway, second]),
  });
}

async function approveAtBoth(bench: Bench, gateways: readonly Gateway[]): Promise<Round> {
  const { world, closables } = bench;
  const warmUp = 128;
  const ids = await world.addPending(2 * warmUp + countOf(bench));
  const results = await Promise.all(
    gateways.map(({ url }, index) => {
      const half = ids.filter((_id, place) => place % 2 === index);
      const requests = approvals(REST, world, half);
      return load({ url, connections: 32, requests, warmUp, expected: REST.expected }, closables);
    }),
  );
  await checkApproved(world, ids);
  await untilSealed(world);
  const latencies = results.flatMap((result) => result.latencies);
  const seconds = Math.max(...results.map((result) => result.seconds));
  return { count: latencies.length, seconds, latencies };
}

function approveSome(bench: Bench, connections: number): Promise<Round> {
  return approve(bench, REST, connections, connections < 16 ? countOf(bench) / 4 : countOf(bench));
}

function countOf({ options }: Bench): number {
  return options.isQuick ? 256 : 4_000;
}

/** Measures the points of a scale in turn. A side's name is the point, a colon, and what is measured there. */
async function series(
  bench: Bench,
  grows: string,
  sides: Readonly<Record<string, () => Promise<Round>>>,
): Promise<readonly ScalePoint[]> {
  say(`measuring ${grows}`);
  const rounds = await inTurn(bench, sides);
  return Object.keys(sides).map((name) => {
    const [to = '', what = ''] = name.split(': ');
    const { perSecond, p50, p99, statementsPerRequest } = sideOf(rounds[name] ?? []);
    return { grows, to, what, perSecond: perSecond ?? 0, p50, p99, statementsPerRequest };
  });
}

function sidesOf(
  points: readonly number[],
  what: string,
  side: (point: number) => () => Promise<Round>,
): Readonly<Record<string, () => Promise<Round>>> {
  return Object.fromEntries(points.map((point) => [`${String(point)}: ${what}`, side(point)]));
}

function powersOfTen(from: number, to: number): readonly number[] {
  const powers: number[] = [];
  for (let power = from; power <= to; power *= 10) powers.push(power);
  return powers;
}
