import type { Violation } from './checks';
import type { World } from './world';

/** What an injection came to. */
export interface Injected {
  /** How often something was killed, cut or stopped. */
  readonly count: number;
  /** What was found wrong while it went on. */
  readonly violations: readonly Violation[];
}

/** One way in which the world goes wrong, and right again. */
export interface Fault {
  readonly name: string;
  /** Why it cannot be tried here; null where it can. */
  readonly unavailable?: (world: World) => string | null;
  /** Goes wrong and right again while clients send. */
  readonly inject: (world: World) => Promise<Injected | number>;
  /** Log lines at level error that this fault explains. */
  readonly expectedErrors?: RegExp;
}
