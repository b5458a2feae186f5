import { readdirSync, readFileSync } from 'node:fs';

/**
 * Processor time as Linux accounts for it, in microseconds.
 *
 * `/proc/PID/task/TID/schedstat` gives a thread's in nanoseconds. `utime` and `stime` of `/proc/PID/stat` come in units
 * of 10 ms each, rounded down: over the hundred processes of a PostgreSQL, that is a tenth of a second either way. What
 * processes that ended have used is only in `cutime` and `cstime` of their parent, which are rounded once.
 */

/** The unit of times in `/proc/PID/stat`, which is the same on every Linux that Node.js runs on, in microseconds. */
const TICK = 10_000;

/** How often a tree of processes is read before giving up, since processes begin or end in each reading. */
const ATTEMPTS = 100;

/** What `/proc/PID/stat` tells of a process. */
export interface ProcessStat {
  readonly parent: number;
  /** The processor time of its children that ended and that it has waited for, in microseconds. */
  readonly ofEndedChildren: number;
}

/** Reads the text of `/proc/PID/stat`. The name of the program, in parentheses, may hold spaces and parentheses. */
export function readStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // The first field after the name is the third one of proc_pid_stat(5).
  const field = (number: number): number => numberOf(fields[number - 3], text);
  return { parent: field(4), ofEndedChildren: (field(16) + field(17)) * TICK };
}

/** Reads the text of a thread's `schedstat`. @returns its processor time, in microseconds */
export function readSchedstat(text: string): number {
  return numberOf(text.split(' ')[0], text) / 1_000;
}

function numberOf(digits: string | undefined, text: string): number {
  if (digits === undefined || !/^\d+$/.test(digits)) throw new RangeError(`Not a text of /proc: ${text}`);
  return Number(digits);
}

/** Whether this system tells processor times. Linux does, unless its kernel was built without them. */
export function isProcessorTimeKnown(): boolean {
  try {
    return processorTimeOf(process.pid) > 0;
  } catch {
    return false;
  }
}

/**
 * Returns the processor time that a process's threads have used so far, in microseconds. Node.js keeps its threads, so
 * none is missing.
 * @throws {Error} if there is no such process
 */
export function processorTimeOf(pid: number): number {
  const threads = `/proc/${String(pid)}/task`;
  return sum(
    readdirSync(threads).map((thread) =>
      readSchedstat(readFileSync(`${threads}/${thread}/schedstat`, 'utf8')),
    ),
  );
}

/**
 * Returns the processor time that a process has used so far with all of its children, those that ended included, in
 * microseconds.
 * @param except children that are not counted; they have to live as long as it is measured
 * @throws {Error} if there is no such process, or its children begin and end too often to read them
 */
export function processorTimeWithChildren(pid: number, except: readonly number[] = []): number {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const children = childrenOf(pid);
    const { ofEndedChildren } = statOf(pid);
    const times = children.filter((child) => !except.includes(child)).map(timeUnlessEnded);
    // A child that ends meanwhile would be counted twice or not at all.
    if (times.includes(null) || childrenOf(pid).join() !== children.join()) continue;
    return processorTimeOf(pid) + ofEndedChildren + sum(times.map(Number));
  }
  throw new Error(`The children of process ${String(pid)} begin and end all the time`);
}

function statOf(pid: number): ProcessStat {
  return readStat(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((process) => unlessEnded(() => statOf(process).parent === pid) ?? false);
}

function timeUnlessEnded(pid: number): number | null {
  return unlessEnded(() => processorTimeOf(pid));
}

/** Returns what is read of a process; null if it has ended. */
function unlessEnded<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
