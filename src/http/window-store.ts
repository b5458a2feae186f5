import { LRUCache } from 'lru-cache';

/** A key's count: requests in its window, and milliseconds until the window ends. */
interface Count {
  readonly current: number;
  readonly ttl: number;
}

/** The plugin's own default. */
const DEFAULT_CACHE = 5_000;

type Callback = (error: Error | null, count: Count) => void;

/**
 * The store of @fastify/rate-limit. A window begins with a key's first request. The plugin's own store returns the
 * object that it counts in, so concurrent requests would all see the count of the last one, and all be refused.
 */
export class WindowStore {
  private readonly windows: LRUCache<string, { readonly start: number; count: number }>;

  /** @param options.cache how many keys are counted at a time; the oldest window is dropped first */
  constructor(private readonly options: { readonly cache?: number }) {
    this.windows = new LRUCache({ max: options.cache ?? DEFAULT_CACHE });
  }

  incr(key: string, callback: Callback, timeWindow: number): void {
    const now = Date.now();
    // Peeking leaves the order alone: that of the windows' starts.
    const known = this.windows.peek(key);
    if (known !== undefined && known.start + timeWindow > now) {
      known.count += 1;
      callback(null, { current: known.count, ttl: known.start + timeWindow - now });
      return;
    }
    this.windows.set(key, { start: now, count: 1 });
    callback(null, { current: 1, ttl: timeWindow });
  }

  read(key: string, callback: Callback, timeWindow: number): void {
    const now = Date.now();
    const known = this.windows.peek(key);
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
