/**
 * Shares one run of a read among all who ask while it runs, and its result for a while after: what anybody may ask for
 * costs the same however often they ask. A run that fails is shared and not kept.
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
