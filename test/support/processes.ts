import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isPooled } from './database';
import { keepLog } from './run-log';

/**
 * The settings of a process, which stops without delay by default: of the tests' own environment it gets only the way
 * to its programs.
 */
export type Settings = Readonly<Record<string, string>>;

/** The result of a command. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A gateway in a process of its own. */
export interface RunningGateway {
  /** From its `ready:` line. */
  readonly url: string;
  /** Its standard output so far. */
  readonly lines: readonly string[];
  /** Resolves once it printed this line. */
  printed(line: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it has ended. */
  readonly finished: Promise<Finished>;
}

/** What an operator sets behind a pooler that cannot keep prepared statements apart. */
const POOLED = { DATABASE_PREPARED_STATEMENTS: 'off' };

const repository = join(__dirname, '..', '..');
const running = new Set<ChildProcess>();

/** Runs a command of src/cli to its end. */
export function runCommand(name: string, args: readonly string[], settings: Settings): Promise<Finished> {
  // Its output is its result, which may be a credential.
  return collect(start(join('src', 'cli', `${name}.ts`), args, settings), ['stderr']).finished;
}

/** Runs `npm start`'s program to its end, which is expected to come by itself. */
export function runGateway(settings: Settings, args: readonly string[] = []): Promise<Finished> {
  return collect(start(join('src', 'main.ts'), args, settings)).finished;
}

/**
 * Starts `npm start`'s program, or another that runs a gateway, and waits until it is ready.
 * @param program its path in the repository
 * @throws if it ends before
 */
export async function startProcess(
  settings: Settings,
  program = join('src', 'main.ts'),
): Promise<RunningGateway> {
  const child = start(program, [], settings);
  const { lines, finished, until } = collect(child);
  const ready = await Promise.race([until(/^ready: /), finished]);
  if (typeof ready !== 'string')
    throw new Error(`The gateway ended before it was ready: ${JSON.stringify(ready)}`);
  const url = /http:\/\/[^/\s]+/.exec(ready)?.[0];
  if (url === undefined) throw new Error(`No address in: ${ready}`);
  return {
    url,
    lines,
    printed: async (line) => {
      await until(new RegExp(`^${line}$`));
    },
    signal: (signal) => child.kill(signal),
    finished,
  };
}

/** Stops what a failing test left running. */
export async function stopAll(): Promise<void> {
  await Promise.all(
    [...running].map((child) => {
      const gone = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGTERM');
      return gone;
    }),
  );
}

function start(program: string, args: readonly string[], settings: Settings): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], {
    cwd: repository,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      SHUTDOWN_DELAY: '0',
      ...(isPooled() && POOLED),
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** `logs` are those of its outputs that a log consists of. */
function collect(
  child: ChildProcess,
  logs: readonly ('stdout' | 'stderr')[] = ['stdout', 'stderr'],
): {
  lines: string[];
  finished: Promise<Finished>;
  until: (pattern: RegExp) => Promise<string>;
} {
  const lines: string[] = [];
  const waiting: { pattern: RegExp; resolve: (line: string) => void }[] = [];
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  if (child.stdout)
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      for (const { pattern, resolve } of waiting) if (pattern.test(line)) resolve(line);
    });
  return {
    lines,
    finished: new Promise((resolve) => {
      child.once('close', (code) => {
        keepLog('process')(logs.map((log) => ({ stdout, stderr })[log]).join('') || 'nothing\n');
        resolve({ code, stdout, stderr });
      });
    }),
    until: (pattern) =>
      new Promise((resolve) => {
        const known = lines.find((line) => pattern.test(line));
        if (known === undefined) waiting.push({ pattern, resolve });
        else resolve(known);
      }),
  };
}
