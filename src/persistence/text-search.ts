import { RefusedError, validationRefusal } from '../domain/refusal';
import type { Principal } from '../domain/principal';
import { explainOutage, type Database, type Sql, type Statement } from './database';

/** Searches of one principal that run at once in this process. */
const MAX_RUNNING = 4;
/** How long one statement of a search may take, in milliseconds. */
const TIMEOUT = 2_000;
/** How long the absence of a text index is remembered, in milliseconds: a later start of another process can build it. */
const ABSENCE_KEPT = 60_000;

/** A text that is searched for in the columns of a list's table. */
export interface Search {
  /** Not empty. */
  readonly text: string;
  /** SQL of the columns; the table's alias is `t`. */
  readonly columns: readonly string[];
  readonly index: TextIndex | null;
}

/** A trigram index, see text-indexes: where the rows are found that match, and few others. */
export interface TextIndex {
  readonly name: string;
  /** The table that is indexed, as `x`. */
  readonly table: string;
  /** SQL of the id that the list's table has. */
  readonly id: string;
  /** SQL of the columns that are indexed. */
  readonly columns: readonly string[];
}

/** Whose text search it is, and what runs it. */
export interface Searcher {
  /** Tells principals apart. */
  readonly principal: string;
  readonly organizationId: number;
  readonly searches: TextSearches;
}

/**
 * The one way in which a text search reaches the database: a few at a time per principal, each statement with a short
 * time-out. The text has to be short, since ILIKE takes time that grows with text times pattern.
 */
export class TextSearches {
  /** By principal, how many of their searches run; without an entry, none. */
  private readonly running = new Map<string, number>();
  private readonly indexes = new Map<string, { readonly isThere: boolean; readonly at: number }>();

  constructor(
    private readonly database: Pick<Database, 'transaction'>,
    private readonly timeout = TIMEOUT,
  ) {}

  /**
   * Runs the statements of one search in a transaction with a statement time-out.
   * @param searcher whose search it is
   * @throws {RefusedError} RATE_LIMIT_EXCEEDED while too many searches of the principal run; VALIDATION_ERROR for a search that takes too long
   */
  async run<T>(
    { principal, organizationId }: Omit<Searcher, 'searches'>,
    work: (sql: Sql) => Promise<T>,
  ): Promise<T> {
    const running = this.running.get(principal) ?? 0;
    if (running >= MAX_RUNNING)
      throw new RefusedError({
        code: 'RATE_LIMIT_EXCEEDED',
        detail: `${String(MAX_RUNNING)} of your text searches are running; try again once one has ended`,
      });
    this.running.set(principal, running + 1);
    try {
      return await this.database.transaction(
        async (sql) => {
          await sql.query({ name: 'search_timeout', text: SET_TIMEOUT }, [String(this.timeout)]);
          return work(sql);
        },
        { share: 'search', organizationId },
      );
    } catch (error) {
      throw isTimeout(error) ? tookTooLong(this.timeout) : error;
    } finally {
      const left = (this.running.get(principal) ?? 1) - 1;
      if (left === 0) this.running.delete(principal);
      else this.running.set(principal, left);
    }
  }

  /** Searches on behalf of a principal. */
  of(viewer: Principal): Searcher {
    const id = viewer.kind === 'user' ? viewer.user.id : viewer.apiKeyId;
    return {
      principal: `${viewer.kind}:${String(id)}`,
      organizationId: viewer.organizationId,
      searches: this,
    };
  }

  /** The text index where a search can use it: the index is there and valid, and the text holds a trigram. */
  async usableIndex(sql: Sql, { text, index }: Search): Promise<TextIndex | null> {
    return index !== null && HAS_TRIGRAM.test(text) && (await this.isThere(sql, index)) ? index : null;
  }

  private async isThere(sql: Sql, index: TextIndex): Promise<boolean> {
    const known = this.indexes.get(index.name);
    const now = performance.now();
    if (known !== undefined && (known.isThere || now - known.at < ABSENCE_KEPT)) return known.isThere;
    const [row] = await sql.query<{ isThere: boolean }>(INDEX_IS_VALID, [index.name]);
    const isThere = row?.isThere === true;
    this.indexes.set(index.name, { isThere, at: now });
    return isThere;
  }
}

/** SQL for a text that stands anywhere in one of the columns, in either case. */
export function matchesSql(columns: readonly string[], pattern: string): string {
  return `(${columns.map((column) => `${column} ILIKE ${pattern}`).join(' OR ')})`;
}

/** SQL for an array of the ids of all rows that may match, by the text index. */
export function foundSql({ table, id, columns }: TextIndex, organization: string, pattern: string): string {
  return `ARRAY(SELECT ${id} FROM ${table} x WHERE x.organization_id + 0 = ${organization} AND ${matchesSql(columns, pattern)})`;
}

/** Text for ILIKE that matches the words as they are, wherever they stand. */
export function patternOf({ text }: Search): string {
  return `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
}

/** Trigrams are taken from letters and digits alone: three in a row make one. */
const HAS_TRIGRAM = /[\p{L}\p{N}]{3}/u;

/** The planner takes the text index for whatever it is there for: what it estimates of texts is seldom right. */
const SET_TIMEOUT = `SELECT set_config('statement_timeout', $1, true), set_config('enable_seqscan', 'off', true)`;

const INDEX_IS_VALID: Statement = {
  name: 'index_is_valid',
  text: `SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND indisvalid) AS "isThere"`,
};

/** Whether PostgreSQL cancelled a statement that took longer than its time-out (57014). */
function isTimeout(error: unknown): boolean {
  const cause = explainOutage(error) === null ? error : (error as Error).cause;
  return (cause as { code?: string } | undefined)?.code === '57014';
}

function tookTooLong(timeout: number): RefusedError {
  const msg = `took longer than ${String(timeout / 1000)} s; add another filter, or search for a longer text`;
  return new RefusedError(validationRefusal([{ loc: ['filter', 'search'], msg, type: 'timeout' }]));
}
