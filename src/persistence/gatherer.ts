import { DatabaseUnavailableError } from './database';

/** Runs items together; one result per item, in their order. A promise among them holds up nobody but who waits for it. */
export type RunTogether<Item, Result> = (
  items: readonly Item[],
) => Promise<readonly (Result | Promise<Result>)[]>;

export interface GathererOptions<Item> {
  /** Items at most that run together, 1 or more. */
  readonly maxSize: number;
  /** What shares nothing with what: items of different lanes never run together and never wait for each other. */
  readonly laneOf?: (item: Item) => unknown;
  /** Of items with the same key at most one runs at a time; the others follow in order. */
  readonly keyOf?: (item: Item) => unknown;
  /** Told how many items run together, each time. */
  readonly onBatch?: (size: number) => void;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result | Promise<Result>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets what is asked at the same time go to the database as one statement: while one batch is under way, the next one
 * gathers. There is no timer, so whoever comes alone waits for nobody.
 */
export class Gatherer<Item, Result> {
  /** By lane, what waits there; a lane without an entry is idle. */
  private readonly lanes = new Map<unknown, Waiting<Item, Result>[]>();

  constructor(
    private readonly run: RunTogether<Item, Result>,
    private readonly options: GathererOptions<Item>,
  ) {}

  /** Runs an item with whatever else waits. @throws what its own run throws, never what a neighbour's does */
  ask(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      const lane = this.options.laneOf?.(item);
      const waiting = this.lanes.get(lane);
      if (waiting !== undefined) {
        waiting.push({ item, resolve, reject });
        return;
      }
      this.lanes.set(lane, [{ item, resolve, reject }]);
      // Only once this turn's sockets are read, so that what arrived together goes together.
      setImmediate(() => void this.empty(lane));
    });
  }

  /** Runs batch after batch until nobody waits. */
  private async empty(lane: unknown): Promise<void> {
    for (let waiting = this.lanes.get(lane) ?? []; waiting.length > 0; waiting = this.lanes.get(lane) ?? []) {
      const batch = this.take(waiting);
      this.options.onBatch?.(batch.length);
      await this.settle(batch);
    }
    this.lanes.delete(lane);
  }

  /** Takes the first that may run together out of those who wait. */
  private take(waiting: Waiting<Item, Result>[]): Waiting<Item, Result>[] {
    const { maxSize, keyOf } = this.options;
    const keys = new Set<unknown>();
    const batch: Waiting<Item, Result>[] = [];
    const rest: Waiting<Item, Result>[] = [];
    for (const one of waiting) {
      const key = keyOf?.(one.item);
      const isFree = batch.length < maxSize && (key === undefined || !keys.has(key));
      (isFree ? batch : rest).push(one);
      keys.add(key);
    }
    waiting.splice(0, waiting.length, ...rest);
    return batch;
  }

  /**
   * What PostgreSQL refused as a whole did nothing, so each item is tried by itself, and only the bad one fails. Where
   * the connection was lost nobody knows what was done: nothing is tried again.
   */
  private async settle(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.run(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, index) => {
        const result = results[index];
        if (result === undefined) reject(new Error('A batch gave no result for an item'));
        else resolve(result);
      });
    } catch (error) {
      if (batch.length > 1 && !(error instanceof DatabaseUnavailableError))
        await Promise.all(batch.map((one) => this.settle([one])));
      else for (const { reject } of batch) reject(error);
    }
  }
}
