/** Why the database could not do what it was asked for, though nothing is wrong with what was asked. */
export type OutageKind =
  /** No connection can be had, or it was lost. */
  | 'unreachable'
  /** A connection on which no answer came in time. */
  | 'silent'
  /** A standby, or a server that was told to take no writes. */
  | 'read_only'
  /** Out of disk, memory or connections, or its disk fails. */
  | 'exhausted'
  /** All connections that this caller may use are in use. */
  | 'busy'
  /** Somebody held a lock for too long. */
  | 'locked'
  /** The statement took too long, or an operator cancelled it. */
  | 'cancelled'
  /** A deadlock, or a serialization failure. */
  | 'conflict'
  /** An id beyond those that were reserved, or another server than the one that was compared (`next_fenced_id`). */
  | 'unreserved'
  /** A database that was put back to an older state, which no operator has accepted. */
  | 'rolled_back';

const MESSAGES: Readonly<Record<OutageKind, string>> = {
  unreachable: 'The database cannot be reached',
  silent: 'The database does not answer',
  read_only: 'The database takes no writes',
  exhausted: 'The database is out of disk space, memory or connections',
  busy: 'The connections to the database are in use',
  locked: 'The database waited too long for a lock',
  cancelled: 'The database cancelled a statement that took too long',
  conflict: 'The database undid a statement that conflicted with another one',
  unreserved: 'No ids can be reserved',
  rolled_back: 'The database was rolled back to an older state',
};

/** Where an operator reads what each kind means, what is safe meanwhile and what to do. */
export const RUNBOOKS: Readonly<Record<OutageKind, string>> = {
  unreachable: 'docs/operations.md#database-cannot-be-reached',
  silent: 'docs/operations.md#database-does-not-answer',
  read_only: 'docs/operations.md#database-takes-no-writes',
  exhausted: 'docs/operations.md#database-is-out-of-resources',
  busy: 'docs/operations.md#connections-are-in-use',
  locked: 'docs/operations.md#statements-take-too-long',
  cancelled: 'docs/operations.md#statements-take-too-long',
  conflict: 'docs/operations.md#statements-take-too-long',
  unreserved: 'docs/operations.md#archive-cannot-be-written',
  rolled_back: 'docs/operations.md#rolled-back',
};

/** The database is away, busy or takes no writes: worth another try later, nothing was found wrong with the request. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';

  /**
   * @param isOutcomeUnknown whether a statement was under way whose answer never came: it may have been committed. Else
   *   nothing was done.
   */
  constructor(
    readonly kind: OutageKind,
    readonly isOutcomeUnknown: boolean,
    options?: ErrorOptions,
  ) {
    super(MESSAGES[kind], options);
  }

  /** The section of the operators' guide about this kind. */
  get runbook(): string {
    return RUNBOOKS[this.kind];
  }

  /** Whether the connection that said so is of no further use. */
  get endsConnection(): boolean {
    return ['unreachable', 'silent', 'read_only', 'exhausted'].includes(this.kind);
  }
}

/** Why the database could not be reached, in words for an operator; null for any other error. */
export function explainOutage(error: unknown): string | null {
  if (!(error instanceof DatabaseUnavailableError)) return null;
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/** By SQLSTATE, or its class (PostgreSQL, appendix A). The first that fits counts. */
const KINDS: readonly (readonly [RegExp, OutageKind])[] = [
  [/^08|^57P0/, 'unreachable'],
  [/^25006$/, 'read_only'],
  [/^53|^58030$/, 'exhausted'],
  [/^55P03$/, 'locked'],
  [/^57014$/, 'cancelled'],
  [/^40001$|^40P01$/, 'conflict'],
  [/^CS00[12]$/, 'unreserved'],
];

/** What pg says, without a code, of a connection that it lost or could not make. */
const LOST =
  /connection (terminated|timeout)|timeout exceeded when trying to connect|Client has encountered|Client was closed/i;

interface Thrown {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly severity?: unknown;
  /** Of an error of the operating system, such as a socket's. */
  readonly syscall?: unknown;
}

/**
 * What a statement's error means: an outage, which is worth another try later, or the error itself.
 * @param error what pg threw
 * @param hasStatement whether a statement was under way; false while a connection is made
 */
export function outageBehind(error: unknown, hasStatement: boolean): unknown {
  if (error instanceof DatabaseUnavailableError) return error;
  const { code, message, severity, syscall } = error as Thrown;
  const isOfServer = typeof severity === 'string';
  const state = isOfServer && typeof code === 'string' ? code : '';
  const found = KINDS.find(([pattern]) => pattern.test(state))?.[1];
  // FATAL and PANIC end the connection (a server that is gone or takes none); a statement's own fault is an ERROR.
  const isLost =
    severity === 'FATAL' ||
    severity === 'PANIC' ||
    typeof syscall === 'string' ||
    (!isOfServer && typeof message === 'string' && LOST.test(message));
  const kind = found ?? (isLost || !hasStatement ? 'unreachable' : null);
  if (kind === null) return error;
  // A server that says why it refused has undone the statement; one that goes away may have committed it.
  const isOutcomeUnknown = hasStatement && (!isOfServer || isLost);
  return new DatabaseUnavailableError(kind, isOutcomeUnknown, { cause: error });
}
