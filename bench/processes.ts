import { fork, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const REPOSITORY = join(__dirname, '..');

/** The gateway's program. */
export const GATEWAY = 'src/main.ts';

/** The flags of `npm start`: its arguments between `node` and the path. */
const START_FLAGS = (
  JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { scripts: { start: string } }
).scripts.start
  .split(' ')
  .slice(1, -1);

/** How long a process may take to stop before it is killed, in milliseconds. */
const STOP_TIMEOUT = 20_000;

/** A program of this repository in its own process, which inherits none of this process's settings. */
export interface Program {
  readonly child: ChildProcess;
  /** Returns the first line of its standard output that matches; rejects if the process ends before. */
  line(pattern: RegExp): Promise<string>;
  /** Resolves once the process has ended by itself. */
  ended(): Promise<void>;
  /** Ends the process, and waits until it has ended. */
  stop(): Promise<void>;
}

/** Starts a program with the flags of `npm start`. */
export function startProgram(
  path: string,
  settings: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): Program {
  const child = spawn(process.execPath, [...START_FLAGS, path, ...args], {
    cwd: REPOSITORY,
    env: environment(settings),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return programOf(child);
}

/** Starts a program that receives its work as messages and ends with this process; with V8's defaults, as a floor. */
export function startWorker(path: string): Program {
  const child = fork(join(REPOSITORY, path), [], {
    cwd: REPOSITORY,
    execArgv: ['--import', 'tsx'],
    env: environment({}),
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  return programOf(child);
}

function environment(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: process.env['HOME'], ...settings };
}

function programOf(child: ChildProcess): Program {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let errors = '';
  let isOver = false;
  const wake = (): void => {
    for (const look of waiting) look();
  };
  if (child.stdout !== null)
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (lines.length > 1000) lines.shift();
      wake();
    });
  child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-10_000)));
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => {
      isOver = true;
      wake();
      resolve();
    });
  });
  return {
    child,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find((line) => pattern.test(line));
          if (found === undefined && !isOver) return;
          waiting.delete(look);
          if (found === undefined)
            reject(new Error(`A process ended early:\n${lines.join('\n')}\n${errors}`));
          else resolve(found);
        };
        waiting.add(look);
        look();
      }),
    ended: () => gone,
    stop: async () => {
      if (!isOver) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT);
      await gone;
      clearTimeout(timer);
    },
  };
}
