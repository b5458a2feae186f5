import { randomBytes } from 'node:crypto';
import { access, chmod, lstat, mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { type ClusterRecord, newPasswords, readRecord, recordPath, settleRecord } from './cluster-record';
import { type ServerUser, canReach, chooseServerUser } from './server-user';

/** A data directory and the cluster that belongs to it, which may not exist yet. */
export interface DataLocation {
  /** An existing, real path. */
  readonly dataDir: string;
  readonly record: ClusterRecord;
  readonly user: ServerUser | undefined;
}

/**
 * Creates `dataDir` where it is missing and decides where its cluster is: inside, or, when the server's user cannot
 * reach it (because of a closed folder above, such as /root), in a folder that the user can reach.
 *
 * @throws {Error} when the cluster that belongs to `dataDir` is gone, out of reach, or another user's
 */
export async function locateData(dataDir: string, progress: (line: string) => void): Promise<DataLocation> {
  const isRoot = process.getuid?.() === 0;
  // Another user will run the server. It must be able to pass through, which does not mean list or read.
  const mode = isRoot ? 0o711 : 0o700;
  if ((await mkdir(dataDir, { recursive: true, mode })) !== undefined) await chmod(dataDir, mode);
  const real = await realpath(dataDir);
  const known = await readRecord(real);
  const user = await chooseServerUser(known?.folder);
  const record = known ?? (await settleNew(real, user, progress));
  await checkCluster(real, record, user);
  return { dataDir: real, record, user };
}

async function settleNew(
  dataDir: string,
  user: ServerUser | undefined,
  progress: (line: string) => void,
): Promise<ClusterRecord> {
  const inside = join(dataDir, 'postgres');
  if (await exists(join(inside, 'PG_VERSION'))) {
    throw new Error(
      `${inside} holds a PostgreSQL cluster whose passwords were in ${recordPath(dataDir)}, which is gone: ` +
        'restore that file, or remove the folder to begin with an empty database',
    );
  }
  const folder = (await canReach(user, 'x', dataDir)) ? inside : await outsideFolder(user);
  const record = await settleRecord(dataDir, { folder, wasCreated: false, passwords: newPasswords() });
  if (record.folder !== inside) {
    progress(`keeping the data in ${record.folder}, as user ${user?.name ?? ''} cannot reach ${dataDir}`);
  }
  return record;
}

/** Not a temporary folder, since its data would be lost at the next reboot. */
async function outsideFolder(user: ServerUser | undefined): Promise<string> {
  for (const base of ['/var/lib/countersign', '/var/tmp/countersign']) {
    try {
      if ((await mkdir(base, { recursive: true, mode: 0o755 })) !== undefined) await chmod(base, 0o755);
      const { uid, mode } = await lstat(base);
      const isSafe = uid === process.getuid?.() && (mode & 0o022) === 0;
      if (isSafe && (await canReach(user, 'x', base))) {
        return join(base, randomBytes(9).toString('hex'), 'postgres');
      }
    } catch {
      // Read-only or forbidden: try the next one.
    }
  }
  throw new Error(
    `PostgreSQL cannot run as root, and user ${user?.name ?? ''} can reach neither the data directory nor ` +
      '/var/lib/countersign: choose another data directory, or set DATABASE_URL to use an existing PostgreSQL',
  );
}

async function checkCluster(
  dataDir: string,
  record: ClusterRecord,
  user: ServerUser | undefined,
): Promise<void> {
  const { folder, wasCreated } = record;
  const isInside = dirname(folder) === dataDir;
  if (!(await exists(folder))) {
    // The folder inside is only deleted on purpose; one outside may be lost with a container or a disk.
    if (isInside || !wasCreated) return;
    throw new Error(
      `the data of ${dataDir} was kept in ${folder}, which is gone: restore it, or remove ` +
        `${recordPath(dataDir)} to begin with an empty database`,
    );
  }
  const owner = (await stat(folder)).uid;
  const self = process.getuid?.();
  if (self !== 0 && owner !== self) {
    throw new Error(`${folder} belongs to user number ${String(owner)}: start as that user`);
  }
  if (owner !== 0 && !(await canReach(user, 'x', folder))) {
    throw new Error(`user ${user?.name ?? ''} can no longer reach ${folder}: open the folders above to it`);
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
