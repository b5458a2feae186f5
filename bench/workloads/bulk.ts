import { untilSealed } from '../gateway';
import { load } from '../load';
import type { Bench, Workload } from '../measured';
import { inTurn, observed, ratesOf, sideOf, type Round } from '../rounds';
import { medianRatio } from '../statistics';
import { checkApproved } from '../world';
import { decideFloor } from './approve';

const CONNECTIONS = 8;
const BULK = 500;

/**
 * Measures bulks of 500 over REST, in items per second, in turn with the floor of a decision with equal concurrency.
 */
export const bulk: Workload = async (bench) => {
  const { ours, floor } = await inTurn(bench, {
    ours: () => approveInBulk(bench, BULK, bench.options.isQuick ? 8 : 48),
    floor: () => decideFloor(bench, CONNECTIONS, bench.options.isQuick ? 128 : 4_000),
  });
  const sides = { ours: sideOf(ours), floor: sideOf(floor), floorName: 'floor of a decision' };
  return [
    {
      title: `bulk of ${String(BULK)} over REST, items, ${String(CONNECTIONS)} connections`,
      ...sides,
      value: medianRatio(ratesOf(ours), ratesOf(floor)),
      unit: 'ratio',
      reach: { atLeast: 6 },
    },
    {
      title: `bulk of ${String(BULK)}: SQL statements`,
      ...sides,
      value: sides.ours.statementsPerRequest ?? Infinity,
      unit: 'statements',
      reach: { atMost: 6 },
    },
  ];
};

/** Measures bulks of this many ids over REST, counted in items. */
export async function approveInBulk(bench: Bench, size: number, count: number): Promise<Round> {
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
  const round = await observed(bench, bulks, () =>
    load(
      {
        url: gateway.url,
        connections: CONNECTIONS,
        requests,
        warmUp,
        expected: `"succeeded":${String(size)}`,
      },
      closables,
    ),
  );
  await checkApproved(world, ids);
  await untilSealed(world);
  return { ...round, count: count * size };
}
