import { readFileSync } from 'node:fs';
import '../src/main';

/**
 * The gateway as `npm start` runs it, with a timer of one millisecond in its event loop. On SIGUSR2 it prints the
 * longest time since the last signal for which the timer was not served, and how much of it the thread waited for a
 * processor, both in milliseconds: `stop N: LONGEST WAITED`, where N counts the signals.
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
let longest = { stop: 0, waited: 0 };
let signals = 0;

setInterval(() => {
  const now = { at: performance.now(), waited: waitedSoFar() };
  // The timer's own millisecond is part of the time between two calls.
  const stop = now.at - last.at - TIMER;
  if (stop > longest.stop) longest = { stop, waited: now.waited - last.waited };
  last = now;
}, TIMER).unref();

process.on('SIGUSR2', () => {
  signals += 1;
  process.stdout.write(`stop ${String(signals)}: ${String(longest.stop)} ${String(longest.waited)}\n`);
  longest = { stop: 0, waited: 0 };
});
