import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { type FileHandle, open, readFile, rename, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import type { Binaries } from './binaries/binaries';
import { isServerOf } from './process-state';
import { type ServerUser, childOptions } from './server-user';

/** A running server, as described by its postmaster.pid. */
export interface RunningServer {
  readonly pid: number;
  readonly port: number;
  /** False while it starts up, recovers or shuts down. */
  readonly isReady: boolean;
}

/** How long to wait for a server to start, recover or stop, in milliseconds. */
export const patienceMs = 5 * 60_000;

const pollMs = 25;

/**
 * Finds the running server of `folder`.
 * @returns undefined when no server runs, even if a stale postmaster.pid is there
 */
export async function findServer(folder: string): Promise<RunningServer | undefined> {
  const server = await readPidFile(folder);
  return server !== undefined && (await isServerOf(folder, server.pid)) ? server : undefined;
}

/** Line 1 of the file is the process id, line 4 the port, line 8 the state. */
async function readPidFile(folder: string): Promise<RunningServer | undefined> {
  const text = await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number.parseInt(lines[0] ?? '', 10);
  // A single-user session writes its id negated.
  return pid > 0 ? { pid, port: Number(lines[3]), isReady: lines[7] === 'ready' } : undefined;
}

/**
 * Starts a server on `folder` and waits until it accepts connections. Safe to call in several processes at once:
 * PostgreSQL's own lock admits one. It listens on the port of the previous server, whose address others may still use,
 * unless that port is taken.
 *
 * @param options.logFile is appended to
 * @returns its process id; or its log lines, when it did not start for a temporary reason (another server has the port
 * or the folder)
 * @throws {Error} when it did not start for another reason; the message ends with its last log lines
 */
export async function startServer(options: ServerOptions): Promise<StartOutcome> {
  const last = await lastPort(options.folder);
  // PostgreSQL itself tries the port, after it has taken its lock. A test here could collide with the test of another
  // start.
  const outcome = last === undefined ? undefined : await startOn(last, options);
  if (outcome !== undefined && !isPortTaken(outcome)) return outcome;
  return startOn(await freePort(), options);
}

interface ServerOptions {
  readonly folder: string;
  readonly binaries: Binaries;
  readonly user: ServerUser | undefined;
  readonly logFile: string;
}

type StartOutcome = { pid: number } | { contention: string };

function isPortTaken(outcome: StartOutcome): boolean {
  return 'contention' in outcome && outcome.contention.includes('could not bind');
}

/** Reads the last port. PostgreSQL records the options of every start that got its port, also after it stops. */
async function lastPort(folder: string): Promise<number | undefined> {
  const note = await readFile(join(folder, 'postmaster.opts'), 'utf8').catch(() => '');
  const port = /"port=(\d+)"/.exec(note)?.[1];
  return port === undefined ? undefined : Number(port);
}

async function startOn(port: number, options: ServerOptions): Promise<StartOutcome> {
  const { folder, logFile } = options;
  const log = await openLog(logFile);
  const logStart = (await log.stat()).size;
  const child = await spawnServer(port, options, log).finally(() => log.close());
  const deadline = Date.now() + patienceMs;
  while (!child.hasEnded()) {
    const server = await readPidFile(folder);
    if (server?.pid === child.pid && server?.isReady) return { pid: server.pid };
    if (Date.now() > deadline) {
      throw new Error(
        `PostgreSQL did not start within ${String(patienceMs / 1000)} s and is still starting. See ${logFile}`,
      );
    }
    await pause(pollMs);
  }
  const lines = (await readFile(logFile)).subarray(logStart).toString('utf8').trim().slice(-2000);
  if (passingFaults.some((fault) => fault.test(lines))) return { contention: lines };
  throw new Error(`PostgreSQL did not start (log: ${logFile}):\n${child.failure() ?? lines}`);
}

/** Temporary faults: the port is taken; another server has the folder, just had it or is starting on it. */
const passingFaults = [
  /could not bind|pre-existing shared memory block/,
  /lock file "[^"]*" (already exists|is empty)/,
];

/** The server as a child process, for as long as its start is watched. */
interface Child {
  readonly pid: number | undefined;
  hasEnded(): boolean;
  /** Why it could not be executed at all. */
  failure(): string | undefined;
}

async function spawnServer(
  port: number,
  { folder, binaries, user }: ServerOptions,
  log: FileHandle,
): Promise<Child> {
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    lc_messages: 'C',
  };
  const { env, ...rest } = childOptions(user);
  const stale = await readPidFile(folder);
  const child = spawn(
    binaries.postgres,
    ['-D', folder, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    {
      ...rest,
      // A process group of its own, so that Ctrl-C in the terminal stops this process first and lets requests drain.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      // A stale id in postmaster.pid that now belongs to another program of the same user would prevent the start.
      // PostgreSQL ignores the id when told that it is its grandparent's. Deleting the file instead would race with
      // another start, and would lose the key by which PostgreSQL detects surviving children of a killed server.
      env: stale === undefined ? env : { ...env, PG_GRANDPARENT_PID: String(stale.pid) },
    },
  );
  let failure: string | undefined;
  let ended = false;
  child.on('error', (error) => {
    failure = error.message;
    ended = true;
  });
  child.on('exit', () => {
    ended = true;
  });
  child.unref();
  return { pid: child.pid, hasEnded: () => ended, failure: () => failure };
}

/**
 * Stops the server of `folder` in fast mode (sessions are ended, data is written to disk) and waits until its process
 * is gone. Returns at once when none runs.
 */
export async function stopServer(folder: string): Promise<void> {
  const server = await findServer(folder);
  if (server === undefined) return;
  try {
    process.kill(server.pid, 'SIGINT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  const deadline = Date.now() + patienceMs;
  while (await isServerOf(folder, server.pid)) {
    if (Date.now() > deadline) throw new Error(`PostgreSQL (process ${String(server.pid)}) does not stop`);
    await pause(pollMs);
  }
}

async function openLog(path: string): Promise<FileHandle> {
  const size = await stat(path).then(
    (stats) => stats.size,
    () => 0,
  );
  // Nothing else ever truncates the log.
  if (size > 10_000_000) await rename(path, `${path}.old`).catch(() => undefined);
  // The server inherits the open file, so its user does not need access to the path.
  return open(path, 'a', 0o600);
}

/** Below the ephemeral ports, so that the system does not assign one while its server restarts. */
const ports = { from: 16_384, to: 32_768 };

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(ports.from, ports.to);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${String(ports.from)} to ${String(ports.to - 1)} of 127.0.0.1 is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => {
      resolve(false);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
