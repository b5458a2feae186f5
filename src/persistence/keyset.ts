import { createHash } from 'node:crypto';
import type { QueryResultRow } from 'pg';
import { COUNT_CAP, type Count, type Page, type PageRequest } from '../domain/page';
import { readPart, writeCursor, type KeysetOrder, type Place } from './cursor';
import type { Sql, Statement } from './database';
import type { Table } from './tables/table';

/** The conditions of one list query: SQL with numbered placeholders, and their values. */
export class Conditions {
  readonly values: unknown[] = [];
  private readonly parts: string[] = [];

  /** Adds a condition; `write` gets the placeholder to put where the value belongs. Undefined and null ask nothing. */
  add(value: unknown, write: (placeholder: string) => string): this {
    if (value !== undefined && value !== null) this.parts.push(write(this.bind(value)));
    return this;
  }

  /**
   * Adds a condition that a column holds one of these. One is compared as such: only then does an index on the column
   * also serve the order of the list. Undefined and null ask nothing.
   */
  addAnyOf(column: string, type: 'text' | 'bigint', values: readonly unknown[] | null | undefined): this {
    if (values?.length === 1)
      return this.add(values[0], (placeholder) => `${column} = ${placeholder}::${type}`);
    return this.add(values, (placeholder) => `${column} = ANY(${placeholder}::${type}[])`);
  }

  /** Adds a condition that a text stands somewhere in one of the columns, in either case. No text asks nothing. */
  addSearch(columns: readonly string[], text: string | null | undefined): this {
    if (text === undefined || text === null || text === '') return this;
    const pattern = this.bind(containing(text));
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
  const skip = offset > 0 ? ` OFFSET ${conditions.bind(offset)}` : '';
  const limit = conditions.bind(size + 1);
  const text = source.selectEach(
    table.select('t'),
    `ORDER BY t."${column}" ${way}, t."${idColumn}" ${way} LIMIT ${limit}${skip}`,
    `page."${order.property}" ${way}, page.id ${way}`,
  );
  const rows = await sql.query<T & { groupIndex?: number }>(dynamicStatement(text), conditions.values);
  return source.split(rows).map((group, index) => {
    const hasMore = group.length > size;
    const nodes = group.slice(0, size);
    if (backward) nodes.reverse();
    return {
      edges: nodes.map((node) => ({ node, cursor: writeCursor(node, order) })),
      hasNextPage: backward ? before !== null : hasMore,
      hasPreviousPage: backward ? hasMore : after !== null || offset > 0,
      count: async () => (await count())[index] ?? { total: 0, capped: false },
    };
  });
}

/** Where the rows of a list come from: one table under conditions, once or once per group. */
class GroupedSource {
  private readonly from: string;

  constructor(
    tableName: string,
    private readonly conditions: Conditions,
    private readonly groups: Groups | null,
  ) {
    if (groups !== null) conditions.addRaw(`t.${groups.column} = g.id`);
    this.from = `FROM ${tableName} t WHERE`;
  }

  /** The select of the rows, with the group's index where there are groups. */
  selectEach(columns: string, orderAndLimit: string, outerOrder: string): string {
    const inner = `SELECT ${columns} ${this.from} ${this.conditions.toString()} ${orderAndLimit}`;
    if (this.groups === null) return inner;
    return `SELECT (g.n - 1) AS "groupIndex", page.* FROM ${this.unnested(this.conditions.bind(this.groups.ids))},
      LATERAL (${inner}) page ORDER BY g.n, ${outerOrder}`;
  }

  /** Counts every group up to the cap, in one statement, the first time that it is called. */
  counter(sql: Sql): () => Promise<readonly Count[]> {
    const capped = `(SELECT count(*) FROM (SELECT ${this.from} ${this.conditions.toString()} LIMIT ${String(COUNT_CAP + 1)}) c)`;
    const values = [...this.conditions.values];
    let counts: Promise<readonly Count[]> | undefined;
    const read = async (): Promise<readonly Count[]> => {
      const groupIds = this.groups?.ids;
      const text =
        groupIds === undefined
          ? `SELECT ${capped} AS total`
          : `SELECT ${capped} AS total FROM ${this.unnested(`$${String(values.length + 1)}`)} ORDER BY g.n`;
      const bound = groupIds === undefined ? values : [...values, groupIds];
      const rows = await sql.query<{ total: number }>(dynamicStatement(text), bound);
      return rows.map(({ total }) => ({ total: Math.min(total, COUNT_CAP), capped: total > COUNT_CAP }));
    };
    return () => (counts ??= read());
  }

  /** The rows of each group, in the groups' order. */
  split<T>(rows: readonly (T & { groupIndex?: number })[]): T[][] {
    const lists: T[][] = (this.groups?.ids ?? [null]).map(() => []);
    for (const { groupIndex, ...row } of rows) lists[groupIndex ?? 0]?.push(row as T);
    return lists;
  }

  private unnested(placeholder: string): string {
    return `unnest(${placeholder}::bigint[]) WITH ORDINALITY g(id, n)`;
  }
}

/** How many different texts get a name: every connection keeps a plan of each for ever. */
const MAX_NAMED = 256;
const named = new Set<string>();

/** A statement whose text depends on what was asked for: the same text has the same name, as long as there are names. */
function dynamicStatement(text: string): Statement {
  const name = `list_${createHash('sha1').update(text).digest('hex').slice(0, 16)}`;
  if (named.size < MAX_NAMED) named.add(name);
  return { name, text, isOneOff: !named.has(name) };
}

/** Text for ILIKE that matches the words as they are, wherever they stand. */
function containing(search: string): string {
  return `%${search.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
}
