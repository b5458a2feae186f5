/** The signals that stop the process. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type StopSignal = (typeof SIGNALS)[number];

/** How soon after the first a signal counts as the same one, in milliseconds: npm repeats the terminal's signal. */
const ECHO = 500;

/** How long stopping may take, in milliseconds. */
export interface ShutdownTimes {
  /** How long the process still serves requests after the signal, so that load balancers notice. */
  readonly delay: number;
  /** How long it may take to stop afterwards. */
  readonly timeout: number;
}

/** The exit code of a process that did not stop in time, as in timeout(1). */
export const STOPPED_LATE = 124;

/**
 * Waits for a stop signal. A second one ends the process immediately, with exit code 1.
 * @param onSignal called synchronously with the first signal
 * @returns the first signal
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
 * Returns how long the process still serves requests after a signal, in milliseconds. Orchestrators send SIGTERM. Other
 * signals in development, such as Ctrl-C, have no load balancer to wait for.
 */
export function delayAfter(signal: StopSignal, { delay }: ShutdownTimes, isProduction: boolean): number {
  return signal === 'SIGTERM' || isProduction ? delay : 0;
}
