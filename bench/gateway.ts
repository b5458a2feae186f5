import type { Closables } from './closables';
import { GATEWAY, startProgram, type Program } from './processes';
import type { World } from './world';

/** A gateway in its own process, as in production. */
export interface Gateway {
  readonly url: string;
  readonly pid: number;
  /** Returns the first line of its standard output that matches. */
  readonly line: Program['line'];
}

/**
 * Starts a gateway on the world's database and waits until it is ready.
 * @param path path of the program; that of `npm start` by default
 */
export async function startGateway(world: World, closables: Closables, path = GATEWAY): Promise<Gateway> {
  const program = startProgram(path, world.settings);
  closables.add(() => program.stop());
  const line = await program.line(/^ready: /);
  const url = /http:\/\/[^/\s]+/.exec(line)?.[0];
  if (url === undefined || program.child.pid === undefined) throw new Error(`No address in: ${line}`);
  return { url, pid: program.child.pid, line: (pattern) => program.line(pattern) };
}

/** Waits until every audit entry is sealed, so that one measurement's sealing does not slow down the next. */
export async function untilSealed(world: World): Promise<void> {
  for (;;) {
    const { rows } = await world.superuser.query('SELECT FROM audit_pending LIMIT 1');
    if (rows.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
