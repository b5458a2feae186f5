import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import type { Binaries } from './binaries/binaries';
import { syncFolder } from './cluster-record';
import { isProcessAlive } from './process-state';
import { type ServerUser, runCommand } from './server-user';

/**
 * Ensures that `folder` has a complete cluster that `user` may run and these binaries can read.
 *
 * The cluster is created in a folder beside it and moved into place as a whole, so `folder` never has half a cluster.
 * If several processes create it at once, the first one wins and the others discard theirs.
 *
 * @param options.password of the superuser, named postgres
 * @throws {Error} where the folder holds something else, or a cluster of another major version
 */
export async function ensureCluster(options: {
  folder: string;
  password: string;
  binaries: Binaries;
  user: ServerUser | undefined;
  progress: (line: string) => void;
}): Promise<void> {
  const { folder, user, binaries, progress } = options;
  const major = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (major !== undefined) {
    checkVersion(folder, major.trim(), binaries.version);
    await giveToServerUser(folder, user);
    return;
  }
  const content = await readdir(folder).catch(() => []);
  if (content.length > 0) throw new Error(`${folder} is neither empty nor a PostgreSQL cluster`);

  progress(`creating a PostgreSQL cluster in ${folder}`);
  // If the folder above is new, the server's user must be able to pass through it, whatever the umask.
  const isNew = (await mkdir(dirname(folder), { recursive: true })) !== undefined;
  if (isNew) await chmod(dirname(folder), user === undefined ? 0o700 : 0o711);
  await removeAbandonedDrafts(folder);
  const draft = await mkdtemp(`${folder}${draftMark}${String(process.pid)}-`);
  try {
    await initialize(draft, options);
    await moveIntoPlace(join(draft, 'data'), folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

const draftMark = '.new-';

async function initialize(
  draft: string,
  { password, user, binaries }: { password: string; user: ServerUser | undefined; binaries: Binaries },
): Promise<void> {
  const passwordFile = join(draft, 'password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
  if (user !== undefined) {
    await chown(passwordFile, user.uid, user.gid);
    await chown(draft, user.uid, user.gid);
  }
  const { code, output, failure } = await runCommand(
    binaries.initdb,
    [
      ['--pgdata', join(draft, 'data')],
      ['--username', 'postgres'],
      ['--pwfile', passwordFile],
      ['--auth', 'scram-sha-256'],
      ['--encoding', 'UTF8'],
      ['--locale', 'C'],
      ['--data-checksums'],
    ].flat(),
    user,
  );
  if (code !== 0) throw new Error(`initdb failed: ${failure?.message ?? output.trim()}`);
}

async function moveIntoPlace(data: string, folder: string): Promise<void> {
  try {
    await rename(data, folder);
    await syncFolder(dirname(folder));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}

/** Removes drafts of processes that were killed while they created the cluster. */
async function removeAbandonedDrafts(folder: string): Promise<void> {
  const prefix = `${basename(folder)}${draftMark}`;
  for (const name of await readdir(dirname(folder))) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (isProcessAlive(pid)) continue;
    // Its initdb may still be running and writing there; the next start removes the rest.
    await rm(join(dirname(folder), name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function checkVersion(folder: string, clusterMajor: string, version: string): void {
  if (version.split('.')[0] === clusterMajor) return;
  throw new Error(
    `${folder} was created by PostgreSQL ${clusterMajor}, which ${version} cannot read: move its content ` +
      'over with pg_dump, or use another data directory',
  );
}

/** Changes the owner of a folder that root copied, because PostgreSQL does not run as root. */
async function giveToServerUser(folder: string, user: ServerUser | undefined): Promise<void> {
  if (user === undefined || (await stat(folder)).uid === user.uid) return;
  const ids = `${String(user.uid)}:${String(user.gid)}`;
  const { code, output } = await runCommand('/bin/sh', ['-c', 'chown -R "$1" "$2"', 'sh', ids, folder]);
  if (code !== 0) throw new Error(`cannot hand ${folder} to user ${user.name}: ${output.trim()}`);
  await chmod(folder, 0o700);
}
