import { createHash } from 'node:crypto';
import { COUNT_CAP, type Count } from '../../domain/page';
import type { Sql, Statement } from '../sql/sql';
import type { Search, TextIndex } from './text-search';

/** Any of several values of a column, each of which is one range of an index on (organization_id, column, order). */
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
  private searched: Search | null = null;

  /** The ranges that the list is merged from; null where one range serves it. Not part of the SQL conditions. */
  get spread(): Spread | null {
    return this.spreadOver;
  }

  /** The text search; null for none. Not part of the SQL conditions, since it runs separately. */
  get search(): Search | null {
    return this.searched;
  }

  /** Adds a condition; `write` receives the value's placeholder. Undefined and null add nothing. */
  add(value: unknown, write: (placeholder: string) => string): this {
    if (value !== undefined && value !== null) this.parts.push(write(this.bind(value)));
    return this;
  }

  /**
   * Adds a condition that a column equals one of these values. A single value is compared with `=`, which lets an index
   * on the column also serve the list's order. Undefined and null add nothing.
   * @param isOrdered whether the column has an index that continues with the list's order. Several values are then read
   * range by range, each up to the page's size: one scan over all of them would be unordered, and an ordered scan would
   * pass every row of other values. At most one column can do so, so add the most selective one first.
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

  /** Adds a search for text anywhere in one of the columns, ignoring case. Empty or missing text adds nothing. */
  addSearch(
    columns: readonly string[],
    text: string | null | undefined,
    index: TextIndex | null = null,
  ): this {
    if (text !== undefined && text !== null && text !== '') this.searched = { text, columns, index };
    return this;
  }

  /** Adds a condition that needs several values or none. */
  addRaw(sql: string): this {
    this.parts.push(sql);
    return this;
  }

  /** Returns a copy of the conditions, to be extended independently. */
  fork(): Conditions {
    const fork = new Conditions();
    fork.values.push(...this.values);
    fork.parts.push(...this.parts);
    fork.spreadOver = this.spreadOver;
    fork.searched = this.searched;
    return fork;
  }

  bind(value: unknown): string {
    this.values.push(value);
    return `$${String(this.values.length)}`;
  }

  toString(): string {
    return this.parts.join(' AND ');
  }
}

/** Splits a list into one list per id: the rows whose column equals the id. */
export interface Groups {
  readonly column: string;
  readonly ids: readonly number[];
}

/** The selected part of a list: columns, order and number of rows. */
export interface SelectedPart {
  /** The select list, with the table as `t`. */
  readonly columns: string;
  /** The selected properties whose size only the submission limits. */
  readonly heavy: readonly string[];
  /** The select list of a row's position in the order, with the table as `t`: `key` and `id`. */
  readonly place: string;
  /** The order by the columns of the table `t`. */
  readonly inner: string;
  /** The same order by the selected properties, as `page`. */
  readonly outer: string;
  /** The same order by the columns of the table, as `page`. */
  readonly stored: string;
  readonly size: number;
  readonly offset: number;
}

/** A statement's text with its values. */
export interface BoundText {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** The order and number of the rows to read, as SQL. */
interface Cut {
  /** By the columns of the table `t`. */
  readonly inner: string;
  /** The same order by the selected properties, as `page`. */
  readonly outer: string;
  readonly limit: string;
  readonly offset: string | null;
}

/** The rows of a list: one table under conditions, read once, or once per group or range. */
export class GroupedSource {
  private readonly from: string;

  constructor(
    private readonly tableName: string,
    readonly conditions: Conditions,
    private readonly groups: Groups | null,
  ) {
    if (groups !== null && conditions.spread !== null) throw new Error('A group is one range already');
    if (groups !== null) conditions.addRaw(`t.${groups.column} = g.id`);
    this.from = `FROM ${tableName} t WHERE`;
  }

  /** Returns a copy of the source without groups, for another statement. */
  fork(): GroupedSource {
    return new GroupedSource(this.tableName, this.conditions.fork(), null);
  }

  /** Returns the statement of one page and the row after it. */
  page({ columns, inner, outer, size, offset }: SelectedPart): BoundText {
    const { conditions } = this;
    const limit = conditions.bind(size + 1);
    const cut = { inner, outer, limit, offset: offset > 0 ? conditions.bind(offset) : null };
    return { text: this.selectEach(columns, cut), values: conditions.values };
  }

  /** Returns the SELECT of the rows, with the group's index where there are groups. */
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

  /** Returns the table with its conditions, for all ranges at once and unordered. */
  unordered(): { readonly conditions: Conditions; readonly where: string } {
    const { conditions } = this;
    const { spread } = conditions;
    const inRanges =
      spread === null
        ? ''
        : ` AND ${spread.column} = ANY(${conditions.bind(spread.values)}::${spread.type}[])`;
    return { conditions, where: `${this.from} ${conditions.toString()}${inRanges}` };
  }

  /** Returns a function that counts every group up to the cap. It runs one statement, on the first call only. */
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
      const rows = await sql.query<{ total: number }>(dynamicStatement(text), bound);
      return rows.map(({ total }) => ({ total: Math.min(total, COUNT_CAP), capped: total > COUNT_CAP }));
    };
    return () => (counts ??= read());
  }

  /** Splits rows by group, in the groups' order. */
  split<T>(rows: readonly (T & { groupIndex?: number })[]): T[][] {
    const lists: T[][] = (this.groups?.ids ?? [null]).map(() => []);
    for (const row of rows) lists[row.groupIndex ?? 0]?.push(row);
    return lists;
  }

  private unnested(placeholder: string): string {
    return `unnest(${placeholder}::bigint[]) WITH ORDINALITY g(id, n)`;
  }
}

/** Maximum number of named statement texts, because every connection keeps a plan per name for good. */
const MAX_NAMED = 256;
const named = new Map<string, Statement>();

/** Returns a statement for a text that varies by request. The same text gets the same name, while names are left. */
export function dynamicStatement(text: string): Statement {
  const known = named.get(text);
  if (known !== undefined) return known;
  const name = `list_${createHash('sha1').update(text).digest('hex').slice(0, 16)}`;
  if (named.size >= MAX_NAMED) return { name, text, share: 'read', isOneOff: true };
  const statement: Statement = { name, text, share: 'read' };
  named.set(text, statement);
  return statement;
}
