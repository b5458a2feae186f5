export interface RollbackGuardOptions {
  /** Folder of the marks: AUDIT_ARCHIVE_DIR. */
  readonly folder: string;
  /**
   * How many of the latest commits are remembered; has to exceed the number of connections. If any commit is lost, so
   * is the last one in the order of the write-ahead log. The commits seen after that one were each in progress on
   * another connection, so it is still among those remembered.
   */
  readonly remembered: number;
  /** Whether a newly created database is accepted, as after `npm run demo:reset` in development. */
  readonly isNewDatabaseTaken?: boolean;
  /** Called with a line that requires an operator's action. */
  readonly say: (line: string) => void;
  /** Called with a line of information for operators; ignored by default. */
  readonly note?: (line: string) => void;
}

/** The state that a guard reports. */
export interface GuardStatus {
  /** Why the database is refused; null while it is accepted. */
  readonly refusal: string | null;
  /** Why no further ids can be reserved; null while they can. */
  readonly reservationFailure: string | null;
}
