import type { Closables } from './closables';
import type { Gateway } from './gateway';
import type { LoopProcess } from './loop';
import type { Options } from './options';
import type { World } from './world';

/** What a workload works with. */
export interface Bench {
  readonly options: Options;
  readonly world: World;
  /** In production settings; its sealer is at work. */
  readonly gateway: Gateway;
  readonly loop: LoopProcess;
  readonly closables: Closables;
}

/** Measures, and throws where an answer was wrong: a rate of wrong answers is worth nothing. */
export type Workload = (bench: Bench) => Promise<readonly Measured[]>;

/** How fast one side was: medians of the rounds. What was not measured is null. */
export interface Side {
  readonly perSecond: number | null;
  /** Milliseconds. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly statementsPerRequest: number | null;
  /** Of the process that serves, in MB. */
  readonly peakMemory: number | null;
}

/** One line of the result. */
export interface Measured {
  readonly title: string;
  readonly ours: Side;
  /** What ours is compared to, measured in turn with it. */
  readonly floor: Side;
  readonly floorName: string;
  /** What the line is about. A ratio is a median of the rounds' ratios. */
  readonly value: number;
  readonly unit: 'ratio' | '%' | 'ms' | 'MB' | 'statements';
  readonly reach: { readonly atLeast: number } | { readonly atMost: number };
}

export function isReached({ value, reach }: Measured): boolean {
  return 'atLeast' in reach ? value >= reach.atLeast : value <= reach.atMost;
}

/** A side of which nothing is measured but what is given. */
export function side(given: Partial<Side>): Side {
  return {
    perSecond: null,
    p50: null,
    p99: null,
    statementsPerRequest: null,
    peakMemory: null,
    ...given,
  };
}
