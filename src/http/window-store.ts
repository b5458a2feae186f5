/** A key's count: requests in its window, and milliseconds until the window ends. */
interface Count {
  readonly current: number;
  readonly ttl: number;
}

type Callback = (error: Error | null, count: Count) => void;

/**
 * The store of @fastify/rate-limit. A window begins with a key's first request. The plugin's own store returns the
 * object that it counts in, so concurrent requests would all see the count of the last one, and all be refused.
 */
export class WindowStore {
  /** Oldest window first. */
  private readonly windows = new Map<string, { readonly start: number; count: number }>();

  /** @param options.cache how many keys are counted at a time; the oldest window is dropped first */
  constructor(private readonly options: { readonly cache?: number }) {}

  incr(key: string, callback: Callback, timeWindow: number): void {
    const now = Date.now();
    const known = this.windows.get(key);
    if (known !== undefined && known.start + timeWindow > now) {
      known.count += 1;
      callback(null, { current: known.count, ttl: known.start + timeWindow - now });
      return;
    }
    this.windows.delete(key);
    this.windows.set(key, { start: now, count: 1 });
    const [oldest] = this.windows.keys();
    if (this.windows.size > (this.options.cache ?? Infinity) && oldest !== undefined)
      this.windows.delete(oldest);
    callback(null, { current: 1, ttl: timeWindow });
  }

  read(key: string, callback: Callback, timeWindow: number): void {
    const now = Date.now();
    const known = this.windows.get(key);
    const isOpen = known !== undefined && known.start + timeWindow > now;
    callback(
      null,
      isOpen ? { current: known.count, ttl: known.start + timeWindow - now } : { current: 0, ttl: 0 },
    );
  }

  /** Creates the store of one limiter. Limiters do not share counts. */
  child(): WindowStore {
    return new WindowStore(this.options);
  }
}
