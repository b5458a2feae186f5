import { RefusedError, validationRefusal, type Refusal } from './refusal';

/** The maximum size of the response to a read, in bytes of JSON. Exports and other streams are not bounded. */
export const MAX_ANSWER_SIZE = 10_000_000;

/** The size up to which a response needs no slot for large responses, in bytes of JSON. */
const SMALL_ANSWER_SIZE = 256_000;

/**
 * Waits for a slot for one large response.
 * @returns a function that releases the slot
 * @throws {RefusedError} SERVICE_UNAVAILABLE if too many requests wait, or the wait takes too long
 */
export type EnterLargeAnswers = () => Promise<() => void>;

/** The result of one read and what it used of a budget. */
export interface Spent<T> {
  readonly result: T;
  /** The minimum size of the rows in the response, in bytes. */
  readonly size: number;
}

/**
 * What one request may still read of texts and JSON. These reads of a request run one after the other, each with the
 * remaining budget, so that memory is bounded while the response is built.
 */
export class AnswerBudget {
  private left: number;
  private last: Promise<unknown> = Promise.resolve();
  private isOver = false;
  /** What may still be read or written without a slot for large responses, in bytes. */
  private smallLeft = SMALL_ANSWER_SIZE;
  private room: Promise<() => void> | null = null;
  private isReleased = false;
  /** For a refused list, how many of its rows would have fitted; null where the response is not one list. */
  rowsThatFit: number | null = null;

  constructor(
    private readonly enterLargeAnswers: EnterLargeAnswers,
    size = MAX_ANSWER_SIZE,
  ) {
    this.left = size;
  }

  /** Whether the request read more than a response may hold. */
  get isExceeded(): boolean {
    return this.isOver;
  }

  /** Removes the bound. A mutation's response was bounded before the mutation ran, and is sent whatever its size. */
  lift(): void {
    this.left = Infinity;
  }

  /**
   * Runs a read after the earlier reads have ended.
   * @param read receives the number of bytes left; reads no further than the first row beyond them
   * @throws {RefusedError} VALIDATION_ERROR if nothing is left; SERVICE_UNAVAILABLE if no slot becomes free
   */
  spend<T>(read: (left: number) => Promise<Spent<T>>): Promise<T> {
    const run = async (): Promise<T> => {
      if (this.isOver) throw new RefusedError(answerTooLarge(null));
      const { result, size } = await this.readWithRoom(read);
      this.left -= size;
      this.smallLeft -= size;
      this.isOver ||= this.left < 0;
      return result;
    };
    const result = this.last.then(run);
    this.last = result.catch(() => undefined);
    return result;
  }

  /**
   * Waits for a slot if a response of this size needs one. The slot is taken once and kept until `release`.
   * @param size bytes of JSON, as far as known
   * @throws {RefusedError} SERVICE_UNAVAILABLE if no slot becomes free
   */
  async makeRoom(size: number): Promise<void> {
    if (size <= SMALL_ANSWER_SIZE) return;
    this.room ??= this.enterLargeAnswers();
    await this.room;
  }

  /** Releases the slot, once the response has left the process. Nothing may be read after that. */
  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.room?.then(
      (release) => {
        release();
      },
      () => undefined,
    );
  }

  /** Reads without a slot first. A read that turns out to be large is repeated with a slot. */
  private async readWithRoom<T>(read: (left: number) => Promise<Spent<T>>): Promise<Spent<T>> {
    const most = Math.min(this.left, this.smallLeft);
    if (this.room === null && most > 0) {
      const small = await read(most);
      if (small.size <= most || most === this.left) return small;
    }
    await this.makeRoom(Infinity);
    return read(this.left);
  }
}

/**
 * Returns the refusal of a read whose response is too large.
 * @param limit over REST, how many rows fit; null over GraphQL
 */
export function answerTooLarge(limit: number | null): Refusal {
  const size = `${String(MAX_ANSWER_SIZE / 1_000_000)} MB`;
  const [loc, way] =
    limit === null
      ? [['query'], 'ask for fewer rows at a time with `first` and `after`, or for fewer fields']
      : [['query', 'limit'], `limit=${String(limit)} fits`];
  return validationRefusal([{ loc, msg: `the answer is larger than ${size}; ${way}`, type: 'answer_size' }]);
}

/**
 * Returns the size of a value as JSON in UTF-8, in bytes, without serializing it.
 * @param most where measuring stops; the result is then larger than this, and not exact
 */
export function jsonSize(value: unknown, most: number): number {
  if (typeof value === 'string') return textSize(value);
  if (typeof value !== 'object' || value === null) return String(value).length;
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return textSize(JSON.stringify(value));
  let size = 2;
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) {
      size += 1 + jsonSize(item, most - size);
      if (size > most) return size;
    }
    return size;
  }
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined) continue;
    size += 2 + textSize(name) + jsonSize(item, most - size);
    if (size > most) return size;
  }
  return size;
}

/** Returns how many items of a list fit, in its order. @param most bytes of JSON */
export function itemsThatFit(items: readonly unknown[], most: number): number {
  let size = 2;
  return items.filter((item) => (size <= most ? (size += 1 + jsonSize(item, most - size)) : size) <= most)
    .length;
}

/** Characters that JSON has to escape. */
const ESCAPED = /["\\\p{Cc}]/u;

function textSize(text: string): number {
  return ESCAPED.test(text) ? Buffer.byteLength(JSON.stringify(text)) : Buffer.byteLength(text) + 2;
}
