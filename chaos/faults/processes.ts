import { setTimeout as pause } from 'node:timers/promises';
import type { Violation } from '../checks';
import type { Fault } from '../fault';
import type { World } from '../world';

/** How often a short fault is repeated in one round. */
const REPEATS = 5;
/** How many backends are killed in one round. The server recovers from each within a second. */
const KILLED_BACKENDS = 12;

async function repeat(world: World, times: number, once: () => Promise<number>): Promise<number> {
  let sum = 0;
  for (let time = 0; time < times; time += 1) {
    await pause(world.random.between(20, 250));
    sum += await once();
  }
  return sum;
}

/** Faults of the processes of gateways and database. */
export const processFaults: readonly Fault[] = [
  {
    name: 'gateway killed',
    inject: (world) =>
      repeat(world, REPEATS, async () => {
        const gateway = world.random.pick(world.gateways);
        const isKilled = gateway.signal('SIGKILL');
        await gateway.untilReady();
        return Number(isKilled);
      }),
  },
  {
    name: 'both gateways killed',
    inject: async (world) => {
      await pause(world.random.between(50, 400));
      const killed = world.gateways.filter((gateway) => gateway.signal('SIGKILL'));
      return killed.length;
    },
  },
  {
    name: 'connections ended by the server',
    inject: (world) =>
      repeat(world, REPEATS, async () => {
        const rows = await world.sql(
          `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
             WHERE usename LIKE 'countersign%' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 6) chosen`,
        );
        return rows.length;
      }),
  },
  {
    name: 'backend killed',
    inject: (world) => repeat(world, KILLED_BACKENDS, () => world.server.killBackend(1)),
  },
  {
    name: 'postmaster killed',
    inject: async (world) => {
      await pause(world.random.between(50, 400));
      await world.server.kill();
      await pause(world.random.between(0, 500));
      await world.server.start();
      return 1;
    },
  },
  {
    name: 'database restarted',
    inject: async (world) => {
      await pause(world.random.between(50, 400));
      await world.server.stop();
      await world.server.start();
      return 1;
    },
  },
  {
    name: 'gateway stopped for a while',
    inject: async (world) => {
      const gateway = world.random.pick(world.gateways);
      gateway.signal('SIGSTOP');
      await pause(world.random.between(500, 2_500));
      gateway.signal('SIGCONT');
      return 1;
    },
  },
  {
    name: 'database frozen',
    inject: async (world) => {
      await world.server.freeze(true);
      await pause(world.random.between(1_000, 4_000));
      await world.server.freeze(false);
      return 1;
    },
  },
  {
    name: 'rolling restart',
    inject: async (world) => {
      const violations: Violation[] = [];
      for (const gateway of world.gateways) {
        gateway.signal('SIGTERM');
        // The supervisor restarts the process once it has ended.
        const ended = gateway.ends.length + 1;
        while (gateway.ends.length < ended) await pause(20);
        await gateway.untilReady();
        const end = gateway.ends.at(-1) ?? '';
        if (end !== 'exit code 0')
          violations.push({
            promise: 'P9',
            detail: `gateway ${gateway.name} was told to stop and ended with ${end}`,
          });
      }
      return { count: world.gateways.length, violations };
    },
  },
];
