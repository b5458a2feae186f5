/** Which part of a list is asked for: forward (`first`, `after`) or backward (`last`, `before`). */
export interface PageRequest {
  readonly first?: number | null;
  readonly after?: string | null;
  readonly last?: number | null;
  readonly before?: string | null;
  /** Rows to skip from the start; its cost grows with it, so `after` is the better way. */
  readonly offset?: number | null;
}

/** One entry of a page and the cursor that stands for its place in the order. */
export interface Edge<T> {
  readonly node: T;
  readonly cursor: string;
}

/** A count that stops: exact up to `COUNT_CAP`, then capped. */
export interface Count {
  readonly total: number;
  readonly capped: boolean;
}

/** A part of a list, and the way to count the whole of it, which runs only when it is called. */
export interface Page<T> {
  readonly edges: readonly Edge<T>[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  /** Where a text search stopped before the end of the list: the next page begins there. Null where it did not. */
  readonly searchedTo: { readonly cursor: string; readonly isBackward: boolean } | null;
  readonly count: () => Promise<Count>;
}

/** How large a page is when nothing is asked (docs/graphql-api.md#lists). */
export const DEFAULT_PAGE_SIZE = 25;

/** The longest text that a list can be searched for, in characters (Unicode code points). */
export const MAX_SEARCH_LENGTH = 200;

/** Where counting stops (docs/graphql-api.md#lists). */
export const COUNT_CAP = 10_000;

export type Direction = 'asc' | 'desc';
