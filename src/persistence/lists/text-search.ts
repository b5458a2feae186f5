import { RefusedError, validationRefusal } from '../../domain/refusal';
import type { Principal } from '../../domain/principal';
import type { Database } from '../sql/database';
import { explainOutage } from '../connections/outage';
import type { Sql } from '../sql/sql';
import { statement } from '../sql/statement';

/** Maximum number of concurrent searches per principal in this process. */
const MAX_RUNNING = 4;
/** Time limit of each statement of a search, in milliseconds. */
const TIMEOUT = 2_000;
/**
 * How long the absence of a text index is cached, in milliseconds. Another process can build the index when it starts.
 */
const ABSENCE_KEPT = 60_000;

/** A text to find in the columns of a list's table. */
export interface Search {
  /** Not empty. */
  readonly text: string;
  /** SQL of the columns; the table's alias is `t`. */
  readonly columns: readonly string[];
  readonly index: TextIndex | null;
}

/** A trigram index (see text-indexes), which finds the matching rows and few others. */
export interface TextIndex {
  readonly name: string;
  /** The indexed table, with the alias `x`. */
  readonly table: string;
  /** SQL of the id in the list's table. */
  readonly id: string;
  /** SQL of the indexed columns. */
  readonly columns: readonly string[];
}

/** The principal of a text search, with the component that runs it. */
export interface Searcher {
  /** Identifies the principal. */
  readonly principal: string;
  readonly organizationId: number;
  readonly searches: TextSearches;
}

/**
 * Runs text searches. It is the only way from a text search to the database: a few at a time per principal, each
 * statement with a short timeout. The text has to be short, since the time of ILIKE grows with text times pattern.
 */
export class TextSearches {
  /** Number of running searches by principal; none without an entry. */
  private readonly running = new Map<string, number>();
  private readonly indexes = new Map<string, { readonly isThere: boolean; readonly at: number }>();

  constructor(
    private readonly database: Pick<Database, 'transaction'>,
    private readonly timeout = TIMEOUT,
  ) {}

  /**
   * Runs the statements of one search in a transaction with a statement timeout.
   * @param searcher the principal
   * @throws {RefusedError} RATE_LIMIT_EXCEEDED while too many searches of the principal run; VALIDATION_ERROR for a
   * search that takes too long
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

  /** Returns the searcher of a principal. */
  of(viewer: Principal): Searcher {
    const id = viewer.kind === 'user' ? viewer.user.id : viewer.apiKeyId;
    return {
      principal: `${viewer.kind}:${String(id)}`,
      organizationId: viewer.organizationId,
      searches: this,
    };
  }

  /**
   * Returns the text index if a search can use it: the index is valid, and the text contains a trigram. Null otherwise.
   */
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

/** Returns SQL for whether one of the columns contains a text, ignoring case. */
export function matchesSql(columns: readonly string[], pattern: string): string {
  return `(${columns.map((column) => `${column} ILIKE ${pattern}`).join(' OR ')})`;
}

/** Returns SQL for an array of the ids of all rows that may match, through the text index. */
export function foundSql({ table, id, columns }: TextIndex, organization: string, pattern: string): string {
  return `ARRAY(SELECT ${id} FROM ${table} x WHERE x.organization_id + 0 = ${organization} AND ${matchesSql(columns, pattern)})`;
}

/** Returns the ILIKE pattern that matches the text literally, anywhere. */
export function patternOf({ text }: Search): string {
  return `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
}

/** Trigrams consist of letters and digits: three in a row make one. */
const HAS_TRIGRAM = /[\p{L}\p{N}]{3}/u;

/** Makes the planner use the text index wherever it can, since its estimates for text are rarely right. */
const SET_TIMEOUT = `SELECT set_config('statement_timeout', $1, true), set_config('enable_seqscan', 'off', true)`;

const INDEX_IS_VALID = statement({
  name: 'index_is_valid',
  text: `SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND indisvalid) AS "isThere"`,
});

/** Whether PostgreSQL cancelled a statement because of its timeout (57014). */
function isTimeout(error: unknown): boolean {
  const cause = explainOutage(error) === null ? error : (error as Error).cause;
  return (cause as { code?: string } | undefined)?.code === '57014';
}

function tookTooLong(timeout: number): RefusedError {
  const msg = `took longer than ${String(timeout / 1000)} s; add another filter, or search for a longer text`;
  return new RefusedError(validationRefusal([{ loc: ['filter', 'search'], msg, type: 'timeout' }]));
}
