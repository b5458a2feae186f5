import type { QueryResultRow } from 'pg';
import type { Share } from '../connections/admission';

/** The two sequences whose ids are never used twice. */
export type FencedSequence = 'action' | 'audit';

/**
 * A parametrized SQL statement. The name lets PostgreSQL plan it once per connection. The first value is the
 * organization, unless the share is `authentication` or `system`.
 */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Whether it is planned on every execution instead of being prepared by name. */
  readonly isOneOff?: boolean;
  /** The share of the pool that it uses outside of a transaction; `decision` by default. */
  readonly share?: Share;
  /** How long its caller waits, including for a connection, in milliseconds; the database's limits by default. */
  readonly deadlineMs?: number;
  /**
   * The sequence that it draws ids from: two parameters for `next_fenced_id` are appended to its own. If it writes
   * audit entries, $1 is the organization and its rows name one of the entries as "auditId" and "leafHash".
   */
  readonly fenced?: FencedSequence;
}

/** Runs statements: the pool, or one of its transactions. */
export interface Sql {
  /**
   * Runs one statement.
   * @throws {DatabaseUnavailableError} where the database cannot be reached
   */
  query<Row extends QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
}

/** One connection with one holder. */
export interface Session extends Sql {
  /** Runs work in a transaction. Commits if `isToKeep` accepts the result; rolls back otherwise or on a throw. */
  transactionIf<T>(work: (sql: Sql) => Promise<T>, isToKeep: (result: T) => boolean): Promise<T>;
  /** Returns the connection to the pool. Closes it if it is broken or spoiled, which frees its session's locks. */
  release(isSpoiled?: boolean): void;
  /** Ends the connection at once and fails a statement in progress. The connection still has to be released. */
  sever(): void;
}
