import { Closables } from './closables';
import { startGateway } from './gateway';
import type { Size } from './history';
import { LoopProcess } from './loop';
import type { Bench } from './measured';
import type { Options } from './options';
import { isProcessorTimeKnown } from './processor-time';
import { makeWorld } from './world';

/** Creates a world of this size and starts what measures it. `closables` receives everything that has to be closed. */
export async function openBench(options: Options, size: Size, closables: Closables): Promise<Bench> {
  const { actions, auditRows } = size;
  if (!isProcessorTimeKnown())
    say('this system does not tell processor times (/proc/PID/task/TID/schedstat): their columns stay empty');
  say(`making ${String(actions)} actions and ${String(auditRows)} audit entries`);
  const world = await makeWorld(size, closables);
  const gateway = await startGateway(world, closables);
  const loop = new LoopProcess();
  closables.add(() => loop.stop());
  return { options, world, gateway, loop, closables };
}

/** Runs a function with its own world, which is closed at the end. */
export async function withBench<T>(
  options: Options,
  size: Size,
  closables: Closables,
  run: (bench: Bench) => Promise<T>,
): Promise<T> {
  const own = new Closables();
  closables.add(() => own.close());
  const result = await run(await openBench(options, size, own));
  await own.close();
  return result;
}

/** Prints progress to standard error, apart from the result. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
