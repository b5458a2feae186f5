import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync, appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Closables } from '../bench/closables';

/** A file system that the run can fill. */
export interface Disk {
  /** Whether it is a separate file system. */
  readonly isSeparate: boolean;
  /** Fills the free space. */
  fill(): void;
  /** Frees the space again. */
  empty(): void;
}

const CHUNK = Buffer.alloc(1_048_576, 1);

/** Makes a folder a small file system in memory where the system allows it; otherwise it is an ordinary folder. */
export function makeDisk(folder: string, megabytes: number, closables: Closables): Disk {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const filler = join(folder, 'filler');
  const isSeparate = mount(folder, megabytes);
  if (isSeparate)
    closables.add(() => {
      execFileSync('umount', ['-l', folder]);
      return Promise.resolve();
    });
  return {
    isSeparate,
    fill: () => {
      writeFileSync(filler, '');
      try {
        // The last chunk is written as far as it fits; the next write fails.
        for (;;) appendFileSync(filler, freeBytes(folder) >= CHUNK.length ? CHUNK : CHUNK.subarray(0, 4_096));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    },
    empty: () => {
      rmSync(filler, { force: true });
    },
  };
}

function mount(folder: string, megabytes: number): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    const options = `size=${String(megabytes)}m,mode=0755`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'countersign-chaos', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
