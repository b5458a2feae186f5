import { writeFileSync } from 'node:fs';
import { asksForHelp } from '../src/cli/help';
import { Closables } from './closables';
import { jsonOf, writeScale, writeStandard, type Report, type ScaleReport } from './documents';
import type { Measured, Workload } from './measured';
import { openBench, say } from './open';
import { readOptions, SCALE, USAGE, UsageError, type Options } from './options';
import { describeMachine, scaleTableOf, tableOf } from './report';
import { measureScale } from './scale';
import { approveGraphql, approveGraphqlAlone, approveRest, approveRestAlone } from './workloads/approve';
import { audit } from './workloads/audit';
import { auditPages } from './workloads/audit-pages';
import { bulk } from './workloads/bulk';
import { exportMemory } from './workloads/export';
import { list } from './workloads/list';
import { memory } from './workloads/memory';
import { start } from './workloads/start';
import { status } from './workloads/status';
import { submit } from './workloads/submit';
import { measureValidation } from './workloads/validate';

/** The workloads by name, in the order in which they run. */
const WORKLOADS: Readonly<Record<string, Workload>> = {
  'approve-rest': approveRest,
  'approve-graphql': approveGraphql,
  'approve-rest-alone': approveRestAlone,
  'approve-graphql-alone': approveGraphqlAlone,
  bulk,
  submit,
  list,
  status,
  audit,
  'audit-pages': auditPages,
  start,
  memory,
  export: exportMemory,
};

/** The workload that needs no world, which takes minutes to create. */
const VALIDATE = 'validate';

async function run(options: Options, closables: Closables): Promise<void> {
  if (options.names.includes(SCALE)) {
    const points = await measureScale(options, closables);
    const report: ScaleReport = { ...circumstances(), points };
    if (options.isToWrite) writeScale(report);
    finish(options, report, scaleTableOf(points));
    return;
  }
  const isAsked = (name: string): boolean => options.names.length === 0 || options.names.includes(name);
  const workloads = Object.entries(WORKLOADS).filter(([name]) => isAsked(name));
  const measured: Measured[] = isAsked(VALIDATE) ? [...measureValidation(options)] : [];
  if (workloads.length > 0) {
    const bench = await openBench(options, options.size, closables);
    for (const [name, workload] of workloads) {
      say(`measuring ${name}`);
      measured.push(...(await workload(bench)));
    }
  }
  const report: Report = { ...circumstances(), measured };
  if (options.isToWrite) writeStandard(report);
  finish(options, report, tableOf(measured));
}

function circumstances(): Omit<Report, 'measured'> {
  return { date: new Date().toISOString(), machine: describeMachine() };
}

function finish(options: Options, report: Report | ScaleReport, table: string): void {
  process.stdout.write(`${table}\n`);
  writeFileSync(options.jsonFile, jsonOf(report));
  say(`${report.machine}\nfigures in ${options.jsonFile}`);
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
        // A second signal exits without waiting for the resources to close.
        if (process.exitCode === 130) process.exit();
        process.exitCode = 130;
        resolve();
      });
  });
  // A run that a signal interrupts fails because its connections close; that error is not reported.
  const reportUnlessStopped = (error: unknown): void => {
    if (process.exitCode !== 130) fail(error);
  };
  const running = (async () => {
    await run(readOptions(process.argv.slice(2), [...Object.keys(WORKLOADS), VALIDATE]), closables);
  })();
  await Promise.race([running.catch(reportUnlessStopped), stopped]);
  await closables.close().catch(fail);
  process.exit();
}

if (asksForHelp(process.argv.slice(2))) process.stdout.write(`${USAGE}\n`);
else void main();
