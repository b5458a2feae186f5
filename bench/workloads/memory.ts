import { startGateway, untilSealed } from '../gateway';
import { load, type LoadRequest } from '../load';
import { memoryOf } from '../memory';
import { side, type Bench, type Workload } from '../measured';
import { checkApproved } from '../world';
import { approvals, REST } from './approve';

const CONNECTIONS = 64;

/**
 * Measures how much a gateway's memory grows from the 20,000th to the 100,000th request of a mixture. Memory is
 * measured after a garbage collection, since V8 may let as much garbage pile up as these requests produce.
 */
export const memory: Workload = async (shared) => {
  const { world, closables } = shared;
  const gateway = await startGateway(world, closables, 'bench/collected-gateway.worker.ts');
  const bench = { ...shared, gateway };
  const requests = bench.options.isQuick ? 1_000 : 100_000;
  await mixture(bench, requests / 5);
  const before = await settledMemory(bench);
  await mixture(bench, (requests * 4) / 5);
  const after = await settledMemory(bench);
  return [
    {
      title: `memory: growth from request ${String(requests / 5)} to ${String(requests)}`,
      ours: side({ peakMemory: after }),
      floor: side({}),
      floorName: `${before.toFixed(0)} MB`,
      value: after - before,
      unit: 'MB',
      reach: { atMost: 20 },
    },
  ];
};

/** Sends a mixture: half approvals over REST, half status polls by API key. */
async function mixture(bench: Bench, count: number): Promise<void> {
  const { world, gateway, closables } = bench;
  // In parts, since an approval's request is built before it is sent, and takes memory in this process.
  for (let left = count; left > 0; left -= 10_000) {
    const ids = await world.addPending(Math.min(left, 10_000) / 2);
    const requests = approvals(REST, world, ids).flatMap((approval, index): readonly LoadRequest[] => [
      approval,
      {
        method: 'GET',
        path: `/api/v1/actions/${String(ids[(index * 7) % ids.length])}/status`,
        headers: { 'x-api-key': world.apiKey },
      },
    ]);
    await load(
      { url: gateway.url, connections: CONNECTIONS, requests, warmUp: 0, expected: '"action_id":' },
      closables,
    );
    await checkApproved(world, ids);
  }
  await untilSealed(world);
}

/** Returns the lowest of a few measurements, each after a garbage collection: pages are released a little later. */
async function settledMemory({ gateway }: Bench): Promise<number> {
  const looks: number[] = [];
  for (let look = 0; look < 10; look += 1) {
    process.kill(gateway.pid, 'SIGUSR2');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const held = memoryOf(gateway.pid);
    if (held === null) throw new Error('This system does not tell how much memory a process holds');
    looks.push(held);
  }
  return Math.min(...looks);
}
