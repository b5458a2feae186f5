import { DEFAULT_PAGE_SIZE, type Direction, type PageRequest } from '../../domain/page';
import { RefusedError, validationRefusal } from '../../domain/refusal';

/** An order that an index on (organization_id, column, id) serves. */
export interface KeysetOrder<T> {
  readonly property: keyof T & string;
  /** The SQL type of the cursor's value. */
  readonly type: 'timestamptz' | 'double precision' | 'bigint';
  readonly direction: Direction;
}

/** A row's position in an order. */
export interface Place {
  readonly key: string | number;
  readonly id: number;
}

/** The requested rows of a list. */
export interface Part {
  readonly size: number;
  /** Whether the rows are counted from the end. */
  readonly backward: boolean;
  readonly after: Place | null;
  readonly before: Place | null;
  readonly offset: number;
}

/**
 * Parses the page arguments of a list.
 * @throws {RefusedError} VALIDATION_ERROR for invalid arguments, or a cursor of another list or order
 */
export function readPart<T>(request: PageRequest, order: KeysetOrder<T>, maxSize: number): Part {
  const { first, last, after, before, offset } = request;
  if (isGiven(first) && isGiven(last)) refuse('last', 'cannot be combined with first', 'conflict');
  const backward = isGiven(last);
  const size = last ?? first ?? DEFAULT_PAGE_SIZE;
  if (!Number.isInteger(size) || size < 1 || size > maxSize)
    refuse(backward ? 'last' : 'first', `must be an integer from 1 to ${String(maxSize)}`, 'range');
  if (isGiven(offset) && (!Number.isInteger(offset) || offset < 0))
    refuse('offset', 'must be 0 or more', 'range');
  if (isGiven(offset) && offset > 0 && (backward || isGiven(after) || isGiven(before)))
    refuse('offset', 'cannot be combined with last or a cursor', 'conflict');
  return {
    size,
    backward,
    after: isGiven(after) ? readCursor(after, order, 'after') : null,
    before: isGiven(before) ? readCursor(before, order, 'before') : null,
    offset: offset ?? 0,
  };
}

function isGiven<V>(value: V | null | undefined): value is V {
  return value !== null && value !== undefined;
}

/** Returns the cursor of a row: base64url of [property, value, id] as JSON. */
export function writeCursor<T extends { readonly id: number }>(node: T, order: KeysetOrder<T>): string {
  return placeCursor({ key: node[order.property], id: node.id }, order);
}

/** Returns the cursor of a position that is known without its row. */
export function placeCursor<T>(
  { key, id }: { readonly key: unknown; readonly id: number },
  { property }: KeysetOrder<T>,
): string {
  const value = key instanceof Date ? key.toISOString() : key;
  return Buffer.from(JSON.stringify([property, value, id])).toString('base64url');
}

function readCursor<T>(cursor: string, order: KeysetOrder<T>, argument: string): Place {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(parts)) {
      const [property, key, id] = parts as unknown[];
      if (property === order.property && Number.isSafeInteger(id) && isKey(key, order.type))
        return { key, id: id as number };
    }
  } catch {
    // Not JSON: refused below, like any text that is not a cursor of this list.
  }
  return refuse(argument, 'is not a cursor of this list in this order', 'cursor');
}

function isKey(key: unknown, type: KeysetOrder<unknown>['type']): key is string | number {
  if (type === 'double precision') return typeof key === 'number';
  if (type === 'bigint') return Number.isSafeInteger(key);
  return (
    typeof key === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(key) &&
    // A date that does not exist throws or parses as another one; PostgreSQL has no year 0.
    new Date(key).toISOString() === key &&
    !key.startsWith('0000')
  );
}

function refuse(argument: string, msg: string, type: string): never {
  throw new RefusedError(validationRefusal([{ loc: [argument], msg, type }]));
}
