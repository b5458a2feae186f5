import { randomBytes } from 'node:crypto';
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';

/** What is needed to return to a cluster. Stored in one file beside it, readable by its owner only. */
export interface ClusterRecord {
  /** Folder of the data, existing or planned; an absolute path. */
  readonly folder: string;
  /** Whether a cluster was once completed there. */
  readonly wasCreated: boolean;
  readonly passwords: Passwords;
}

export interface Passwords {
  readonly superuser: string;
  readonly owner: string;
  readonly application: string;
}

/** Creates passwords: 24 bytes as URL-safe text, so that connection URLs need no escaping. */
export function newPasswords(): Passwords {
  const password = (): string => randomBytes(24).toString('base64url');
  return { superuser: password(), owner: password(), application: password() };
}

/** Returns the path of the record's file. */
export function recordPath(dataDir: string): string {
  return join(dataDir, 'embedded-postgres.json');
}

/**
 * Reads the record; undefined where there is none.
 * @throws {Error} when there is a record, but it cannot be read
 */
export async function readRecord(dataDir: string): Promise<ClusterRecord | undefined> {
  const path = recordPath(dataDir);
  try {
    const stored = JSON.parse(await readFile(path, 'utf8')) as ClusterRecord;
    const { superuser, owner, application } = stored.passwords;
    if (![superuser, owner, application, stored.folder].every((text) => typeof text === 'string')) {
      throw new Error('something is missing in it');
    }
    return { ...stored, folder: join(isAbsolute(stored.folder) ? '/' : dataDir, stored.folder) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`cannot use ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Settles the record permanently: the first writer decides, and every caller gets that record. It is written before
 * there is a cluster, and its passwords never change. Whichever process completes the cluster, and whenever one is
 * killed, the cluster has the passwords of the file.
 */
export async function settleRecord(dataDir: string, proposal: ClusterRecord): Promise<ClusterRecord> {
  const draft = await writeDraft(dataDir, proposal);
  try {
    await link(draft, recordPath(dataDir));
    await syncFolder(dataDir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return (await readRecord(dataDir)) ?? settleRecord(dataDir, proposal);
}

/** Records that the cluster is complete. */
export async function markCreated(dataDir: string, record: ClusterRecord): Promise<void> {
  if (record.wasCreated) return;
  await rename(await writeDraft(dataDir, { ...record, wasCreated: true }), recordPath(dataDir));
  await syncFolder(dataDir);
}

async function writeDraft(dataDir: string, record: ClusterRecord): Promise<string> {
  // Relative when inside, so that the whole of dataDir can be moved.
  const inside = relative(dataDir, record.folder);
  const folder = inside.startsWith('..') ? record.folder : inside;
  const draft = `${recordPath(dataDir)}.${randomBytes(6).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify({ ...record, folder }, undefined, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return draft;
}

/** Makes renames and new names in `folder` survive a power failure. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
