import { createHash } from 'node:crypto';
import type { QueryResultRow } from 'pg';
import { COUNT_CAP, type Count, type Edge, type Page, type PageRequest } from '../domain/page';
import type { Share } from './admission';
import { readPart, writeCursor, type KeysetOrder, type Place } from './cursor';
import type { Sql, Statement } from './database';
import type { Table } from './tables/table';

/** One of these values each: an index on (organization_id, column, order) has a range in the list's order for every one. */
interface Spread {
  readonly column: string;
  readonly type: 'text' | 'bigint';
  readonly values: readonly unknown[];
}

/** The conditions of one list query: SQL with numbered placeholders, and their values. */
export class Conditions {
  readonly values: unknown[] = [];
  private readonly parts: string[] = [];
  private spreadOver: Spread | null = null;
  private isSearched = false;

  /** What the list is put together from, range by range; null where one range serves it. Not among the conditions. */
  get spread(): Spread | null {
    return this.spreadOver;
  }

  /** What the list takes its connection for. */
  get share(): Share {
    return this.isSearched ? 'search' : 'read';
  }

  /** Adds a condition; `write` gets the placeholder to put where the value belongs. Undefined and null ask nothing. */
  add(value: unknown, write: (placeholder: string) => string): this {
    if (value !== undefined && value !== null) this.parts.push(write(this.bind(value)));
    return this;
  }

  /**
   * Adds a condition that a column holds one of these. One is compared as such: only then does an index on the column
   * also serve the order of the list. Undefined and null ask nothing.
   * @param isOrdered whether the column has an index with the list's order behind it. Several values are then read range
   *   by range, each as far as the page goes: one scan over all of them would be out of order, and one in order would
   *   pass every row of other values. For one column at most, so the one that leaves the least is to come first.
   */
  addAnyOf(
    column: string,
    type: 'text' | 'bigint',
    values: readonly unknown[] | null | undefined,
    isOrdered = false,
  ): this {
    const distinct = values && [...new Set(values)];
    if (distinct?.length === 1)
      return this.add(distinct[0], (placeholder) => `${column} = ${placeholder}::${type}`);
    if (!isOrdered || this.spreadOver !== null || !distinct || distinct.length === 0)
      return this.add(distinct, (placeholder) => `${column} = ANY(${placeholder}::${type}[])`);
    this.spreadOver = { column, type, values: distinct };
    return this;
  }

  /** Adds a condition that a text stands somewhere in one of the columns, in either case. No text asks nothing. */
  addSearch(columns: readonly string[], text: string | null | undefined): this {
    if (text === undefined || text === null || text === '') return this;
    const pattern = this.bind(containing(text));
    this.isSearched = true;
    return this.addRaw(`(${columns.map((column) => `${column} ILIKE ${pattern}`).join(' OR ')})`);
  }

  /** Adds a condition that needs several values or none. */
  addRaw(sql: string): this {
    this.parts.push(sql);
    return this;
  }

  bind(value: unknown): string {
    this.values.push(value);
    return `$${String(this.values.length)}`;
  }

  toString(): string {
    return this.parts.join(' AND ');
  }
}

/** A list by page. */
export interface ListQuery<T> {
  readonly table: Table<T>;
  /** Have to hold the organization; the table's alias in them is `t`. */
  readonly conditions: Conditions;
  readonly order: KeysetOrder<T>;
  readonly request: PageRequest;
  /** How many rows a page may have. */
  readonly maxSize: number;
  /** Names of properties beyond which nothing is asked for; all of them, if not given. */
  readonly wanted?: ReadonlySet<string> | undefined;
}

/** One list for each of these ids instead of one for all: the rows whose column holds the id. */
export interface Groups {
  readonly column: string;
  readonly ids: readonly number[];
}

/**
 * Reads one page of a table by keyset, at the same cost however deep. One statement; the count is another, if called.
 * @throws {RefusedError} VALIDATION_ERROR for page arguments that make no sense
 */
export async function keysetPage<T extends QueryResultRow & { readonly id: number }>(
  sql: Sql,
  query: ListQuery<T>,
): Promise<Page<T>> {
  const [page] = await readPages(sql, query, null);
  if (page === undefined) throw new Error('A list without groups has one page');
  return page;
}

/** The same page of one list for each group, in the order of the groups' ids; one statement for all of them. */
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
  const { table, conditions, order } = query;
  const { size, backward, after, before, offset } = readPart(query.request, order, query.maxSize);
  const source = new GroupedSource(table.name, conditions, groups);
  const count = source.counter(sql);
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
  const text = source.selectEach(table.select('t', properties), {
    inner: `t."${column}" ${way}, t."${idColumn}" ${way}`,
    outer: `page."${order.property}" ${way}, page.id ${way}`,
    limit: conditions.bind(size + 1),
    offset: offset > 0 ? conditions.bind(offset) : null,
  });
  const rows = await sql.query<T & { groupIndex?: number }>(
    dynamicStatement(text, conditions.share),
    conditions.values,
  );
  return source.split(rows).map((group, index) => {
    const hasMore = group.length > size;
    const nodes = group.slice(0, size);
    if (backward) nodes.reverse();
    return {
      edges: nodes.map((node) => new KeysetEdge(node, order)),
      hasNextPage: backward ? before !== null : hasMore,
      hasPreviousPage: backward ? hasMore : after !== null || offset > 0,
      count: async () => (await count())[index] ?? { total: 0, capped: false },
    };
  });
}

