import { Closables } from '../bench/closables';
import { asksForHelp } from '../src/cli/help';
import { verifyOffline } from './archive';
import type { Fault } from './fault';
import { clientFaults } from './faults/clients';
import { databaseFaults } from './faults/database';
import { diskFaults } from './faults/disks';
import { networkFaults } from './faults/network';
import { restartFaults } from './faults/restarts';
import { rollbackFaults } from './faults/rollbacks';
import { processFaults } from './faults/processes';
import { readOptions, USAGE, UsageError, type Options } from './options';
import { findPrograms } from './programs';
import { Random } from './random';
import { tableOf } from './report';
import { runRound, type RoundResult } from './round';
import { makeWorld } from './world';

const FAULTS: readonly Fault[] = [
  ...processFaults,
  ...networkFaults,
  ...databaseFaults,
  ...clientFaults,
  ...restartFaults,
  ...diskFaults,
  ...rollbackFaults,
];

/** @param results receives the result of each round as soon as it is there */
async function run(options: Options, closables: Closables, results: RoundResult[]): Promise<boolean> {
  const random = new Random(options.seed);
  say(`seed ${String(options.seed)}`);
  const world = await makeWorld(await findPrograms(say), random, closables, options.isKept);
  const isAsked = ({ name }: Fault): boolean =>
    options.only.length === 0 || options.only.some((part) => name.includes(part));
  const faults = FAULTS.filter(isAsked);
  for (const fault of faults) {
    const reason = fault.unavailable?.(world) ?? null;
    if (reason !== null) say(`skipped: ${fault.name}: ${reason}`);
  }
  const possible = faults.filter((fault) => (fault.unavailable?.(world) ?? null) === null);
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const fault of random.shuffle(possible)) {
      const result = await runRound(world, fault);
      results.push(result);
      say(
        `${String(round)} ${fault.name}: ${String(result.sent)} requests, ready after ${String(Math.round(result.readyAfter))} ms`,
      );
      for (const { promise, detail } of result.violations) say(`  ${promise}: ${detail}`);
    }
    const offline = await verifyOffline(world);
    for (const { promise, detail } of offline) say(`  ${promise}: ${detail}`);
    results.push({
      fault: 'bundle verified offline',
      injections: 0,
      sent: 0,
      succeeded: 0,
      unavailable: 0,
      unanswered: 0,
      readyAfter: 0,
      violations: offline,
    });
  }
  process.stdout.write(`${tableOf(results)}\n`);
  if (!(await world.hasDecided())) {
    say('no action was decided: the suite sees nothing');
    return false;
  }
  const failed = results.filter(({ violations }) => violations.length > 0).length;
  const { sums } = world.ledger;
  say(`${String(sums.sent)} requests, ${String(sums.overdue)} without an answer in time`);
  process.stdout.write(
    `Tests: ${failed > 0 ? `${String(failed)} failed, ` : ''}${String(results.length - failed)} passed, ${String(results.length)} total\n`,
  );
  return failed === 0;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(): Promise<void> {
  if (asksForHelp(process.argv.slice(2))) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const closables = new Closables();
  const results: RoundResult[] = [];
  const fail = (error: unknown): void => {
    const isUsage = error instanceof UsageError;
    say(
      isUsage
        ? `${error.message}\n${USAGE}`
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error),
    );
    process.exitCode = isUsage ? 2 : 1;
  };
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
      process.once(signal, () => {
        process.exitCode = 130;
        process.stdout.write(`${tableOf(results)}\n`);
        resolve();
      });
  });
  const running = (async () => {
    if (!(await run(readOptions(process.argv.slice(2)), closables, results))) process.exitCode = 1;
  })();
  await Promise.race([running.catch(fail), stopped]);
  await closables.close().catch(fail);
  process.exit();
}

void main();
