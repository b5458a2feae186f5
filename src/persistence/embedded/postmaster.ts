import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { type FileHandle, open, readFile, rename, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import type { Binaries } from './binaries';
import { isServerOf } from './process-state';
import { type ServerUser, childOptions } from './server-user';

/** A running server, as its postmaster.pid describes it. */
export interface RunningServer {
  readonly pid: number;
  readonly port: number;
  /** Otherwise it starts up, recovers, or shuts down. */
  readonly isReady: boolean;
}

/** How long a server may take to start, recover or stop before one who waits for it gives up. */
export const patienceMs = 5 * 60_000;

const pollMs = 25;

/** @returns undefined when no server runs on `folder`, whatever a postmaster.pid left there says */
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
 * Starts a server on `folder` and waits until it takes connections. Safe to call in several processes at once:
 * PostgreSQL's own lock admits one. It listens where the one before it did, for those who still know that address,
 * unless somebody else does by now.
 *
 * @param options.logFile is appended to
 * @returns its process id; or, when it did not come up for a reason that passes (the port or the folder is
 *   another server's), what it said
 * @throws when it did not come up for another reason; the message ends with its last log lines
 */
export async function startServer(options: ServerOptions): Promise<StartOutcome> {
  const last = await lastPort(options.folder);
  // Tried by PostgreSQL itself, which first takes its lock: a test of our own would find the test of another start
  // in the way.
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

/** PostgreSQL notes the options of every start that got its port, and keeps the note when it stops. */
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
        `PostgreSQL did not come up in ${String(patienceMs / 1000)} s; it is still trying. See ${logFile}`,
      );
    }
    await pause(pollMs);
  }
  const lines = (await readFile(logFile)).subarray(logStart).toString('utf8').trim().slice(-2000);
  if (passingFaults.some((fault) => fault.test(lines))) return { contention: lines };
  throw new Error(`PostgreSQL did not start (log: ${logFile}):\n${child.failure() ?? lines}`);
}

/** The port is somebody's, or was taken after we chose it; another server has or just had the folder, or is coming up on it. */
const passingFaults = [
  /could not bind|pre-existing shared memory block/,
  /lock file "[^"]*" (already exists|is empty)/,
];

/** The server as our child, which it is only for as long as its start is watched. */
interface Child {
  readonly pid: number | undefined;
  hasEnded(): boolean;
  /** Why it could not even be run. */
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
      // A process group of its own, so that Ctrl-C in the terminal stops us first and lets requests drain.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      // An id in postmaster.pid that has passed to some other program of the same user would forbid the start.
      // PostgreSQL ignores it when told that it is the starter's. To delete the file instead would race with
      // another start, and would lose the key by which PostgreSQL sees children of a killed server still at work.
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
 * Stops the server of `folder` the fast way (sessions are cut off, data is written out) and waits until its
 * process is gone. Returns at once when none runs.
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
  // Nothing else would ever shorten it.
  if (size > 10_000_000) await rename(path, `${path}.old`).catch(() => undefined);
  // The server inherits the open file, so its user need not be able to reach the path.
  return open(path, 'a', 0o600);
}

/** Below the ports that systems hand out by themselves, so that none is given away while its server is being restarted. */
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
