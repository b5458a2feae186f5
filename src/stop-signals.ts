/** What a process is told to stop with. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type StopSignal = (typeof SIGNALS)[number];

/** How soon after the first a signal is the same one, in milliseconds: npm passes on what the terminal sent to both. */
const ECHO = 500;

/** How long stopping may take, in milliseconds. */
export interface ShutdownTimes {
  /** How long the process still serves once it is told to stop, so that load balancers notice. */
  readonly delay: number;
  /** How long it may take to stop after that. */
  readonly timeout: number;
}

/** The exit code of a process that did not stop in time, as of timeout(1). */
export const STOPPED_LATE = 124;

/**
 * Waits for a signal to stop. A second one ends the process at once, with exit code 1.
 * @param onSignal told of the first one, at once
 * @returns resolves with it
 */
export function untilSignal(onSignal: (signal: StopSignal) => void): Promise<StopSignal> {
  return new Promise((resolve) => {
    let first: number | null = null;
    for (const signal of SIGNALS)
      process.on(signal, () => {
        if (first !== null) {
          if (performance.now() - first > ECHO) process.exit(1);
          return;
        }
        first = performance.now();
        onSignal(signal);
        resolve(signal);
      });
  });
}

/**
 * How long a process still serves after a signal, in milliseconds. SIGTERM is what orchestrators send. Whoever presses
 * Ctrl-C in development has no load balancer to wait for.
 */
export function delayAfter(signal: StopSignal, { delay }: ShutdownTimes, isProduction: boolean): number {
  return signal === 'SIGTERM' || isProduction ? delay : 0;
}
