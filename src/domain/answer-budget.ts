import { RefusedError, validationRefusal, type Refusal } from './refusal';

/** How large an answer to a read may be, in bytes of JSON. Exports and other streams have no such bound. */
export const MAX_ANSWER_SIZE = 10_000_000;

/** How large an answer may grow before it needs room among the large ones, in bytes of JSON. */
const SMALL_ANSWER_SIZE = 256_000;

/**
 * Waits for room for one large answer.
 * @returns what gives the room back
 * @throws {RefusedError} SERVICE_UNAVAILABLE where too many wait, or the wait takes too long
 */
export type EnterLargeAnswers = () => Promise<() => void>;

/** What one read used of a budget. */
export interface Spent<T> {
  readonly result: T;
  /** What the rows would take in the answer at least, in bytes. */
  readonly size: number;
}

/**
 * What one request may still read of texts and JSON. Such reads of a request run one after the other, each with what is
 * left, so that memory is bounded while the answer is being built.
 */
export class AnswerBudget {
  private left: number;
  private last: Promise<unknown> = Promise.resolve();
  private isOver = false;
  /** What is read, or written, without room among the large answers. */
  private smallLeft = SMALL_ANSWER_SIZE;
  private room: Promise<() => void> | null = null;
  private isReleased = false;
  /** Of a refused list: how many of its rows would have fitted; null where the answer is not one list. */
  rowsThatFit: number | null = null;

  constructor(
    private readonly enterLargeAnswers: EnterLargeAnswers,
    size = MAX_ANSWER_SIZE,
  ) {
    this.left = size;
  }

  /** Whether the request read more than an answer may hold. */
  get isExceeded(): boolean {
    return this.isOver;
  }

  /** Takes the bound away: what a mutation answers was bounded before it ran, and is told whatever it comes to. */
  lift(): void {
    this.left = Infinity;
  }

  /**
   * Reads once the reads before have ended.
   * @param read told how many bytes are left; reads no more than the first row beyond them
   * @throws {RefusedError} VALIDATION_ERROR where nothing is left
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
   * Waits for room for an answer of this size, once: it is kept until the answer is released.
   * @param size bytes of JSON, as far as known
   * @throws {RefusedError} SERVICE_UNAVAILABLE where none becomes free
   */
  async makeRoom(size: number): Promise<void> {
    if (size <= SMALL_ANSWER_SIZE) return;
    this.room ??= this.enterLargeAnswers();
    await this.room;
  }

  /** Gives the room back, once the answer is out of the process's hands. Nothing may be read after that. */
  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.room?.then(
      (giveBack) => {
        giveBack();
      },
      () => undefined,
    );
  }

  /** Reads what is small at once, and what turns out to be large again, with room for it. */
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

/** The refusal of a read whose answer is too large. @param limit over REST, how many rows fit; null over GraphQL */
export function answerTooLarge(limit: number | null): Refusal {
  const size = `${String(MAX_ANSWER_SIZE / 1_000_000)} MB`;
  const [loc, way] =
    limit === null
      ? [['query'], 'ask for fewer rows at a time with `first` and `after`, or for fewer fields']
      : [['query', 'limit'], `limit=${String(limit)} fits`];
  return validationRefusal([{ loc, msg: `the answer is larger than ${size}; ${way}`, type: 'answer_size' }]);
}

/**
 * The size of a value as JSON in UTF-8, in bytes, without writing it.
 * @param most beyond which nothing is measured; then the size is larger than this, and not exact
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

/** How many items of a list fit, in its order. @param most bytes of JSON */
export function itemsThatFit(items: readonly unknown[], most: number): number {
  let size = 2;
  return items.filter((item) => (size <= most ? (size += 1 + jsonSize(item, most - size)) : size) <= most)
    .length;
}

/** What JSON writes otherwise than it is. */
const ESCAPED = /["\\\p{Cc}]/u;

function textSize(text: string): number {
  return ESCAPED.test(text) ? Buffer.byteLength(JSON.stringify(text)) : Buffer.byteLength(text) + 2;
}
