/** The requested part of a list: forward (`first`, `after`) or backward (`last`, `before`). */
export interface PageRequest {
  readonly first?: number | null;
  readonly after?: string | null;
  readonly last?: number | null;
  readonly before?: string | null;
  /** Rows to skip from the start. The cost grows with it, so prefer `after`. */
  readonly offset?: number | null;
}

/** One entry of a page, with the cursor for its position. */
export interface Edge<T> {
  readonly node: T;
  readonly cursor: string;
}

/** A bounded count: exact up to `COUNT_CAP`, then capped. */
export interface Count {
  readonly total: number;
  readonly capped: boolean;
}

/** A page of a list, and a function that counts the whole list, run only when called. */
export interface Page<T> {
  readonly edges: readonly Edge<T>[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  /**
   * The position where a text search stopped before the end of the list, from which the next page continues; null if it
   * did not stop early.
   */
  readonly searchedTo: { readonly cursor: string; readonly isBackward: boolean } | null;
  readonly count: () => Promise<Count>;
}

/** The page size when none is requested (docs/graphql-api.md#lists). */
export const DEFAULT_PAGE_SIZE = 25;

/** The maximum length of a search text, in characters (Unicode code points). */
export const MAX_SEARCH_LENGTH = 200;

/** Where counting stops (docs/graphql-api.md#lists). */
export const COUNT_CAP = 10_000;

export type Direction = 'asc' | 'desc';
