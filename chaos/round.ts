import { setTimeout as pause } from 'node:timers/promises';
import { compareWithDatabase, findImpossible, findUnasked, type Violation } from './checks';
import type { Fault } from './fault';
import type { Entry } from './ledger';
import { isOpen, sendOnce } from './load';
import type { World } from './world';

/** The result of a round with one fault. */
export interface RoundResult {
  readonly fault: string;
  readonly injections: number;
  readonly sent: number;
  readonly succeeded: number;
  readonly unavailable: number;
  readonly unanswered: number;
  /** How long the slower gateway took to become ready after the fault ended, in milliseconds. */
  readonly readyAfter: number;
  readonly violations: readonly Violation[];
}

/** The time limit for the sealer to seal everything after a fault has ended, in milliseconds. */
const SEALED_LIMIT = 90_000;
/** How many requests with an idempotency key are replayed in a round. */
const REPLAYS = 30;

/** Log lines at level error that describe the effects of any injected fault. */
const EXPECTED = /cannot be reached|unavailable/i;

/** Injects a fault while clients send, then waits until the system has recovered and checks everything. */
export async function runRound(world: World, fault: Fault): Promise<RoundResult> {
  const { ledger, load, gateways } = world;
  await world.restock();
  const before = { ...ledger.sums };
  for (const { errors } of gateways) errors.length = 0;
  load.start();
  await pause(200);
  const injected = await fault.inject(world);
  const { count: injections, violations: found } =
    typeof injected === 'number' ? { count: injected, violations: [] } : injected;
  const times = await Promise.all(gateways.map((gateway) => gateway.untilReady()));
  await pause(300);
  await load.stop();
  const violations: Violation[] = [...found];
  violations.push(
    ...gateways.flatMap(({ name }, index) =>
      times[index] === null ? [{ promise: 'P9', detail: `gateway ${name} is not ready without a hand` }] : [],
    ),
  );
  violations.push(...(await check(world)));
  for (const { gateway, text } of gateways.flatMap(({ errors }) => errors))
    if (!EXPECTED.test(text) && fault.expectedErrors?.test(text) !== true)
      violations.push({ promise: 'log', detail: `${gateway}: ${text.slice(0, 500)}` });
  const { sums } = ledger;
  return {
    fault: fault.name,
    injections,
    sent: sums.sent - before.sent,
    succeeded: sums.succeeded - before.succeeded,
    unavailable: sums.unavailable - before.unavailable,
    unanswered: sums.unanswered - before.unanswered,
    readyAfter: Math.max(...times.map((time) => time ?? Infinity)),
    violations,
  };
}

/** Checks everything that was sent since the last check, and the whole database. */
async function check(world: World): Promise<readonly Violation[]> {
  const entries = world.ledger.take();
  const replays = await replay(world, entries);
  const sealed = await untilSealed(world);
  return [
    ...world.ledger.givenTwice.splice(0).map((detail) => ({ promise: 'P6', detail })),
    ...replays,
    ...sealed,
    ...(await compareWithDatabase(world.sql, entries)),
    ...(await findImpossible(world.sql)),
    ...(await findUnasked(world.sql, world.ledger)),
  ];
}

/**
 * Sends requests again under their idempotency keys. Responses have to be equal to the first ones; requests without a
 * response are decided now or never.
 */
async function replay(world: World, entries: readonly Entry[]): Promise<readonly Violation[]> {
  const violations: Violation[] = [];
  const repeatable = entries.filter(({ operation }) => operation.isRepeatable === true);
  const open = repeatable.filter(({ endings }) => endings.every(isOpen));
  const chosen = [...open, ...world.random.shuffle(repeatable)].slice(0, REPLAYS);
  for (const entry of new Set(chosen)) {
    const { operation, endings } = entry;
    const first = endings.find((ending) => ending.kind === 'answered' && ending.status < 300);
    const again = await sendOnce(operation, world.random.pick(world.gateways).url, world.random);
    if (isOpen(again))
      violations.push({ promise: 'P4', detail: `${operation.id} sent again: ${JSON.stringify(again)}` });
    if (first?.kind === 'answered' && again.kind === 'answered' && !isSame(first.body, again.body))
      violations.push({
        promise: 'P4',
        detail: `${operation.id}: ${JSON.stringify(first.body)} became ${JSON.stringify(again.body)}`,
      });
    endings.push(again);
  }
  return violations;
}

/** Returns whether a replay equals the first response; always true for GraphQL errors, which are not replayed. */
function isSame(first: any, again: any): boolean {
  if (first?.errors !== undefined) return true;
  return JSON.stringify(first) === JSON.stringify(again);
}

async function untilSealed(world: World): Promise<readonly Violation[]> {
  for (const deadline = Date.now() + SEALED_LIMIT; Date.now() < deadline;) {
    await pause(100);
    const [row] = await world.sql<{ waiting: number }>(
      'SELECT count(*)::integer AS waiting FROM audit_pending',
    );
    if (row?.waiting === 0) return [];
  }
  return [{ promise: 'P6', detail: 'the audit log is not sealed without a hand' }];
}
