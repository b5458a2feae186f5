import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import {
  isProcessorTimeKnown,
  processorTimeOf,
  processorTimeWithChildren,
  readSchedstat,
  readStat,
} from '../../bench/processor-time';

describe('a reader of the benchmark can trust what it reads of /proc', () => {
  it.each([
    ['884636 9298513 3\n', 884.636],
    ['216196534 570411280 225\n', 216_196.534],
    ['0 0 0\n', 0],
  ])(
    'the schedstat %j of a thread is %d µs of a processor, without what it waited for one',
    (text, expected) => {
      expect(readSchedstat(text)).toBe(expected);
    },
  );

  it.each(['postgres', 'postgres: writer (1) 7 8 9', 'a) b (c'])(
    'the stat of a program that is named %j tells its parent and what its ended children took',
    (name) => {
      const text = `77 (${name}) S 4242 77 77 0 -1 4194560 6154 9 0 0 11 22 100 23 20 0 1 0 5588 231 1234 18446744073709551615\n`;
      expect(readStat(text)).toEqual({ parent: 4242, ofEndedChildren: 1_230_000 });
    },
  );

  it.each(['', '\n', 'x 1 2'])('a schedstat that is %j is an error and not a zero', (text) => {
    expect(() => readSchedstat(text)).toThrow(RangeError);
  });

  it.each(['', '77 (postgres', '77 (postgres) S x 77', '77 (postgres) S 1 2 3'])(
    'a stat that is cut off, %j, is an error and not a zero',
    (text) => {
      expect(() => readStat(text)).toThrow(RangeError);
    },
  );
});

/** Uses the processor for a time that it measures itself, then writes a line. */
const BURN = (milliseconds: number): string =>
  `while (process.cpuUsage().user + process.cpuUsage().system < ${String(milliseconds * 1_000)});`;

/** A parent of two children: both work, one ends, then the other one waits for the parent's end. */
const PARENT = `
  const { spawn } = require('node:child_process');
  const child = (code, then) => {
    const started = spawn(process.execPath, ['-e', code], { stdio: ['pipe', 'pipe', 'inherit'] });
    started.stdout.on('data', () => then(started));
    return started;
  };
  child(${JSON.stringify(`${BURN(300)} console.log('done'); process.stdin.resume();`)}, (lasting) =>
    child(${JSON.stringify(`${BURN(300)} console.log('done')`)}, () => undefined).on('exit', () => console.log(lasting.pid)));
  process.stdin.on('end', () => process.exit()).resume();`;

// What PostgreSQL's postmaster is: a process whose children do the work, and end at any time.
const itWithProc = isProcessorTimeKnown() ? it : it.skip;

itWithProc(
  'a process is charged for its children, those that ended included and those left out excluded',
  async () => {
    const parent = spawn(process.execPath, ['-e', PARENT], { stdio: ['pipe', 'pipe', 'inherit'] });
    const { pid = 0 } = parent;
    const [lasting] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    const both = processorTimeWithChildren(pid);
    const ended = processorTimeWithChildren(pid, [Number(lasting)]);
    const own = processorTimeOf(pid);
    parent.stdin.end();
    await once(parent, 'exit');
    // An ended child's time is rounded down to 10 ms twice.
    expect(ended - own).toBeGreaterThanOrEqual(280_000);
    expect(both - ended).toBeGreaterThanOrEqual(299_000);
    expect(() => processorTimeOf(pid)).toThrow();
  },
);
