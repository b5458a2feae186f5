import { untilSealed } from './gateway';
import type { OnWarm } from './load';
import { forgetPeak, peakMemoryOf } from './memory';
import type { Bench, Measured, ProcessorTime, Side } from './measured';
import { isProcessorTimeKnown, processorTimeOf, processorTimeWithChildren } from './processor-time';
import { median, medianRatio, percentile } from './statistics';
import type { World } from './world';

/** The results of one side in one round. */
export interface Round {
  /** The number of requests, decisions or items. */
  readonly count: number;
  readonly seconds: number;
  /** The latency of each request, in milliseconds. */
  readonly latencies: readonly number[];
  /** In total; null where the system does not tell it. */
  readonly processor?: ProcessorTime | null;
  readonly statementsPerRequest?: number;
  readonly peakMemory?: number | null;
}

/** The rounds of each side, by its name; all sides have the same number. */
export type Rounds<Name extends string> = Readonly<Record<Name, readonly Round[]>>;

/**
 * Runs the sides in turn, for the configured number of rounds after one that warms up connections, plans and caches.
 * Each round starts with a different side, so that growth over a run favours none.
 */
export async function inTurn<Name extends string>(
  { options }: Bench,
  sides: Readonly<Record<Name, () => Promise<Round>>>,
): Promise<Rounds<Name>> {
  const names = Object.keys(sides) as Name[];
  const rounds = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Round[]>;
  for (let round = 0; round <= options.rounds; round += 1) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const result = await sides[name]();
      if (round > 0) rounds[name].push(result);
    }
  }
  return rounds;
}

/** What a load or a loop returns. */
interface Run {
  readonly seconds: number;
  readonly latencies: readonly number[];
}

/**
 * Runs a load or a loop and adds the processor time of what counts: from the end of the warm-up, once its audit entries
 * are sealed, until all audit entries are sealed. So a side pays for the sealing that it caused, and for no other.
 * @param programs the processes of the side itself
 */
export async function metered(
  world: World,
  programs: readonly number[],
  run: (onWarm: OnWarm) => Promise<Run>,
): Promise<Round> {
  let before: ProcessorTime | null = null;
  const { seconds, latencies } = await run(async () => {
    await untilSealed(world);
    before = readProcessorTime(world, programs);
  });
  await untilSealed(world);
  const after = readProcessorTime(world, programs);
  return { count: latencies.length, seconds, latencies, processor: difference(before, after) };
}

function readProcessorTime(world: World, programs: readonly number[]): ProcessorTime | null {
  if (!isProcessorTimeKnown()) return null;
  return {
    program: programs.map(processorTimeOf).reduce((total, time) => total + time, 0),
    postgres: processorTimeWithChildren(world.postmaster, [world.ownBackend]),
  };
}

function difference(before: ProcessorTime | null, after: ProcessorTime | null): ProcessorTime | null {
  if (before === null || after === null) return null;
  return { program: after.program - before.program, postgres: after.postgres - before.postgres };
}

/**
 * Runs a load against the gateway and adds its processor time, the statements per request and the peak of its memory.
 * @param requests how many requests it sends in total
 */
export async function observed(
  { world, gateway }: Bench,
  requests: number,
  run: (onWarm: OnWarm) => Promise<Run>,
): Promise<Round> {
  forgetPeak(gateway.pid);
  const before = await world.countStatements();
  const result = await metered(world, [gateway.pid], run);
  const statements = (await world.countStatements()) - before;
  return {
    ...result,
    statementsPerRequest: statements / requests,
    peakMemory: peakMemoryOf(gateway.pid),
  };
}

/** Returns a side's rate per second in each round. */
export function ratesOf(rounds: readonly Round[]): readonly number[] {
  return rounds.map(({ count, seconds }) => count / seconds);
}

/** Returns a side's processor time per operation in each round; null if a round has none. */
function processorOf(rounds: readonly Round[]): readonly ProcessorTime[] | null {
  const times = rounds.flatMap(({ processor, count }) =>
    processor ? [{ program: processor.program / count, postgres: processor.postgres / count }] : [],
  );
  return times.length === rounds.length ? times : null;
}

/**
 * Returns the median of the rounds' ratios of processor time per operation, each of the side's process and PostgreSQL
 * together; null if it is not known.
 */
export function processorRatio(ours: readonly Round[], floor: readonly Round[]): number | null {
  const together = (rounds: readonly Round[]): readonly number[] | undefined =>
    processorOf(rounds)?.map(({ program, postgres }) => program + postgres);
  const [mine, theirs] = [together(ours), together(floor)];
  return mine === undefined || theirs === undefined ? null : medianRatio(mine, theirs);
}

/** Returns the part of a line whose target is a ratio of processor times. */
export function byProcessorTime(
  ours: readonly Round[],
  floor: readonly Round[],
  atMost: number,
): Pick<Measured, 'processorRatio' | 'value' | 'unit' | 'reach'> {
  const ratio = processorRatio(ours, floor);
  return { processorRatio: ratio, value: ratio, unit: 'processor', reach: { atMost } };
}

/** Returns the medians of a side's rounds. */
export function sideOf(rounds: readonly Round[]): Side {
  const times = processorOf(rounds);
  const medianOf = (of: (round: Round) => number | null | undefined): number | null => {
    const known = rounds.map(of).filter((value) => typeof value === 'number');
    return known.length === 0 ? null : median(known);
  };
  return {
    processor: times && {
      program: median(times.map(({ program }) => program)),
      postgres: median(times.map(({ postgres }) => postgres)),
    },
    perSecond: median(ratesOf(rounds)),
    p50: medianOf(({ latencies }) => percentile(latencies, 0.5)),
    p99: medianOf(({ latencies }) => percentile(latencies, 0.99)),
    statementsPerRequest: medianOf(({ statementsPerRequest }) => statementsPerRequest),
    peakMemory: medianOf(({ peakMemory }) => peakMemory),
  };
}
