import type { Violation } from './checks';
import type { World } from './world';

/** The result of an injection. */
export interface Injected {
  /** How often something was killed, cut or stopped. */
  readonly count: number;
  /** The violations found during the injection. */
  readonly violations: readonly Violation[];
}

/** A fault that can be injected. */
export interface Fault {
  readonly name: string;
  /** Returns why the fault cannot be injected on this machine; null where it can. */
  readonly unavailable?: (world: World) => string | null;
  /** Injects the fault and ends it again, while clients send. */
  readonly inject: (world: World) => Promise<Injected | number>;
  /** Log lines at level error that this fault explains. */
  readonly expectedErrors?: RegExp;
}