/** An edge whose cursor is written when somebody asks for it. */
class KeysetEdge<T extends { readonly id: number }> implements Edge<T> {
  constructor(
    readonly node: T,
    private readonly order: KeysetOrder<T>,
  ) {}

  get cursor(): string {
    return writeCursor(this.node, this.order);
  }
}

/** In which order rows are read and how many of them, as SQL. */
interface Cut {
  /** By the columns of the table `t`. */
  readonly inner: string;
  /** The same by what was selected, as `page`. */
  readonly outer: string;
  readonly limit: string;
  readonly offset: string | null;
}

/** Where the rows of a list come from: one table under conditions, once, or once per group or range. */
class GroupedSource {
  private readonly from: string;

  constructor(
    tableName: string,
    private readonly conditions: Conditions,
    private readonly groups: Groups | null,
  ) {
    if (groups !== null && conditions.spread !== null) throw new Error('A group is one range already');
    if (groups !== null) conditions.addRaw(`t.${groups.column} = g.id`);
    this.from = `FROM ${tableName} t WHERE`;
  }

  /** The select of the rows, with the group's index where there are groups. */
  selectEach(columns: string, cut: Cut): string {
    const { inner, outer, limit, offset } = cut;
    const { spread } = this.conditions;
    const skip = offset === null ? '' : ` OFFSET ${offset}`;
    const select = (more: string, part: string): string =>
      `SELECT ${columns} ${this.from} ${this.conditions.toString()}${more} ORDER BY ${inner} LIMIT ${part}`;
    if (this.groups !== null)
      return `SELECT (g.n - 1) AS "groupIndex", page.* FROM ${this.unnested(this.conditions.bind(this.groups.ids))},
        LATERAL (${select('', limit + skip)}) page ORDER BY g.n, ${outer}`;
    if (spread === null) return select('', limit + skip);
    const ranges = `unnest(${this.conditions.bind(spread.values)}::${spread.type}[]) AS range(value)`;
    const asFar = offset === null ? limit : `${limit}::bigint + ${offset}::bigint`;
    return `SELECT page.* FROM ${ranges}, LATERAL (${select(` AND ${spread.column} = range.value`, asFar)}) page
      ORDER BY ${outer} LIMIT ${limit}${skip}`;
  }

  /** Counts every group up to the cap, in one statement, the first time that it is called. */
  counter(sql: Sql): () => Promise<readonly Count[]> {
    const { spread } = this.conditions;
    const values = [...this.conditions.values, ...(spread === null ? [] : [spread.values])];
    const more =
      spread === null ? '' : ` AND ${spread.column} = ANY($${String(values.length)}::${spread.type}[])`;
    const capped = `(SELECT count(*) FROM (SELECT ${this.from} ${this.conditions.toString()}${more} LIMIT ${String(COUNT_CAP + 1)}) c)`;
    let counts: Promise<readonly Count[]> | undefined;
    const read = async (): Promise<readonly Count[]> => {
      const groupIds = this.groups?.ids;
      const text =
        groupIds === undefined
          ? `SELECT ${capped} AS total`
          : `SELECT ${capped} AS total FROM ${this.unnested(`$${String(values.length + 1)}`)} ORDER BY g.n`;
      const bound = groupIds === undefined ? values : [...values, groupIds];
      const rows = await sql.query<{ total: number }>(dynamicStatement(text, this.conditions.share), bound);
      return rows.map(({ total }) => ({ total: Math.min(total, COUNT_CAP), capped: total > COUNT_CAP }));
    };
    return () => (counts ??= read());
  }

  /** The rows of each group, in the groups' order. */
  split<T>(rows: readonly (T & { groupIndex?: number })[]): T[][] {
    const lists: T[][] = (this.groups?.ids ?? [null]).map(() => []);
    for (const row of rows) lists[row.groupIndex ?? 0]?.push(row);
    return lists;
  }

  private unnested(placeholder: string): string {
    return `unnest(${placeholder}::bigint[]) WITH ORDINALITY g(id, n)`;
  }
}

/** How many different texts get a name: every connection keeps a plan of each for ever. */
const MAX_NAMED = 256;
const named = new Map<string, Statement>();

/** A statement whose text depends on what was asked for: the same text has the same name, as long as there are names. */
function dynamicStatement(text: string, share: Share): Statement {
  const known = named.get(text);
  if (known !== undefined) return known;
  const name = `list_${createHash('sha1').update(text).digest('hex').slice(0, 16)}`;
  if (named.size >= MAX_NAMED) return { name, text, share, isOneOff: true };
  const statement: Statement = { name, text, share };
  named.set(text, statement);
  return statement;
}

/** Text for ILIKE that matches the words as they are, wherever they stand. */
function containing(search: string): string {
  return `%${search.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
}
