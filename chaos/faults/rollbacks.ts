import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { compareWithDatabase, type Violation } from '../checks';
import type { Fault, Injected } from '../fault';
import type { SupervisedGateway } from '../gateway';
import { toldOf, type Entry } from '../ledger';
import { Link } from '../link';
import type { PostgresServer } from '../postgres-server';
import type { World } from '../world';

/** The time limit for a gateway to refuse a database that was rolled back, once it is reachable, in milliseconds. */
const REFUSED_LIMIT = 30_000;
/** How often in a row, a tenth of a second apart, a state is seen before it counts as one that stays. */
const STAYS = 30;
/** How often the operator's command is run at most: once per archive, and once more. */
const MOST_ACCEPTED = 3;

/** Rolls the database back to a copy made a moment ago, like restoring a backup. */
async function restoreBackup(world: World): Promise<Injected> {
  const { server, load } = world;
  const backup = join(world.dataFolder, 'backup');
  await server.stop();
  await server.copyTo(backup);
  await server.start();
  await untilReady(world);
  await pause(world.random.between(400, 1_200));
  await server.stop();
  await load.stop();
  await server.restoreFrom(backup);
  await server.start();
  return acceptWhatIsLost(world);
}

/** Fails over to a standby: a synchronous one, or one that lags by this many milliseconds. */
async function failOver(world: World, lag: number | null): Promise<Injected> {
  const { server: primary, load } = world;
  const link = await Link.to(primary.port);
  const standby = await primary.makeStandby(
    join(world.dataFolder, `standby-${String(world.serial())}`),
    link.port,
  );
  if (lag === null) await followSynchronously(primary);
  await pause(world.random.between(400, 1_200));
  if (lag !== null) {
    link.set('frozen');
    await pause(lag);
  }
  await primary.kill();
  await link.close();
  await load.stop();
  await standby.query('SELECT pg_promote()');
  world.server = standby;
  for (const { application, owner } of world.links)
    for (const one of [application, owner]) one.retarget(standby.port);
  if (lag === null) await standby.query(`ALTER SYSTEM RESET synchronous_standby_names`);
  await standby.query('SELECT pg_reload_conf()');
  primary.remove();
  return acceptWhatIsLost(world);
}

