import type { Logger } from './observability/logger';

/** Work that is repeated as long as the process runs. */
export interface BackgroundWork {
  /** For the log, where it fails. */
  readonly name: string;
  readonly everyMs: number;
  /** Ends early, between two of its steps, once the signal is given. */
  readonly run: (signal: AbortSignal) => Promise<unknown>;
}

/**
 * Repeats works, each never beside itself; one that fails is logged and tried again at its next turn.
 * @returns stops them all, and waits for the steps under way
 */
export function runInBackground(works: readonly BackgroundWork[], log: Logger): () => Promise<void> {
  const stopping = new AbortController();
  const underWay = new Map<string, Promise<unknown>>();
  const timers = works.map(({ name, everyMs, run }) =>
    setInterval(() => {
      if (underWay.has(name)) return;
      const turn = run(stopping.signal)
        .catch((error: unknown) => {
          log.warn({ err: error }, `could not ${name}`);
        })
        .finally(() => underWay.delete(name));
      underWay.set(name, turn);
    }, everyMs).unref(),
  );
  return async () => {
    timers.forEach(clearInterval);
    stopping.abort();
    await Promise.all(underWay.values());
  };
}
