import type { Closables } from './closables';
import type { Gateway } from './gateway';
import type { LoopProcess } from './loop';
import type { Options } from './options';
import type { World } from './world';

/** The resources of a workload. */
export interface Bench {
  readonly options: Options;
  readonly world: World;
  /** A gateway with production settings, whose sealer runs. */
  readonly gateway: Gateway;
  readonly loop: LoopProcess;
  readonly closables: Closables;
}

/** A workload. It throws if a response is wrong, since the rate of wrong responses means nothing. */
export type Workload = (bench: Bench) => Promise<readonly Measured[]>;

/** Processor time, in microseconds: of the side's own process, and of PostgreSQL with all of its processes. */
export interface ProcessorTime {
  readonly program: number;
  readonly postgres: number;
}

/** The results of one side: medians of the rounds. What was not measured is null. */
export interface Side {
  readonly processor: ProcessorTime | null;
  readonly perSecond: number | null;
  /** In milliseconds. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly statementsPerRequest: number | null;
  /** Of the serving process, in MB. */
  readonly peakMemory: number | null;
}

/** One line of the result. */
export interface Measured {
  readonly title: string;
  readonly ours: Side;
  /** The side that ours is compared to, measured in turn with it. */
  readonly floor: Side;
  readonly floorName: string;
  /** Our processor time per operation over the floor's, PostgreSQL's in both; null where the system does not tell it. */
  readonly processorRatio?: number | null;
  /** The value that has to reach its target. A ratio is the median of the rounds' ratios. Null if it is not known. */
  readonly value: number | null;
  /** `processor` is the ratio of processor times; `ratio` is of throughput, unless the title names something else. */
  readonly unit: 'processor' | 'ratio' | '%' | 'ms' | 'MB' | 'statements';
  /** Null for what is only reported. */
  readonly reach: { readonly atLeast: number } | { readonly atMost: number } | null;
}

/** Whether a value reaches its target. Without a value or a target, nothing is missed. */
export function isReached({ value, reach }: Measured): boolean {
  if (value === null || reach === null) return true;
  return 'atLeast' in reach ? value >= reach.atLeast : value <= reach.atMost;
}

/** Returns a side with the given values; the others were not measured. */
export function side(given: Partial<Side>): Side {
  return {
    processor: null,
    perSecond: null,
    p50: null,
    p99: null,
    statementsPerRequest: null,
    peakMemory: null,
    ...given,
  };
}
