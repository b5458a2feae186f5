import { setTimeout as pause } from 'node:timers/promises';
import type { Fault } from '../fault';
import type { LinkState } from '../link';
import type { World } from '../world';

/** Puts the links of one gateway, or of both, into a state for a while. */
async function disturb(
  world: World,
  state: LinkState,
  milliseconds: readonly [number, number],
): Promise<number> {
  await pause(world.random.between(20, 300));
  const links = world.random.chance(0.5) ? world.links : [world.random.pick(world.links)];
  const chosen = links.flatMap(({ application, owner }) => [application, owner]);
  for (const link of chosen) link.set(state);
  await pause(world.random.between(...milliseconds));
  // Connections that were frozen or lost responses are reset: a recovered network has forgotten them.
  if (state !== 'slow') for (const link of chosen) link.set('reset');
  for (const link of chosen) link.set('open');
  return chosen.length;
}

const fault = (
  name: string,
  state: LinkState,
  milliseconds: readonly [number, number],
  times = 1,
): Fault => ({
  name,
  inject: async (world) => {
    let sum = 0;
    for (let time = 0; time < times; time += 1) sum += await disturb(world, state, milliseconds);
    return sum;
  },
});

/** Faults between a gateway and its database. */
export const networkFaults: readonly Fault[] = [
  fault('connections closed', 'closed', [20, 800], 3),
  fault('connections reset', 'reset', [20, 800], 3),
  fault('network slow', 'slow', [500, 2_000]),
  fault('network frozen', 'frozen', [1_000, 5_000]),
  fault('answers lost', 'answers lost', [100, 1_500], 2),
  fault('answers truncated', 'answers truncated', [100, 800], 3),
];
