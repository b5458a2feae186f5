import { setTimeout as pause } from 'node:timers/promises';
import type { Disk } from '../disks';
import type { Fault } from '../fault';
import type { World } from '../world';

const notSeparate = (disks: readonly Disk[]): string | null =>
  disks.every(({ isSeparate }) => isSeparate) ? null : 'no file system of its own can be mounted here';

async function whileFull(world: World, disks: readonly Disk[]): Promise<number> {
  await pause(world.random.between(100, 400));
  for (const disk of disks) disk.fill();
  await pause(world.random.between(800, 2_000));
  for (const disk of disks) disk.empty();
  return disks.length;
}

/** Faults of file systems. */
export const diskFaults: readonly Fault[] = [
  {
    name: 'disk of the database full',
    unavailable: ({ dataDisk }) => notSeparate([dataDisk]),
    inject: async (world) => {
      const count = await whileFull(world, [world.dataDisk]);
      // A server that could not recover has ended, so whoever frees the disk has to start it.
      await world.server.ensureRunning();
      return count;
    },
    expectedErrors: /No space left|could not (extend|write)|cannot be sealed/,
  },
  {
    name: 'disk of the archive full',
    unavailable: ({ archiveDisks }) => notSeparate(archiveDisks),
    inject: (world) => whileFull(world, world.archiveDisks),
    expectedErrors: /ENOSPC|no space left|cannot be sealed|cannot be written|No ids can be reserved/,
  },
];
