import type { Sql } from '../database';

/** The two sequences whose ids are never given twice. */
export type FencedSequence = 'action' | 'audit';

/** An audit entry that was committed, as its writer remembers it. */
export interface CommittedEntry {
  readonly organizationId: number;
  readonly auditId: number;
  readonly leafHash: Buffer;
}

/** The largest id that may be drawn, and the server to draw it from; null for whatever comes. */
export type Fence = readonly [reserved: number | null, instance: string | null];

/** Stands between a gateway and a database that was put back to an older state. */
export interface WriteGuard {
  /**
   * What a statement that draws ids is bound to.
   * @param sql the connection that the statement is about to run on
   * @throws {RolledBackError} while the database is refused
   * @throws {DatabaseUnavailableError} where no id is reserved and none can be
   */
  admit(sequence: FencedSequence, sql: Sql): Promise<Fence>;
  /** Remembers a commit, so that its loss is noticed. */
  remember(entry: CommittedEntry): void;
  /** Compares the database with what is known. One that is behind is refused, until it is no more. */
  compare(sql: Sql): Promise<void>;
  /** The same for a connection that was just made, once there is something to compare with. */
  compareConnection(sql: Sql): Promise<void>;
}
