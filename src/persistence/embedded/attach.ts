import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { type Binaries, prepareBinaries } from './binaries/binaries';
import { ensureCluster } from './cluster';
import { markCreated } from './cluster-record';
import type { DataLocation } from './data-location';
import { Lease, isPassing } from './lease';
import { findServer, patienceMs, startServer } from './postmaster';
import { connectionUrl } from './roles';

/** A running server that is not stopped while the lease is held. */
export interface Attachment {
  readonly lease: Lease;
  readonly port: number;
  /** Whether this call started it. */
  readonly started: boolean;
}

export interface AttachOptions {
  /** As in `prepareBinaries`. */
  readonly binaries: string | undefined;
  /** Receives lines about creation, waits and failures. */
  readonly progress: (line: string) => void;
  /** Receives lines about which server is started or joined. */
  readonly detail: (line: string) => void;
}

/**
 * Joins the server that runs on the data, or starts one, creating the cluster where there is none. Repeats until it
 * holds a lease: a running server may be stopping, and another process may start one on the data meanwhile.
 *
 * @param signal once aborted, no server is started any more. A running one is still joined, since only a process that
 * has joined can tell whether to stop it.
 * @throws the signal's reason when it is aborted and no server runs; {Error} when no connection is possible in time
 */
export async function attach(
  location: DataLocation,
  { binaries: binariesFolder, progress, detail }: AttachOptions,
  signal?: AbortSignal,
): Promise<Attachment> {
  const { folder, passwords } = location.record;
  const deadline = Date.now() + patienceMs;
  const tell = onceEach(progress);
  let binaries: Binaries | undefined;
  let startedPid: number | undefined;
  let obstacle: string | undefined;
  for (;;) {
    const server = await findServer(folder);
    if (server === undefined) {
      signal?.throwIfAborted();
      binaries ??= await prepareBinaries({ ...location, folder: binariesFolder, progress: detail });
      const outcome = await start(location, binaries, { progress: tell, detail: onceEach(detail) });
      if ('pid' in outcome) {
        startedPid = outcome.pid;
        continue;
      }
      obstacle = outcome.contention;
      tell('waiting for another PostgreSQL to release the data or the port');
    } else if (server.isReady) {
      const { pid, port } = server;
      const lease = await takeLease(connectionUrl(port, 'postgres', passwords.superuser, 'postgres'));
      const started = pid === startedPid;
      if (lease !== undefined && !started) detail(`joined the running PostgreSQL on port ${String(port)}`);
      if (lease !== undefined) return { lease, port, started };
    } else {
      tell('waiting for the running PostgreSQL to finish starting up or shutting down');
    }
    if (Date.now() > deadline) {
      throw new Error(
        `PostgreSQL on ${folder} takes no connections: ${obstacle ?? 'it is still starting up or shutting down'}`,
      );
    }
    await pause(100);
  }
}

async function start(
  { dataDir, record, user }: DataLocation,
  binaries: Binaries,
  { progress, detail }: Pick<AttachOptions, 'progress' | 'detail'>,
): ReturnType<typeof startServer> {
  const { folder, passwords } = record;
  await ensureCluster({ folder, password: passwords.superuser, binaries, user, progress });
  await markCreated(dataDir, record);
  detail(`starting PostgreSQL ${binaries.version} on ${folder}`);
  return startServer({ folder, binaries, user, logFile: join(dataDir, 'postgres.log') });
}

/** Drops repeated lines, since every round produces the same ones. */
function onceEach(progress: (line: string) => void): (line: string) => void {
  const told = new Set<string>();
  return (line) => {
    if (!told.has(line)) progress(line);
    told.add(line);
  };
}

async function takeLease(url: string): Promise<Lease | undefined> {
  try {
    return await Lease.take(url);
  } catch (error) {
    if (isPassing(error)) return undefined;
    throw error;
  }
}
