import { DatabaseUnavailableError } from '../connections/outage';

/** How long an item waits for its batch, in milliseconds: as long as the previous batch may wait for a lock. */
const MAX_WAIT = 10_000;

/** Runs items together. Returns one result per item, in order. A promise among them delays only its own caller. */
export type RunTogether<Item, Result> = (
  items: readonly Item[],
) => Promise<readonly (Result | Promise<Result>)[]>;

export interface BatcherOptions<Item> {
  /** Maximum number of items per batch, 1 or more. */
  readonly maxSize: number;
  /** Maximum sum of the items' sizes per batch; no limit by default. An item that is larger is a batch by itself. */
  readonly maxBytes?: number;
  /** Returns an item's size in bytes; 0 by default. */
  readonly bytesOf?: (item: Item) => number;
  /** Maximum number of concurrent batches per partition, 1 by default. Several keep both client and server busy. */
  readonly maxRunning?: number;
  /** Returns an item's partition. Items of different partitions never share a batch and never wait for each other. */
  readonly partitionOf?: (item: Item) => unknown;
  /** Returns an item's key. Of items with the same key at most one runs at a time; the others follow in order. */
  readonly keyOf?: (item: Item) => unknown;
  /**
   * Whether one item may have caused a batch's error, so that each is retried alone; by default true unless it is an
   * outage. Has to be false if the batch may have been written.
   */
  readonly isRetriedAlone?: (error: unknown) => boolean;
  /** Called with the size of every batch. */
  readonly onBatch?: (size: number) => void;
}

/** What writes of one organization have in common that share statements (docs/decisions/0032). */
export const SHARED_WRITES = { maxSize: 64, maxRunning: 3, isRetriedAlone: isOfOne } as const;

interface Partition<Item, Result> {
  readonly waiting: Waiting<Item, Result>[];
  /** Keys of the items in progress. */
  readonly keys: Set<unknown>;
  running: number;
  /** Whether a batch starts once this turn's sockets are read. */
  isStarting: boolean;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  /** Ends a wait that takes too long. */
  readonly timer: NodeJS.Timeout;
  /** Whether the wait ended by its timer. */
  hasGivenUp: boolean;
  readonly resolve: (result: Result | Promise<Result>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Combines concurrent items into batches, one statement each: while a batch runs, the next one collects. No timer
 * delays a batch, so a single item runs at once.
 */
export class Batcher<Item, Result> {
  /** Partitions with work; an idle partition has no entry. */
  private readonly partitions = new Map<unknown, Partition<Item, Result>>();

  constructor(
    private readonly run: RunTogether<Item, Result>,
    private readonly options: BatcherOptions<Item>,
  ) {}

  /**
   * Submits an item, which runs in a batch with other waiting items.
   * @throws the error of the item's own run, never one that another item caused; {DatabaseUnavailableError} `busy`
   * where the item waited too long to run at all
   */
  submit(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      const name = this.options.partitionOf?.(item);
      let partition = this.partitions.get(name);
      if (partition === undefined)
        this.partitions.set(
          name,
          (partition = { waiting: [], keys: new Set(), running: 0, isStarting: false }),
        );
      const one: Waiting<Item, Result> = {
        ...{ item, resolve, reject, hasGivenUp: false },
        timer: setTimeout(() => {
          one.hasGivenUp = true;
          const cause = new Error('Earlier batches took too long');
          reject(new DatabaseUnavailableError('busy', false, { cause }));
        }, MAX_WAIT),
      };
      partition.waiting.push(one);
      this.start(name, partition);
    });
  }

  /** Starts a batch if one more may run, with the items that are there once this turn's sockets are read. */
  private start(name: unknown, partition: Partition<Item, Result>): void {
    if (partition.isStarting || partition.running >= (this.options.maxRunning ?? 1)) return;
    partition.isStarting = true;
    setImmediate(() => {
      partition.isStarting = false;
      void this.runNext(name, partition);
    });
  }

  private async runNext(name: unknown, partition: Partition<Item, Result>): Promise<void> {
    const batch = this.take(partition);
    if (batch.length > 0) {
      partition.running += 1;
      // Items beyond this batch's size may start another batch at once.
      if (partition.waiting.length > 0) this.start(name, partition);
      this.options.onBatch?.(batch.length);
      await this.settle(batch);
      partition.running -= 1;
      for (const { item } of batch) partition.keys.delete(this.options.keyOf?.(item));
    }
    if (partition.waiting.length > 0 && (batch.length > 0 || partition.running === 0))
      this.start(name, partition);
    else if (partition.waiting.length === 0 && partition.running === 0 && !partition.isStarting)
      this.partitions.delete(name);
  }

  /** Removes the first waiting items that may run now, and returns them. */
  private take({ waiting, keys }: Partition<Item, Result>): Waiting<Item, Result>[] {
    const { maxSize, maxBytes = Infinity, bytesOf, keyOf } = this.options;
    const batch: Waiting<Item, Result>[] = [];
    const rest: Waiting<Item, Result>[] = [];
    let bytes = 0;
    let isFull = false;
    for (const one of waiting) {
      if (one.hasGivenUp) continue;
      const key = keyOf?.(one.item);
      const isAllowed = !isFull && (key === undefined || !keys.has(key));
      if (isAllowed) bytes += bytesOf?.(one.item) ?? 0;
      // Nothing overtakes an item that does not fit, so that the order of arrival is kept.
      isFull ||= batch.length === maxSize || (batch.length > 0 && bytes > maxBytes);
      const isFree = isAllowed && !isFull;
      (isFree ? batch : rest).push(one);
      if (isFree) clearTimeout(one.timer);
      if (isFree && key !== undefined) keys.add(key);
    }
    waiting.splice(0, waiting.length, ...rest);
    return batch;
  }

  /**
   * Runs a batch and settles its items. An error that PostgreSQL reported undid the whole batch, so each item is
   * retried alone and only the faulty one fails. After a lost connection the outcome is unknown, so nothing is retried.
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
      const { isRetriedAlone: isWorthApart = isNoOutage } = this.options;
      if (batch.length > 1 && isWorthApart(error)) await Promise.all(batch.map((one) => this.settle([one])));
      else for (const { reject } of batch) reject(error);
    }
  }
}

function isNoOutage(error: unknown): boolean {
  return !(error instanceof DatabaseUnavailableError);
}

/**
 * Whether one item may have caused a write's error: a slow item or a deadlock fails the whole statement that includes
 * it. A wait for the authority lock is excluded, because it affects all items alike.
 */
function isOfOne(error: unknown): boolean {
  if (!(error instanceof DatabaseUnavailableError)) return true;
  return !error.isOutcomeUnknown && (error.kind === 'cancelled' || error.kind === 'conflict');
}
