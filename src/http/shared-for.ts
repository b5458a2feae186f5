/**
 * Shares one run of a read among concurrent callers, and its result for a while afterwards, so that the cost does not
 * grow with the number of callers. A failure is shared but not kept.
 * @param keptMs how long a result is kept, in milliseconds
 */
export function sharedFor<T>(keptMs: number, read: () => Promise<T>): () => Promise<T> {
  let last: { readonly result: Promise<T>; endsAt: number } | null = null;
  return () => {
    if (last !== null && performance.now() < last.endsAt) return last.result;
    const run = { result: read(), endsAt: Infinity };
    last = run;
    run.result.then(
      () => (run.endsAt = performance.now() + keptMs),
      () => (run.endsAt = 0),
    );
    return run.result;
  };
}
