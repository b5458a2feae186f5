import { spawn } from 'node:child_process';
import { access, constants, stat } from 'node:fs/promises';

/** The account that runs PostgreSQL when this process is root, as which PostgreSQL refuses to run. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
  /** For messages only. */
  readonly name: string;
}

/** The exit code and all output of a command; `failure` is set when it could not be run at all. */
export interface CommandResult {
  readonly code: number | null;
  readonly output: string;
  readonly failure?: Error;
}

/**
 * Returns the options for every child process. The environment is fixed, because PostgreSQL takes settings from
 * variables such as PGDATA and its language from LANG. The folder is "/", because the server's user may not be allowed
 * to enter the current one.
 */
export function childOptions(user: ServerUser | undefined): {
  cwd: string;
  env: Record<string, string>;
  uid?: number;
  gid?: number;
} {
  return {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/', LC_ALL: 'C' },
    // Node clears the supplementary groups when it changes the uid, so none of root's remain.
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  };
}

/** Runs a command to its end, as `user` when one is given. Does not throw. */
export function runCommand(
  command: string,
  args: readonly string[],
  user?: ServerUser,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...childOptions(user), stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const append = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', append);
    child.stderr.on('data', append);
    child.on('error', (failure) => {
      resolve({ code: null, output, failure });
    });
    child.on('close', (code) => {
      resolve({ code, output });
    });
  });
}

/**
 * Chooses the account that runs PostgreSQL on `dataFolder`: undefined for this process's own user. When that is root,
 * the owner of existing data, otherwise the system's `postgres` or `nobody`.
 * @throws {Error} when root finds no such account
 */
export async function chooseServerUser(dataFolder: string | undefined): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = dataFolder === undefined ? undefined : await stat(dataFolder).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) {
    return { uid: owner.uid, gid: owner.gid, name: `number ${String(owner.uid)}` };
  }
  for (const name of ['postgres', 'nobody']) {
    const { code, output } = await runCommand('/bin/sh', ['-c', 'id -u "$1" && id -g "$1"', 'sh', name]);
    const [uid, gid] = output.trim().split(/\s+/).map(Number);
    if (code === 0 && uid !== undefined && gid !== undefined && uid > 0) return { uid, gid, name };
  }
  throw new Error(
    'PostgreSQL does not run as root, and there is no user "postgres" or "nobody" to run it as: ' +
      'start as another user, or set DATABASE_URL to use an existing PostgreSQL instead',
  );
}

/**
 * Whether `user` (undefined: this process) can read ("r") or execute or enter ("x") all of `paths`. The check runs as
 * that user, because modes alone miss ACLs, mounts and the folders above.
 * @throws {Error} when this process may not become `user`
 */
export async function canReach(
  user: ServerUser | undefined,
  mode: 'r' | 'x',
  ...paths: string[]
): Promise<boolean> {
  if (user === undefined) {
    const wanted = mode === 'r' ? constants.R_OK : constants.X_OK;
    const tries = await Promise.allSettled(paths.map((path) => access(path, wanted)));
    return tries.every(({ status }) => status === 'fulfilled');
  }
  const script = 'flag=$1; shift; for path; do test "$flag" "$path" || exit 1; done';
  const { code, failure } = await runCommand('/bin/sh', ['-c', script, 'sh', `-${mode}`, ...paths], user);
  if (failure !== undefined) {
    throw new Error(
      `PostgreSQL does not run as root, and this process may not become user ${user.name} ` +
        `(${failure.message}): start as another user, or set DATABASE_URL to use an existing PostgreSQL instead`,
    );
  }
  return code === 0;
}
