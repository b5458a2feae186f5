import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { startPooler } from '../../test/support/pgbouncer';
import type { Fault } from '../fault';
import type { SupervisedGateway } from '../gateway';
import type { World } from '../world';

const SKEWED_CLOCK = pathToFileURL(join(__dirname, '..', 'skewed-clock.mjs')).href;
const HOUR = 3_600_000;

/** Runs a gateway with other settings for a while. */
async function withSettings(
  gateway: SupervisedGateway,
  settings: Readonly<Record<string, string>>,
  meanwhile: () => Promise<void>,
): Promise<void> {
  const before = { ...gateway.settings };
  Object.assign(gateway.settings, settings);
  await gateway.restart();
  await meanwhile();
  for (const name of Object.keys(settings)) Reflect.deleteProperty(gateway.settings, name);
  Object.assign(gateway.settings, before);
  await gateway.restart();
}

async function restartPooler(world: World): Promise<void> {
  const link = world.links[1]?.application;
  if (link === undefined) throw new Error('There are two gateways');
  const start = async (): Promise<{ stop: () => Promise<void> }> => {
    const pooler = await startPooler(world.folder, world.server.applicationUrl());
    link.retarget(Number(new URL(pooler.url).port));
    return pooler;
  };
  const first = await start();
  await withSettings(world.gateways[1], { DATABASE_PREPARED_STATEMENTS: 'off' }, async () => {
    await pause(800);
    await first.stop();
    await pause(world.random.between(50, 500));
    const second = await start();
    await pause(800);
    await second.stop();
    link.retarget(world.server.port);
  });
}

/** Faults caused by a restart with other settings. */
export const restartFaults: readonly Fault[] = [
  {
    name: 'clock of a gateway wrong',
    inject: async (world) => {
      const [gateway] = world.gateways;
      const offset = world.random.chance(0.5) ? HOUR : -HOUR;
      const settings = { NODE_OPTIONS: `--import ${SKEWED_CLOCK}`, CHAOS_CLOCK_OFFSET: String(offset) };
      await withSettings(gateway, settings, () => pause(1_000));
      return 1;
    },
  },
  {
    name: 'pool of one',
    inject: async (world) => {
      await withSettings(world.gateways[0], { DATABASE_POOL_SIZE: '1' }, () => pause(1_500));
      return 1;
    },
  },
  {
    name: 'PgBouncer restarted',
    unavailable: () =>
      spawnSync('pgbouncer', ['--version']).status === 0 ? null : 'there is no PgBouncer here',
    inject: async (world) => {
      await restartPooler(world);
      return 2;
    },
  },
];
