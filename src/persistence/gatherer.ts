import { DatabaseUnavailableError } from './database';

/** How long an item waits for its batch, in milliseconds: as long as a batch before it may wait for a lock. */
const MAX_WAIT = 10_000;

/** Runs items together; one result per item, in their order. A promise among them holds up nobody but who waits for it. */
export type RunTogether<Item, Result> = (
  items: readonly Item[],
) => Promise<readonly (Result | Promise<Result>)[]>;

export interface GathererOptions<Item> {
  /** Items at most that run together, 1 or more. */
  readonly maxSize: number;
  /** Batches at most that are under way in a lane, 1 or more; 1 if not given. Several keep both ends of the connection busy. */
  readonly maxRunning?: number;
  /** What shares nothing with what: items of different lanes never run together and never wait for each other. */
  readonly laneOf?: (item: Item) => unknown;
  /** Of items with the same key at most one runs at a time; the others follow in order. */
  readonly keyOf?: (item: Item) => unknown;
  /**
   * Whether an error of a batch that did nothing may be the fault of one item, so that each is tried by itself; any error
   * but an outage, if not given.
   */
  readonly isWorthApart?: (error: unknown) => boolean;
  /** Told how many items run together, each time. */
  readonly onBatch?: (size: number) => void;
}

interface Lane<Item, Result> {
  readonly waiting: Waiting<Item, Result>[];
  /** Of the items that run. */
  readonly keys: Set<unknown>;
  running: number;
  /** Whether a batch is about to be taken, once this turn's sockets are read. */
  isStarting: boolean;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  /** Ends the wait where it takes too long. */
  readonly timer: NodeJS.Timeout;
  /** Whether it has ended so. */
  hasGivenUp: boolean;
  readonly resolve: (result: Result | Promise<Result>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets what is asked at the same time go to the database as one statement: while a batch is under way, the next one
 * gathers. There is no timer, so whoever comes alone waits for nobody.
 */
export class Gatherer<Item, Result> {
  /** A lane without an entry is idle. */
  private readonly lanes = new Map<unknown, Lane<Item, Result>>();

  constructor(
    private readonly run: RunTogether<Item, Result>,
    private readonly options: GathererOptions<Item>,
  ) {}

  /**
   * Runs an item with whatever else waits.
   * @throws what its own run throws, never what a neighbour's does; {DatabaseUnavailableError} `busy` where it waited too
   * long to be run at all
   */
  ask(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      const name = this.options.laneOf?.(item);
      let lane = this.lanes.get(name);
      if (lane === undefined)
        this.lanes.set(name, (lane = { waiting: [], keys: new Set(), running: 0, isStarting: false }));
      const one: Waiting<Item, Result> = {
        ...{ item, resolve, reject, hasGivenUp: false },
        timer: setTimeout(() => {
          one.hasGivenUp = true;
          const cause = new Error('The batches before took too long');
          reject(new DatabaseUnavailableError('busy', false, { cause }));
        }, MAX_WAIT),
      };
      lane.waiting.push(one);
      this.start(name, lane);
    });
  }

  /** Starts a batch if one more may run, with what is there once this turn's sockets are read. */
  private start(name: unknown, lane: Lane<Item, Result>): void {
    if (lane.isStarting || lane.running >= (this.options.maxRunning ?? 1)) return;
    lane.isStarting = true;
    setImmediate(() => {
      lane.isStarting = false;
      void this.runNext(name, lane);
    });
  }

  private async runNext(name: unknown, lane: Lane<Item, Result>): Promise<void> {
    const batch = this.take(lane);
    if (batch.length > 0) {
      lane.running += 1;
      // Whom this batch has no room for may have a batch of their own at once.
      if (lane.waiting.length > 0) this.start(name, lane);
      this.options.onBatch?.(batch.length);
      await this.settle(batch);
      lane.running -= 1;
      for (const { item } of batch) lane.keys.delete(this.options.keyOf?.(item));
    }
    if (lane.waiting.length > 0 && (batch.length > 0 || lane.running === 0)) this.start(name, lane);
    else if (lane.waiting.length === 0 && lane.running === 0 && !lane.isStarting) this.lanes.delete(name);
  }

  /** Takes the first that may run now out of those who wait. */
  private take({ waiting, keys }: Lane<Item, Result>): Waiting<Item, Result>[] {
    const { maxSize, keyOf } = this.options;
    const batch: Waiting<Item, Result>[] = [];
    const rest: Waiting<Item, Result>[] = [];
    for (const one of waiting) {
      if (one.hasGivenUp) continue;
      const key = keyOf?.(one.item);
      const isFree = batch.length < maxSize && (key === undefined || !keys.has(key));
      (isFree ? batch : rest).push(one);
      if (isFree) clearTimeout(one.timer);
      if (isFree && key !== undefined) keys.add(key);
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
      const { isWorthApart = isNoOutage } = this.options;
      if (batch.length > 1 && isWorthApart(error)) await Promise.all(batch.map((one) => this.settle([one])));
      else for (const { reject } of batch) reject(error);
    }
  }
}

function isNoOutage(error: unknown): boolean {
  return !(error instanceof DatabaseUnavailableError);
}
