import { startGateway } from '../gateway';
import { load, type OnWarm } from '../load';
import { longestOf, StopWatch, type Stop } from '../longest-stop';
import { side, type Bench, type Measured, type Workload } from '../measured';
import { byProcessorTime, inTurn, observed, sideOf, type Round } from '../rounds';
import { checkApproved } from '../world';
import { CONNECTIONS as CALLERS, decideFloor, FLOOR_NAME, operationsOf } from './approve';

const CONNECTIONS = 8;
const BULK = 500;

/** The longest stop of the gateway's event loop, in milliseconds. */
const LONGEST_STOP = 8;

/** Measures bulks of 500 over REST, per item, in turn with the floor of a decision. */
export const bulk: Workload = async (bench) => {
  const { ours, floor } = await inTurn(bench, {
    ours: () => approveInBulk(bench, BULK, bulksOf(bench)),
    floor: () => decideFloor(bench, CALLERS, operationsOf(bench)),
  });
  const sides = { ours: sideOf(ours), floor: sideOf(floor), floorName: FLOOR_NAME };
  return [
    {
      title: `bulk of ${String(BULK)} over REST, items, ${String(CONNECTIONS)} connections`,
      ...sides,
      ...byProcessorTime(ours, floor, 0.35),
    },
    {
      title: `bulk of ${String(BULK)}: SQL statements`,
      ...sides,
      value: sides.ours.statementsPerRequest ?? Infinity,
      unit: 'statements',
      reach: { atMost: 6 },
    },
    await measureStops(bench),
  ];
};

/**
 * Measures the longest stop of a gateway's event loop. The gateway is one of its own, since the timer that watches the
 * loop takes processor time.
 */
async function measureStops(shared: Bench): Promise<Measured> {
  const gateway = await startGateway(shared.world, shared.closables, 'bench/watched-gateway.worker.ts');
  const bench = { ...shared, gateway };
  const watch = new StopWatch(gateway);
  const stops: Stop[] = [];
  const { ours } = await inTurn(bench, {
    ours: async () => {
      const round = await approveInBulk(bench, BULK, bulksOf(bench), async () => {
        await watch.read();
      });
      stops.push(await watch.read());
      return round;
    },
  });
  // The first round warms up.
  const { stop, waited, busy } = longestOf(stops.slice(1));
  return {
    title: `bulk of ${String(BULK)}: longest stop of the event loop`,
    ours: { ...sideOf(ours), processor: null },
    floor: side({}),
    floorName: `${waited.toFixed(1)} ms of it waiting for a processor; longest without waiting: ${busy.toFixed(1)} ms`,
    value: stop,
    unit: 'ms',
    reach: { atMost: LONGEST_STOP },
  };
}

function bulksOf({ options }: Bench): number {
  return options.isQuick ? 8 : 48;
}

/**
 * Measures bulks of this many ids over REST, counted in items.
 * @param alsoWhenWarm is called between the warm-up and the bulks that count
 */
export async function approveInBulk(
  bench: Bench,
  size: number,
  count: number,
  alsoWhenWarm: OnWarm = () => Promise.resolve(),
): Promise<Round> {
  const { world, gateway, closables } = bench;
  const warmUp = CONNECTIONS;
  const bulks = warmUp + count;
  const ids = await world.addPending(bulks * size);
  const requests = Array.from({ length: bulks }, (_, index) => ({
    method: 'POST' as const,
    path: '/api/v1/actions/bulk-approve',
    headers: {
      authorization: `Bearer ${world.reviewers[index % world.reviewers.length]?.token ?? ''}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ action_ids: ids.slice(index * size, (index + 1) * size), reason: 'Batch review' }),
  }));
  const expected = `"succeeded":${String(size)}`;
  const sent = { url: gateway.url, connections: CONNECTIONS, requests, warmUp, expected };
  const round = await observed(bench, bulks, (onWarm) => {
    const whenWarm = async (): Promise<void> => {
      await onWarm();
      await alsoWhenWarm();
    };
    return load({ ...sent, onWarm: whenWarm }, closables);
  });
  await checkApproved(world, ids);
  return { ...round, count: count * size };
}