async function followSynchronously(primary: PostgresServer): Promise<void> {
  await primary.query(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
  await primary.query('SELECT pg_reload_conf()');
  for (;;) {
    const [row] = await primary.query<{ sync_state: string }>('SELECT sync_state FROM pg_stat_replication');
    if (row?.sync_state === 'sync') return;
    await pause(50);
  }
}

/**
 * Checks that every gateway detects responses whose effects the database lost, and then decides nothing until an
 * operator accepts the rollback. If only checkpoints were lost, a gateway whose archive holds them may refuse too. If
 * nothing was lost, the gateways serve without help.
 */
async function acceptWhatIsLost(world: World): Promise<Injected> {
  const { ledger, gateways, load } = world;
  const sent = ledger.take();
  const lost = await compareWithDatabase(world.sql, sent);
  const violations: Violation[] = [];
  if (!lost.some(({ promise }) => promise === 'P2')) {
    violations.push(...lost);
    ledger.entries.push(...sent);
    if (await serve(gateways)) return { count: 1, violations };
  } else {
    for (const gateway of gateways)
      if (!(await isRefusing(gateway)))
        violations.push({
          promise: 'P6',
          detail: `gateway ${gateway.name} serves a database that lost ${String(lost.length)} answers`,
        });
    load.start();
    await pause(500);
    await load.stop();
    violations.push(...ledger.take().flatMap(decidedMeanwhile));
  }
  world.hasLost = true;
  const failure = await acceptUntilServed(world);
  if (failure !== null) violations.push({ promise: 'P6', detail: failure });
  load.start();
  await pause(500);
  return { count: 1, violations };
}

/**
 * Runs the operator's command until no gateway asks for it, beside another archive each time.
 * @returns what went wrong; null for nothing
 */
async function acceptUntilServed(world: World): Promise<string | null> {
  const archives = world.random.shuffle(world.gateways).map(({ settings }) => settings);
  for (let times = 0; times < MOST_ACCEPTED; times += 1, archives.reverse()) {
    const failure = await accept(archives);
    if (failure !== null || (await serve(world.gateways))) return failure;
  }
  return `a gateway refuses the database although its rollback was accepted ${String(MOST_ACCEPTED)} times`;
}

/** Waits until all gateways stay ready, or one keeps refusing the database. @returns false if one does */
async function serve(gateways: readonly SupervisedGateway[]): Promise<boolean> {
  let [ready, refusing] = [0, 0];
  for (const deadline = Date.now() + REFUSED_LIMIT; Date.now() < deadline && ready < STAYS;) {
    await pause(100);
    const all = await Promise.all(gateways.map((gateway) => gateway.readiness()));
    ready = all.every((one) => one?.status === 200) ? ready + 1 : 0;
    refusing = all.some(isRefusal) ? refusing + 1 : 0;
    if (refusing === STAYS) return false;
  }
  return true;
}

function decidedMeanwhile(entry: Entry): readonly Violation[] {
  const { operation } = entry;
  const isDecided = operation.actionIds.some((id) => ['decided', 'voted'].includes(toldOf(entry, id)));
  const detail = `${operation.kind} ${operation.id} was answered while the database is refused: ${JSON.stringify(entry.endings).slice(0, 300)}`;
  return isDecided ? [{ promise: 'P6', detail }] : [];
}

async function isRefusing(gateway: SupervisedGateway): Promise<boolean> {
  for (const deadline = Date.now() + REFUSED_LIMIT; Date.now() < deadline;) {
    await pause(50);
    if (isRefusal(await gateway.readiness())) return true;
  }
  return false;
}

const isRefusal = (readiness: { status: number; text: string } | null): boolean =>
  readiness?.status === 503 && readiness.text.includes('rolled back');

/**
 * Runs the operator's command beside one archive after another, since it refuses where another one is newer, and names
 * that one. @returns what went wrong; null for nothing
 */
async function accept(archives: readonly NodeJS.ProcessEnv[]): Promise<string | null> {
  let refusal: string | null = null;
  for (const settings of archives) {
    refusal = await acceptBeside(settings);
    if (refusal?.includes('ArchiveAheadError') !== true) break;
  }
  return refusal;
}

function acceptBeside(settings: NodeJS.ProcessEnv): Promise<string | null> {
  const args = ['--import', 'tsx', join('src', 'cli', 'accept-rollback.ts'), '--reason', 'chaos'];
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...settings };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: join(__dirname, '..', '..'), env }, (error, stdout, stderr) => {
      resolve(error === null ? null : `audit:accept-rollback failed: ${stdout}${stderr}`);
    });
  });
}

async function untilReady(world: World): Promise<void> {
  for (const gateway of world.gateways) await gateway.untilReady();
}

const noStandby = ({ server }: World): string | null =>
  server.canReplicate ? null : 'this PostgreSQL has no pg_basebackup';

const EXPECTED =
  /rolled back|no longer holds|cannot be sealed|cannot be reached|another archive|has \d+ bytes/;

/** Faults that roll the database back, or might. */
export const rollbackFaults: readonly Fault[] = [
  { name: 'older backup restored', inject: restoreBackup, expectedErrors: EXPECTED },
  {
    name: 'failover, synchronous',
    unavailable: noStandby,
    inject: (world) => failOver(world, null),
    expectedErrors: EXPECTED,
  },
  {
    name: 'failover, asynchronous',
    unavailable: noStandby,
    inject: (world) => failOver(world, world.random.pick([60, 250, 1_000])),
    expectedErrors: EXPECTED,
  },
];
