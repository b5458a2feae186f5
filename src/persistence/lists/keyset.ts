import type { QueryResultRow } from 'pg';
import type { AnswerBudget, Spent } from '../../domain/answer-budget';
import type { Edge, Page, PageRequest } from '../../domain/page';
import { placeCursor, readPart, writeCursor, type KeysetOrder, type Place } from './cursor';
import type { Sql } from '../sql/sql';
import { GroupedSource, type Conditions, type Groups, type SelectedPart } from './list-source';
import { countMatches, searchPage, type FoundRows } from './search-page';
import type { Table } from '../sql/table';
import type { Searcher } from './text-search';
import { readWeighed } from './weighed-rows';

/** A paged list. */
export interface ListQuery<T> {
  readonly table: Table<T>;
  /** Has to include the organization; the table's alias is `t`. */
  readonly conditions: Conditions;
  readonly order: KeysetOrder<T>;
  readonly request: PageRequest;
  /** Maximum page size, in rows. */
  readonly maxSize: number;
  /** Names of the only properties to read; all of them by default. */
  readonly wanted?: ReadonlySet<string> | undefined;
  /** The viewer's text searches; required if the conditions include a search. */
  readonly searcher?: Searcher | null;
  /** What the request may still read of the table's heavy properties; no limit by default. */
  readonly budget?: AnswerBudget | null;
}

/**
 * Returns one page of a table by keyset, at the same cost at any depth. One statement; the count is another, run on
 * call.
 * @throws {RefusedError} VALIDATION_ERROR for invalid page arguments
 */
export async function keysetPage<T extends QueryResultRow & { readonly id: number }>(
  sql: Sql,
  query: ListQuery<T>,
): Promise<Page<T>> {
  const [page] = await readPages(sql, query, null);
  if (page === undefined) throw new Error('A list without groups has one page');
  return page;
}

/** Returns the same page of one list per group, in the order of the groups' ids. One statement for all of them. */
export async function keysetPagesOfGroups<T extends QueryResultRow & { readonly id: number }>(
  sql: Sql,
  query: ListQuery<T>,
  groups: Groups,
): Promise<readonly Page<T>[]> {
  return readPages(sql, query, groups);
}

async function readPages<T extends QueryResultRow & { readonly id: number }>(
  sql: Sql,
  query: ListQuery<T>,
  groups: Groups | null,
): Promise<readonly Page<T>[]> {
  const { table, conditions, order, budget = null } = query;
  const { size, backward, after, before, offset } = readPart(query.request, order, query.maxSize);
  const source = new GroupedSource(table.name, conditions, groups);
  const searcher = conditions.search === null ? null : (query.searcher ?? noSearcher());
  const count = searcher === null ? source.counter(sql) : countMatches(searcher, source.fork());
  const column = table.column(order.property);
  const idColumn = table.column('id');
  const way = (order.direction === 'asc') !== backward ? 'ASC' : 'DESC';
  const bound = (place: Place, operator: string): void => {
    const values = `(${conditions.bind(place.key)}::${order.type}, ${conditions.bind(place.id)}::bigint)`;
    conditions.addRaw(`(t."${column}", t."${idColumn}") ${operator} ${values}`);
  };
  if (after !== null) bound(after, order.direction === 'asc' ? '>' : '<');
  if (before !== null) bound(before, order.direction === 'asc' ? '<' : '>');
  const properties = query.wanted && new Set([...query.wanted, order.property]);
  const part: SelectedPart = {
    columns: table.select('t', properties),
    heavy: budget === null ? [] : table.heavy(properties),
    place: `t."${column}" AS "key", t."${idColumn}" AS "id"`,
    inner: `t."${column}" ${way}, t."${idColumn}" ${way}`,
    outer: `page."${order.property}" ${way}, page.id ${way}`,
    stored: `page."${column}" ${way}, page."${idColumn}" ${way}`,
    size,
    offset,
  };
  // Built once, because building binds values and the page may be read twice.
  const page = searcher === null ? source.page(part) : null;
  const read = async (left: number): Promise<Spent<FoundRows<T>>> => {
    if (page === null) return searchPage<T>(searcher ?? noSearcher(), source, part, left);
    const { result, size: spent } = await readWeighed<T>(sql, page, part, left);
    return { result: { rows: result, searchedTo: null }, size: spent };
  };
  const isWeighed = part.heavy.length > 0 && budget !== null;
  const { rows, searchedTo } = isWeighed ? await budget.spend(read) : (await read(Infinity)).result;
  return source.split(rows).map((group, index) => {
    const hasMore = group.length > size || searchedTo !== null;
    const nodes = group.slice(0, size);
    if (backward) nodes.reverse();
    return {
      edges: nodes.map((node) => new KeysetEdge(node, order)),
      hasNextPage: backward ? before !== null : hasMore,
      hasPreviousPage: backward ? hasMore : after !== null || offset > 0,
      searchedTo: searchedTo && { cursor: placeCursor(searchedTo, order), isBackward: backward },
      count: async () => (await count())[index] ?? { total: 0, capped: false },
    };
  });
}

function noSearcher(): never {
  throw new Error('A search needs somebody who searches');
}

/** An edge that computes its cursor on access. */
class KeysetEdge<T extends { readonly id: number }> implements Edge<T> {
  constructor(
    readonly node: T,
    private readonly order: KeysetOrder<T>,
  ) {}

  get cursor(): string {
    return writeCursor(this.node, this.order);
  }
}
