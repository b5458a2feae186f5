import { load, type OnWarm } from '../load';
import type { Bench, Workload } from '../measured';
import { startProgram } from '../processes';
import { inTurn, metered, observed, processorRatio, ratesOf, sideOf, type Round } from '../rounds';
import { medianRatio } from '../statistics';

const CONNECTIONS = 64;
const WARM_UP = 4 * CONNECTIONS;
/** The gateway's default number of connections to the database. */
const POOL_SIZE = 20;

/** Measures status polls by API key, in turn with a bare Fastify route that runs the same SELECT by primary key. */
export const status: Workload = async (bench) => {
  const { world, closables } = bench;
  const program = startProgram('bench/status-floor.worker.ts', {}, [
    world.applicationUrl,
    String(world.organizationId),
    String(POOL_SIZE),
  ]);
  closables.add(() => program.stop());
  const bare = (await program.line(/^ready: /)).replace('ready: ', '');
  const { ours, floor } = await inTurn(bench, {
    ours: () => pollGateway(bench),
    floor: () => metered(world, [program.child.pid ?? 0], (onWarm) => poll(bench, bare, onWarm)),
  });
  await program.stop();
  return [
    {
      title: `status poll by API key, ${String(CONNECTIONS)} connections`,
      ours: sideOf(ours),
      floor: sideOf(floor),
      floorName: 'a bare Fastify route with the same SELECT',
      processorRatio: processorRatio(ours, floor),
      value: medianRatio(ratesOf(ours), ratesOf(floor)),
      unit: 'ratio',
      reach: { atLeast: 0.7 },
    },
  ];
};

/** Measures status polls of the gateway. */
export function pollGateway(bench: Bench): Promise<Round> {
  return observed(bench, countOf(bench), (onWarm) => poll(bench, bench.gateway.url, onWarm));
}

function poll(bench: Bench, url: string, onWarm: OnWarm): ReturnType<typeof load> {
  const { world, closables } = bench;
  const { first, last } = world.actionIds;
  const requests = Array.from({ length: countOf(bench) }, (_, index) => ({
    method: 'GET' as const,
    path: `/api/v1/actions/${String(first + ((index * 7_919) % (last - first + 1)))}/status`,
    headers: { 'x-api-key': world.apiKey },
  }));
  const expected = '"decision_ready":';
  return load({ url, connections: CONNECTIONS, requests, warmUp: WARM_UP, expected, onWarm }, closables);
}

function countOf({ options }: Bench): number {
  return WARM_UP + (options.isQuick ? 512 : 12_000);
}
