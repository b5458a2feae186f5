import type { FencedSequence, Sql } from '../sql/sql';

/** A committed audit entry, as remembered by its writer. */
export interface CommittedEntry {
  readonly organizationId: number;
  readonly auditId: number;
  readonly leafHash: Buffer;
}

/** The largest id that may be drawn and the server to draw it from; null for no limit. */
export type Fence = readonly [reserved: number | null, instance: string | null];

/** Protects a gateway from a database that was restored to an older state. */
export interface WriteGuard {
  /**
   * Returns the fence of a statement that draws ids.
   * @param sql the connection that the statement is about to run on
   * @throws {DatabaseUnavailableError} `rolled_back` while the database is refused; `unreserved` where no id is
   * reserved and none can be
   */
  admit(sequence: FencedSequence, sql: Sql): Promise<Fence>;
  /** Remembers a commit, so that its loss is detected. */
  remember(entry: CommittedEntry): void;
  /** Compares the database with the marks. One that is behind is refused until it has caught up or is accepted. */
  compare(sql: Sql): Promise<void>;
  /** Compares a new connection's database, once there are marks to compare with. */
  compareConnection(sql: Sql): Promise<void>;
}
