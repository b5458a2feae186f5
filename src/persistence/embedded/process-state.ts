import { readFile } from 'node:fs/promises';

import { runCommand } from './server-user';

/** Whether a process has this id; another user's counts. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Whether process `pid` is the PostgreSQL server of `folder`, and not merely somebody who has by now got the id
 * which a killed server left in its postmaster.pid. A zombie, which no parent collects in a container whose
 * first process is not an init, is not running.
 */
export async function isServerOf(folder: string, pid: number): Promise<boolean> {
  if (!isProcessAlive(pid)) return false;
  const command = await commandLine(pid);
  if (command.includes(` -D ${folder} `)) return true;
  // Started by hand it may name the folder relatively or not at all: then better wait for it than start another.
  // A server's children are none; they call themselves "postgres: checkpointer" and the like.
  return /^(\S*\/)?(postgres|postmaster)\s/.test(command) && !/\s-D\s*\//.test(command);
}

/** Its words joined and ended by spaces; empty for a zombie and a process that is gone. */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const words = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => '');
    return words.replaceAll('\0', ' ');
  }
  const { output } = await runCommand('/bin/ps', ['-ww', '-o', 'stat=,command=', '-p', String(pid)]);
  const [, state = '', command = ''] = /^(\S+)\s+(.*)$/m.exec(output) ?? [];
  return state.startsWith('Z') ? '' : `${command} `;
}
