import { readFileSync } from 'node:fs';
import '../src/main';

/**
 * The gateway as `npm start` runs it, with a timer of one millisecond in its event loop. On SIGUSR2 it prints
 * `stop N: LONGEST WAITED BUSY` since the last signal, where N counts the signals: the longest time for which the timer
 * was not served, how much of it the thread waited for a processor, and the longest time without such waiting, in
 * milliseconds.
 */
const TIMER = 1;

/** The second number of a thread's schedstat is the time that it waited for a processor, in nanoseconds. */
const SCHEDSTAT = `/proc/self/task/${String(process.pid)}/schedstat`;

function waitedSoFar(): number {
  try {
    return Number(readFileSync(SCHEDSTAT, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

let last = { at: performance.now(), waited: waitedSoFar() };
const NONE = { stop: 0, waited: 0, busy: 0 };
let longest = NONE;
let signals = 0;

setInterval(() => {
  const now = { at: performance.now(), waited: waitedSoFar() };
  // The timer's own millisecond is part of the time between two calls.
  const stop = now.at - last.at - TIMER;
  const waited = now.waited - last.waited;
  const busy = Math.max(longest.busy, stop - waited);
  longest = stop > longest.stop ? { stop, waited, busy } : { ...longest, busy };
  last = now;
}, TIMER).unref();

process.on('SIGUSR2', () => {
  signals += 1;
  process.stdout.write(
    `stop ${String(signals)}: ${[longest.stop, longest.waited, longest.busy].join(' ')}\n`,
  );
  longest = NONE;
});
