import { readFileSync, writeFileSync } from 'node:fs';

/** What a process holds of memory, in MB; null where the system does not tell (anywhere but on Linux). */
export function memoryOf(pid: number): number | null {
  return readStatus(pid, 'VmRSS');
}

/** The most that a process has held since `forgetPeak`. */
export function peakMemoryOf(pid: number): number | null {
  return readStatus(pid, 'VmHWM');
}

export function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${String(pid)}/clear_refs`, '5');
  } catch {
    // Then the peak is that of its whole life.
  }
}

function readStatus(pid: number, name: string): number | null {
  try {
    const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
    const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) / 1024;
  } catch {
    return null;
  }
}
