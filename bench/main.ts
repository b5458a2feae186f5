import { writeFileSync } from 'node:fs';
import { Closables } from './closables';
import { startGateway } from './gateway';
import { LoopProcess } from './loop';
import type { Measured, Workload } from './measured';
import { readOptions, USAGE, UsageError, type Options } from './options';
import { describeMachine, tableOf } from './report';
import { audit } from './workloads/audit';
import { makeWorld } from './world';

/** By the names under which they are asked for, in the order in which they run. */
const WORKLOADS: Readonly<Record<string, Workload>> = { audit };

async function run(options: Options, closables: Closables): Promise<void> {
  const { actions, auditRows } = options.size;
  say(`making ${String(actions)} actions and ${String(auditRows)} audit entries`);
  const world = await makeWorld(options.size, closables);
  const gateway = await startGateway(world, closables);
  const loop = new LoopProcess();
  closables.add(() => loop.stop());
  const measured: Measured[] = [];
  for (const [name, workload] of Object.entries(WORKLOADS)) {
    if (options.names.length > 0 && !options.names.includes(name)) continue;
    say(`measuring ${name}`);
    measured.push(...(await workload({ options, world, gateway, loop })));
  }
  const report = {
    date: new Date().toISOString(),
    machine: describeMachine(await world.postgresVersion()),
    measured,
  };
  process.stdout.write(`${tableOf(measured)}\n`);
  writeFileSync(options.jsonFile, `${JSON.stringify(report, null, 2)}\n`);
  say(`${report.machine}\nfigures in ${options.jsonFile}`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function explain(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n${USAGE}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function main(): Promise<void> {
  const closables = new Closables();
  const fail = (error: unknown): void => {
    say(explain(error));
    process.exitCode = error instanceof UsageError ? 2 : 1;
  };
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
      process.on(signal, () => {
        // A second signal does not wait for what the first one is closing.
        if (process.exitCode === 130) process.exit();
        process.exitCode = 130;
        resolve();
      });
  });
  // What a signal interrupts fails as its connections close, and nobody wants to be told of that.
  const reportUnlessStopped = (error: unknown): void => {
    if (process.exitCode !== 130) fail(error);
  };
  const running = (async () => {
    await run(readOptions(process.argv.slice(2), Object.keys(WORKLOADS)), closables);
  })();
  await Promise.race([running.catch(reportUnlessStopped), stopped]);
  await closables.close().catch(fail);
  process.exit();
}

void main();
