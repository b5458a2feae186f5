import type { Logger } from './observability/logger';

/** A job that is repeated as long as the process runs. */
export interface BackgroundWork {
  /** A verb phrase for the log, which says `could not NAME` when the job fails. */
  readonly name: string;
  readonly everyMs: number;
  /** Runs the job once. It ends early, between two of its steps, once the signal is aborted. */
  readonly run: (signal: AbortSignal) => Promise<unknown>;
}

/**
 * Repeats jobs. A job never overlaps with itself. A failure is logged, and the job runs again at its next turn.
 * @returns a function that stops all jobs and waits for those that are running
 */
export function runInBackground(works: readonly BackgroundWork[], log: Logger): () => Promise<void> {
  const stopping = new AbortController();
  const inFlight = new Map<string, Promise<unknown>>();
  const timers = works.map(({ name, everyMs, run }) =>
    setInterval(() => {
      if (inFlight.has(name)) return;
      const turn = run(stopping.signal)
        .catch((error: unknown) => {
          log.warn({ err: error }, `could not ${name}`);
        })
        .finally(() => inFlight.delete(name));
      inFlight.set(name, turn);
    }, everyMs).unref(),
  );
  return async () => {
    timers.forEach(clearInterval);
    stopping.abort();
    await Promise.all(inFlight.values());
  };
}
