import { forgetPeak, peakMemoryOf } from './memory';
import type { Bench, Side } from './measured';
import { median, percentile } from './statistics';

/** The results of one side in one round. */
export interface Round {
  /** The number of requests, decisions or items. */
  readonly count: number;
  readonly seconds: number;
  /** The latency of each request, in milliseconds. */
  readonly latencies: readonly number[];
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

/**
 * Runs a load against the gateway and adds the statements per request and the peak of the gateway's memory.
 * @param requests how many requests it sends in total
 */
export async function observed(
  { world, gateway }: Bench,
  requests: number,
  run: () => Promise<{ readonly seconds: number; readonly latencies: readonly number[] }>,
): Promise<Round> {
  forgetPeak(gateway.pid);
  const before = await world.countStatements();
  const result = await run();
  const statements = (await world.countStatements()) - before;
  return {
    ...result,
    count: result.latencies.length,
    statementsPerRequest: statements / requests,
    peakMemory: peakMemoryOf(gateway.pid),
  };
}

/** Returns a side's rate per second in each round. */
export function ratesOf(rounds: readonly Round[]): readonly number[] {
  return rounds.map(({ count, seconds }) => count / seconds);
}

/** Returns the medians of a side's rounds. */
export function sideOf(rounds: readonly Round[]): Side {
  const medianOf = (of: (round: Round) => number | null | undefined): number | null => {
    const known = rounds.map(of).filter((value) => typeof value === 'number');
    return known.length === 0 ? null : median(known);
  };
  return {
    perSecond: median(ratesOf(rounds)),
    p50: medianOf(({ latencies }) => percentile(latencies, 0.5)),
    p99: medianOf(({ latencies }) => percentile(latencies, 0.99)),
    statementsPerRequest: medianOf(({ statementsPerRequest }) => statementsPerRequest),
    peakMemory: medianOf(({ peakMemory }) => peakMemory),
  };
}
