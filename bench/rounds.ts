import { forgetPeak, peakMemoryOf } from './memory';
import type { Bench, Side } from './measured';
import { median, percentile } from './statistics';

/** What one side did in one round. */
export interface Round {
  /** What it did: requests, decisions, items. */
  readonly count: number;
  readonly seconds: number;
  /** Of each request, in milliseconds. */
  readonly latencies: readonly number[];
  readonly statementsPerRequest?: number;
  readonly peakMemory?: number | null;
}

/** Rounds by the side's name; every side has as many. */
export type Rounds<Name extends string> = Readonly<Record<Name, readonly Round[]>>;

/**
 * Runs the sides in turn, so often as the options say and once before, to warm up connections, plans and caches. Each
 * round begins with another side: what grows over a run favours none.
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
 * Runs something against the gateway and adds what it took: statements per request, and the peak of its memory.
 * @param requests how many it sends in all
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

/** How much a side did per second, round by round. */
export function ratesOf(rounds: readonly Round[]): readonly number[] {
  return rounds.map(({ count, seconds }) => count / seconds);
}

/** The medians of a side's rounds. */
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
