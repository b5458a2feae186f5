import { createHash } from 'node:crypto';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';

import { makeLinks } from './binaries-links';
import { type ServerUser, canReach } from '../server-user';

/**
 * Copies PostgreSQL's programs to a place where `user` can run them, once for all later starts.
 *
 * @param root the folder above bin, lib and share
 * @param dataDir receives the copy when this process is not root
 * @returns the folder that corresponds to `root`; undefined when no place is suitable
 */
export async function copyBinaries(
  root: string,
  user: ServerUser | undefined,
  dataDir: string,
): Promise<string | undefined> {
  const print = await fingerprint(root);
  const name = [await packageVersion(root), print].filter((part) => part !== undefined).join('-');
  const targets =
    user === undefined
      ? [join(dataDir, `binaries-${name}`)]
      : [`/var/lib/countersign/binaries-${name}`, join(tmpdir(), `countersign-binaries-${name}`)];
  for (const target of targets) {
    try {
      if (await hasCopy(target, print, user)) return target;
      await makeCopy(root, target);
      if (await hasCopy(target, print, user)) return target;
    } catch {
      // Read-only, full or forbidden: try the next place.
    }
  }
  return undefined;
}

/**
 * Whether there is a complete copy (cleaners of temporary folders remove single files) that nobody else could have
 * written.
 * @throws {Error} where another user could have written it
 */
async function hasCopy(target: string, print: string, user: ServerUser | undefined): Promise<boolean> {
  const copy = await lstat(target).catch(() => undefined);
  if (copy === undefined) return false;
  if (user !== undefined && !(copy.isDirectory() && (await isOnlyOurs(target)))) {
    throw new Error(`another user could have written ${target}`);
  }
  if ((await fingerprint(target).catch(() => undefined)) !== print || !(await makeLinks(target)))
    return false;
  return canReach(user, 'x', join(target, 'bin', 'postgres'));
}

/** Whether only root can have written the folder: root must not run files that others left under a predictable name. */
async function isOnlyOurs(target: string): Promise<boolean> {
  const [folder, parent] = await Promise.all([lstat(target), lstat(dirname(target))]);
  const isSticky = (parent.mode & 0o1000) !== 0;
  return (
    folder.uid === 0 &&
    (folder.mode & 0o022) === 0 &&
    parent.uid === 0 &&
    (isSticky || (parent.mode & 0o022) === 0)
  );
}

/** Copies to a temporary name first, so that `target` is complete as soon as it exists. */
async function makeCopy(root: string, target: string): Promise<void> {
  const parent = dirname(target);
  if ((await mkdir(parent, { recursive: true, mode: 0o755 })) !== undefined) await chmod(parent, 0o755);
  const draft = await mkdtemp(`${target}.new-`);
  try {
    await copyFolder(root, draft);
    await makeLinks(draft);
    await rename(draft, target).catch(async () => {
      // Either another process was first and its copy is equivalent, or an incomplete copy is there.
      if ((await fingerprint(target).catch(() => undefined)) === (await fingerprint(draft))) return;
      await rm(target, { recursive: true, force: true });
      await rename(draft, target);
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Copies a folder, readable by all whatever the umask and the original modes, which may be why a copy is needed. */
async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, copy] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      await copyFolder(source, copy);
    } else if (entry.isFile() && isNeeded(entry.name)) {
      await copyFile(source, copy);
      await chmod(copy, basename(from) === 'bin' ? 0o755 : 0o644);
    }
  }
}

/** Returns the same text for the same files, so that they are copied once and an incomplete copy is detected. */
async function fingerprint(root: string): Promise<string> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && isNeeded(entry.name));
  const lines = await Promise.all(
    files.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      return `${relative(root, path)} ${String((await stat(path)).size)}\n`;
    }),
  );
  const hash = createHash('sha256').update(lines.sort().join(''));
  for (const program of ['initdb', 'postgres']) hash.update(await readFile(join(root, 'bin', program)));
  return hash.digest('hex').slice(0, 16);
}

/** Static libraries are only for compiling extensions. */
function isNeeded(fileName: string): boolean {
  return !fileName.endsWith('.a');
}

async function packageVersion(root: string): Promise<string | undefined> {
  const json = await readFile(join(root, '..', 'package.json'), 'utf8').catch(() => '{}');
  const version = (JSON.parse(json) as { version?: unknown }).version;
  return typeof version === 'string' && /^[\w.-]+$/.test(version) ? version : undefined;
}
