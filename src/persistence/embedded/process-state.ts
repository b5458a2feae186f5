import { readFile } from 'node:fs/promises';

import { runCommand } from './server-user';

/** Whether a process has this id, including processes of other users. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Whether process `pid` is the PostgreSQL server of `folder`, and not another process that has since received the id
 * that a killed server left in its postmaster.pid. A zombie does not count as running; it stays where nothing reaps it,
 * such as in a container whose first process is not an init.
 */
export async function isServerOf(folder: string, pid: number): Promise<boolean> {
  if (!isProcessAlive(pid)) return false;
  const command = await commandLine(pid);
  if (command.includes(` -D ${folder} `)) return true;
  // If started by hand it may name the folder relatively or not at all; waiting for it is safer than starting another
  // one. A server's children do not match: they call themselves "postgres: checkpointer" and the like.
  return /^(\S*\/)?(postgres|postmaster)\s/.test(command) && !/\s-D\s*\//.test(command);
}

/** Returns the words of its command line, each followed by a space; empty for a zombie and a process that has ended. */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const words = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => '');
    return words.replaceAll('\0', ' ');
  }
  const { output } = await runCommand('/bin/ps', ['-ww', '-o', 'stat=,command=', '-p', String(pid)]);
  const [, state = '', command = ''] = /^(\S+)\s+(.*)$/m.exec(output) ?? [];
  return state.startsWith('Z') ? '' : `${command} `;
}
