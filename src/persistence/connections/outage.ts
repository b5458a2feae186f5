/** Why the database could not run a valid statement. */
export type OutageKind =
  /** No connection could be made, or it was lost. */
  | 'unreachable'
  /** No answer came in time. */
  | 'silent'
  /** A standby, or a server in read-only mode. */
  | 'read_only'
  /** Out of disk, memory or connections, or a disk failure. */
  | 'exhausted'
  /** All connections that this caller may use are in use. */
  | 'busy'
  /** Another transaction held a lock for too long. */
  | 'locked'
  /** The statement took too long, or an operator cancelled it. */
  | 'cancelled'
  /** A deadlock, or a serialization failure. */
  | 'conflict'
  /** An id beyond the reserved ones, or a server other than the compared one (`next_fenced_id`). */
  | 'unreserved'
  /** The database was restored to an older state, and no operator has accepted it. */
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

/** The section of the operators' guide for each kind: what it means, what is safe meanwhile and what to do. */
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

/** The database is unreachable, busy or read-only. The request is not at fault and may be retried later. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';

  /**
   * @param isOutcomeUnknown whether a statement was in progress and never answered, so that it may have been committed;
   * false means that nothing was done
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

  /** Whether the connection that reported the outage is no longer usable. */
  get endsConnection(): boolean {
    return ['unreachable', 'silent', 'read_only', 'exhausted'].includes(this.kind);
  }
}

/** Explains to an operator why the database could not be reached; null for any other error. */
export function explainOutage(error: unknown): string | null {
  if (!(error instanceof DatabaseUnavailableError)) return null;
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/** Kinds by SQLSTATE or its class (PostgreSQL, appendix A). The first match counts. */
const KINDS: readonly (readonly [RegExp, OutageKind])[] = [
  [/^08|^57P0/, 'unreachable'],
  [/^25006$/, 'read_only'],
  [/^53|^58030$/, 'exhausted'],
  [/^55P03$/, 'locked'],
  [/^57014$/, 'cancelled'],
  [/^40001$|^40P01$/, 'conflict'],
  [/^CS00[12]$/, 'unreserved'],
];

/** Messages of pg, which have no code, for a connection that was lost or could not be made. */
const LOST =
  /connection (terminated|timeout)|timeout exceeded when trying to connect|Client has encountered|Client was closed/i;

interface Thrown {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly severity?: unknown;
  /** Set on errors of the operating system, such as a socket's. */
  readonly syscall?: unknown;
}

/**
 * Returns the outage behind a statement's error, or the error itself if it is not an outage.
 * @param error what pg threw
 * @param hasStatement whether a statement was in progress; false while a connection is made
 */
export function outageBehind(error: unknown, hasStatement: boolean): unknown {
  if (error instanceof DatabaseUnavailableError) return error;
  const { code, message, severity, syscall } = error as Thrown;
  const isOfServer = typeof severity === 'string';
  const state = isOfServer && typeof code === 'string' ? code : '';
  const found = KINDS.find(([pattern]) => pattern.test(state))?.[1];
  // FATAL and PANIC end the connection (the server is gone or accepts none); a statement's own fault is an ERROR.
  const isLost =
    severity === 'FATAL' ||
    severity === 'PANIC' ||
    typeof syscall === 'string' ||
    (!isOfServer && typeof message === 'string' && LOST.test(message));
  const kind = found ?? (isLost || !hasStatement ? 'unreachable' : null);
  if (kind === null) return error;
  // A server that reports why it refused has undone the statement; one that goes away may have committed it.
  const isOutcomeUnknown = hasStatement && (!isOfServer || isLost);
  return new DatabaseUnavailableError(kind, isOutcomeUnknown, { cause: error });
}

/** Returns the work's result, or fails after the deadline; the work then runs on to its own limits. */
export function within<T>(deadlineMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new DatabaseUnavailableError('silent', true, {
          cause: new Error(`No answer came within ${String(deadlineMs)} ms`),
        }),
      );
    }, deadlineMs);
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}
