/** How far a key has come in its window: requests, and milliseconds to its end. */
interface Count {
  readonly current: number;
  readonly ttl: number;
}

type Callback = (error: Error | null, count: Count) => void;

/**
 * Where @fastify/rate-limit counts, in windows that begin with a key's first request. Its own store hands out the very
 * object that it counts in, so that requests which arrive together all see the last one's count, and are all refused.
 */
export class WindowStore {
  /** In the order in which the windows began. */
  private readonly windows = new Map<string, { readonly start: number; count: number }>();

  /** @param options.cache how many keys are counted at a time; the oldest window goes first */
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

  /** The store of one limiter: none shares its counts with another. */
  child(): WindowStore {
    return new WindowStore(this.options);
  }
}
