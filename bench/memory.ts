import { readFileSync, writeFileSync } from 'node:fs';

/** Returns the resident memory of a process, in MB; null where the system does not report it (other than Linux). */
export function memoryOf(pid: number): number | null {
  return readStatus(pid, 'VmRSS');
}

/** Returns the peak of a process's resident memory since `forgetPeak`, in MB; null where it is not reported. */
export function peakMemoryOf(pid: number): number | null {
  return readStatus(pid, 'VmHWM');
}

export function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${String(pid)}/clear_refs`, '5');
  } catch {
    // The peak then covers the whole life of the process.
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
