import { createHash } from 'node:crypto';
import { COUNT_CAP, type Count } from '../domain/page';
import type { Sql, Statement } from './database';
import type { Search, TextIndex } from './text-search';

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
  private searched: Search | null = null;

  /** What the list is put together from, range by range; null where one range serves it. Not among the conditions. */
  get spread(): Spread | null {
    return this.spreadOver;
  }

  /** The text that is searched for; null for none. Not among the conditions, since it is read in its own way. */
  get search(): Search | null {
    return this.searched;
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

  /** Searches the columns for a text that stands anywhere in one of them, in either case. No text asks nothing. */
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

  /** The same conditions, to which others can be added. */
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

/** One list for each of these ids instead of one for all: the rows whose column holds the id. */
export interface Groups {
  readonly column: string;
  readonly ids: readonly number[];
}

/** A part of a list: what is read of it, in which order, and how many rows. */
export interface SelectedPart {
  /** The select list, of the table as `t`. */
  readonly columns: string;
  /** Those of the selected properties whose size is bounded by nothing but what was submitted. */
  readonly heavy: readonly string[];
  /** The select list of a row's place in the order, of the table as `t`: `key` and `id`. */
  readonly place: string;
  /** The order by the columns of the table `t`. */
  readonly inner: string;
  /** The same by what was selected, as `page`. */
  readonly outer: string;
  /** The same by the columns of the table, as `page`. */
  readonly stored: string;
  readonly size: number;
  readonly offset: number;
}

/** A statement's text with its values. */
export interface BoundText {
  readonly text: string;
  readonly values: readonly unknown[];
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

  /** The same source, for another statement. */
  fork(): GroupedSource {
    return new GroupedSource(this.tableName, this.conditions.fork(), null);
  }

  /** The statement of one page and the row after it. */
  page({ columns, inner, outer, size, offset }: SelectedPart): BoundText {
    const { conditions } = this;
    const limit = conditions.bind(size + 1);
    const cut = { inner, outer, limit, offset: offset > 0 ? conditions.bind(offset) : null };
    return { text: this.selectEach(columns, cut), values: conditions.values };
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

  /** The table and its conditions, of all ranges at once and in no order. */
  unordered(): { readonly conditions: Conditions; readonly where: string } {
    const { conditions } = this;
    const { spread } = conditions;
    const inRanges =
      spread === null
        ? ''
        : ` AND ${spread.column} = ANY(${conditions.bind(spread.values)}::${spread.type}[])`;
    return { conditions, where: `${this.from} ${conditions.toString()}${inRanges}` };
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
      const rows = await sql.query<{ total: number }>(dynamicStatement(text), bound);
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
export function dynamicStatement(text: string): Statement {
  const known = named.get(text);
  if (known !== undefined) return known;
  const name = `list_${createHash('sha1').update(text).digest('hex').slice(0, 16)}`;
  if (named.size >= MAX_NAMED) return { name, text, share: 'read', isOneOff: true };
  const statement: Statement = { name, text, share: 'read' };
  named.set(text, statement);
  return statement;
}
