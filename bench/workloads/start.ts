import { join } from 'node:path';
import { GATEWAY, startProgram } from '../processes';
import type { Bench, Workload } from '../measured';
import { inTurn, ratesOf, sideOf, type Round } from '../rounds';
import { medianRatio } from '../statistics';

/** Measures `npm start` on a warm data folder, in turn with loading its modules and starting PostgreSQL. */
export const start: Workload = async (bench) => {
  const dataDir = join(bench.world.folder, 'start');
  // The first start creates the cluster and the demo data. It is the warm-up of both sides.
  await startGateway(bench, dataDir);
  const { ours, floor } = await inTurn(bench, {
    ours: () => startGateway(bench, dataDir),
    floor: () => startFloor(bench, dataDir),
  });
  return [
    {
      title: 'start with embedded PostgreSQL, warm, to ready',
      ours: { ...sideOf(ours), perSecond: null },
      floor: { ...sideOf(floor), perSecond: null },
      floorName: 'module loading, and PostgreSQL’s own start',
      value: medianRatio(ratesOf(floor), ratesOf(ours)),
      unit: 'ratio',
      reach: { atMost: 2 },
    },
  ];
};

async function startGateway({ closables }: Bench, dataDir: string): Promise<Round> {
  const begin = performance.now();
  const program = startProgram(GATEWAY, { DATA_DIR: dataDir, PORT: '0' });
  closables.add(() => program.stop());
  await program.line(/^ready: /);
  const milliseconds = performance.now() - begin;
  await program.stop();
  return { count: 1, seconds: milliseconds / 1000, latencies: [milliseconds] };
}

async function startFloor({ closables }: Bench, dataDir: string): Promise<Round> {
  const begin = performance.now();
  const program = startProgram('bench/start-floor.worker.ts', {}, [dataDir]);
  // The program stops the server that it started, and ends by itself.
  closables.add(() => program.ended());
  await program.line(/^ready$/);
  const milliseconds = performance.now() - begin;
  await program.ended();
  return { count: 1, seconds: milliseconds / 1000, latencies: [milliseconds] };
}
