import 'reflect-metadata';
import { types, type Pool, type PoolClient, type QueryResultRow } from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import type { CommittedEntry, Fence, FencedSequence, WriteGuard } from '../rollback/write-guard';
import { Initial1763800000000 } from '../../../migrations/1763800000000-initial';
import { PoliciesAndExpiry1763900000000 } from '../../../migrations/1763900000000-policies-and-expiry';
import { SealedAuditLog1764000000000 } from '../../../migrations/1764000000000-sealed-audit-log';
import { ApiKeys1764150000000 } from '../../../migrations/1764150000000-api-keys';
import { ErasableOrigins1764170000000 } from '../../../migrations/1764170000000-erasable-origins';
import { Submission1764180000000 } from '../../../migrations/1764180000000-submission';
import { QueueWithoutForeignKey1764220000000 } from '../../../migrations/1764220000000-queue-without-foreign-key';
import { IdempotencyKeys1764230000000 } from '../../../migrations/1764230000000-idempotency-keys';
import { EvidenceWithoutForeignKeys1764300000000 } from '../../../migrations/1764300000000-evidence-without-foreign-keys';
import { LeavesWithoutForeignKey1764400000000 } from '../../../migrations/1764400000000-leaves-without-foreign-key';
import { ActionTexts1764500000000 } from '../../../migrations/1764500000000-action-texts';
import { WhoCountsAsSubmitter1764600000000 } from '../../../migrations/1764600000000-who-counts-as-submitter';
import { ConfirmingVotes1764610000000 } from '../../../migrations/1764610000000-confirming-votes';
import { RefusalsAndSubmissionsAreBounded1764620000000 } from '../../../migrations/1764620000000-refusals-and-submissions-are-bounded';
import { Admission, SYSTEM, type Claim, type Share } from './admission';
import { Connection } from './connection';
import { DatabaseUnavailableError, outageBehind } from './outage';
import { Rollback1764800000000 } from '../../../migrations/1764800000000-rollback';
import { ACTIONS } from '../actions/action.table';
import { API_KEYS } from '../people/api-key.table';
import { AUDIT_LOG } from '../audit/audit-log.table';
import { USERS } from '../people/user.table';

export { DatabaseUnavailableError, explainOutage } from './outage';

// Ids stop at 2^53-1 (docs/rest-api.md#ids), and so do the database's sequences, so a bigint always fits a number.
types.setTypeParser(types.builtins.INT8, Number);

/** PostgreSQL's text of a time with at most milliseconds, in a zone of whole hours. `connect` checks the DateStyle. */
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,3})?[+-]\d\d$/;
const readAnyTime = types.getTypeParser(types.builtins.TIMESTAMPTZ) as (text: string) => Date;
// The engine's own parser takes half the time of pg's, and a list has hundreds of timestamps.
types.setTypeParser(types.builtins.TIMESTAMPTZ, (text) =>
  TIME.test(text) ? new Date(`${text.slice(0, 10)}T${text.slice(11)}:00`) : readAnyTime(text),
);

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

export interface DatabaseOptions {
  readonly url: string;
  /** Maximum number of connections, 1 or more. */
  readonly poolSize: number;
  readonly tls: false | { readonly rejectUnauthorized: boolean; readonly ca?: string };
  /** False where a pooler in front of PostgreSQL does not support named statements. */
  readonly preparedStatements: boolean;
  /**
   * How long a statement may take before its connection is given up, in milliseconds; null for no limit, 20 seconds by
   * default. Has to exceed `statement_timeout`, so that a responsive server reports the timeout itself.
   */
  readonly answerTimeout?: number | null;
  /** Called with each statement and its values before it runs; for counting and for examining plans. */
  readonly onStatement?: (statement: Statement, values: readonly unknown[]) => void;
  /** Limits the ids that are drawn and checks each new connection; without it ids are not limited. */
  readonly guard?: WriteGuard;
}

/** How long to wait for a connection before reporting the database as unavailable, in milliseconds. */
const CONNECT_TIMEOUT = 5_000;

/** How long a connection may be idle before TCP keep-alive probes it, in milliseconds. */
const KEEP_ALIVE = 10_000;

/** Default limit for a statement's answer, in milliseconds. */
const ANSWER_TIMEOUT = 20_000;

/** Maximum number of waits for a connection; half as many per organization. */
const MAX_WAITING = 4_096;

/** How long closing waits for connections in use before it ends them, in milliseconds. */
const CLOSE_TIMEOUT = 3_000;

/** How long a fault counts that a reading statement cannot detect, in milliseconds. */
const EXHAUSTED_FOR = 5_000;

/** How long an unused connection is kept, in milliseconds. A new one has to plan every statement again. */
const IDLE_TIMEOUT = 600_000;

/** PostgreSQL behind TypeORM: its pool, its migrations, and statements by name. */
export class Database implements Sql {
  readonly dataSource: DataSource;
  private readonly admission: Admission;
  private readonly inUse = new Set<Connection>();
  /** The generation in which each connection was made; connections of earlier generations are suspect. */
  private readonly made = new WeakMap<PoolClient, number>();
  private generation = 0;
  private exhausted: { readonly outage: DatabaseUnavailableError; readonly at: number } | null = null;

  constructor(private readonly options: DatabaseOptions) {
    const { poolSize: size } = options;
    this.admission = new Admission({ size, maxWaitMs: CONNECT_TIMEOUT, maxWaiting: MAX_WAITING });
    this.dataSource = new DataSource({
      type: 'postgres',
      url: options.url,
      ssl: options.tls,
      poolSize: options.poolSize,
      connectTimeoutMS: CONNECT_TIMEOUT,
      applicationName: 'countersign',
      // A pooler without support for named statements may not pass these on either; `connect` checks that they hold.
      extra: {
        ...(options.guard && { verify: this.compareNew(options.guard) }),
        keepAlive: true,
        keepAliveInitialDelayMillis: KEEP_ALIVE,
        idleTimeoutMillis: IDLE_TIMEOUT,
        ...(options.preparedStatements && { options: '-c DateStyle=ISO -c extra_float_digits=1' }),
      },
      entities: [ACTIONS.schema, USERS.schema, AUDIT_LOG.schema, API_KEYS.schema],
      migrations: [
        Initial1763800000000,
        PoliciesAndExpiry1763900000000,
        SealedAuditLog1764000000000,
        ApiKeys1764150000000,
        ErasableOrigins1764170000000,
        Submission1764180000000,
        QueueWithoutForeignKey1764220000000,
        IdempotencyKeys1764230000000,
        EvidenceWithoutForeignKeys1764300000000,
        LeavesWithoutForeignKey1764400000000,
        ActionTexts1764500000000,
        WhoCountsAsSubmitter1764600000000,
        ConfirmingVotes1764610000000,
        RefusalsAndSubmissionsAreBounded1764620000000,
        Rollback1764800000000,
      ],
      synchronize: false,
      installExtensions: false,
    });
  }

  /**
   * Connects and checks the session settings.
   * @throws {Error} where the login's settings would change what is read: times unreadable, scores rounded
   */
  async connect(): Promise<this> {
    await this.dataSource.initialize().catch(rethrow);
    this.pool.on('connect', (client: PoolClient) => this.made.set(client, this.generation));
    const [row] = await this.query<{ holds: boolean }>(SETTINGS_HOLD, []);
    if (row?.holds === true) return this;
    await this.close();
    throw new Error(
      'The database login has to have DateStyle ISO and extra_float_digits 1 or more: see ALTER ROLE',
    );
  }

  /** Closes all connections. Statements in progress may finish within a limit, since a connection may be dead. */
  async close(): Promise<void> {
    if (!this.dataSource.isInitialized) return;
    const timer = setTimeout(() => {
      for (const connection of this.inUse) connection.sever();
    }, CLOSE_TIMEOUT);
    await this.dataSource.destroy();
    clearTimeout(timer);
  }

  async query<Row extends QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    const { deadlineMs } = statement;
    const asked = this.queryFenced(statement, () =>
      this.withSession(claimOf(statement, values), (session) => session.query<Row>(statement, values)),
    );
    return deadlineMs === undefined ? asked : within(deadlineMs, asked);
  }

  /** Runs a statement and retries it once if its fence no longer held. */
  private queryFenced<T>(statement: Statement, run: () => Promise<T>): Promise<T> {
    const { guard } = this.options;
    if (guard === undefined || statement.fenced === undefined) return run();
    return run().catch(async (error: unknown) => {
      if (!(error instanceof DatabaseUnavailableError) || error.kind !== 'unreserved') throw error;
      // Nothing was written. The server was restarted or others drew many ids; a new comparison settles both.
      await guard.compare(this);
      return run();
    });
  }

  /** Runs work in one transaction: commits when it returns, rolls back when it throws. */
  async transaction<T>(work: (sql: Sql) => Promise<T>, claim: Claim = SYSTEM): Promise<T> {
    return this.transactionIf(work, () => true, claim);
  }

  /** Runs work in one transaction. Commits if `isToKeep` accepts the result; rolls back otherwise or on a throw. */
  async transactionIf<T>(
    work: (sql: Sql) => Promise<T>,
    isToKeep: (result: T) => boolean,
    claim: Claim = SYSTEM,
  ): Promise<T> {
    return this.withSession(claim, (session) => session.transactionIf(work, isToKeep));
  }

  /** Reads in one snapshot of the database, however long it takes. A reader that stops early closes the connection. */
  async *snapshot<T>(read: (sql: Sql) => AsyncIterable<T>, claim: Claim = SYSTEM): AsyncIterable<T> {
    const session = await this.session(claim);
    let isOver = false;
    try {
      await session.query(BEGIN_SNAPSHOT, []);
      await session.query(WAIT_FOR_READER, []);
      yield* read(session);
      await session.query(COMMIT, []);
      isOver = true;
    } finally {
      session.release(!isOver);
    }
  }

  /**
   * Takes a connection for one holder until it is released, as session-level locks need. A holder has to take no second
   * one, or a pool of one connection would wait for itself.
   * @param answerTimeout see `DatabaseOptions`
   * @throws {DatabaseUnavailableError} where no connection is available
   */
  async session(
    claim: Claim = SYSTEM,
    answerTimeout = this.options.answerTimeout === undefined ? ANSWER_TIMEOUT : this.options.answerTimeout,
  ): Promise<Session> {
    const leave = await this.admission.enter(claim);
    const connection = await this.connectionFor(claim).catch((error: unknown) => {
      leave();
      throw error;
    });
    const written: CommittedEntry[] = [];
    let isInTransaction = false;
    const remember = (entry: CommittedEntry): void => {
      if (isInTransaction) written.push(entry);
      else this.remember(entry);
    };
    const sql: Sql = {
      query: (statement, values) => this.run(connection, statement, values, answerTimeout, remember),
    };
    return {
      ...sql,
      transactionIf: async (work, isToKeep) => {
        try {
          isInTransaction = true;
          await sql.query(BEGIN, []);
          const result = await work(sql);
          const isKept = isToKeep(result);
          await sql.query(isKept ? COMMIT : ROLLBACK, []);
          if (isKept) written.forEach(this.remember);
          return result;
        } catch (error) {
          // A closed connection ends its transaction. Where the server does not answer, it would not answer this
          // either.
          if (connection.isUsable)
            await sql.query(ROLLBACK, []).catch(() => {
              connection.sever();
            });
          throw error;
        } finally {
          isInTransaction = false;
          written.length = 0;
        }
      },
      release: (isSpoiled = false) => {
        this.inUse.delete(connection);
        connection.release(isSpoiled);
        leave();
      },
      sever: () => {
        connection.sever();
      },
    };
  }

  /**
   * The latest recent fault of the server's disk, memory or connections, or null. Reading statements do not meet any.
   */
  get exhaustion(): DatabaseUnavailableError | null {
    if (this.exhausted === null || performance.now() - this.exhausted.at > EXHAUSTED_FOR) return null;
    return this.exhausted.outage;
  }

  /** Replaces every connection once it is free. New ones may reach another server. */
  renewConnections(): void {
    this.generation += 1;
  }

  private get pool(): Pool {
    return (this.dataSource.driver as PostgresDriver).master as Pool;
  }

  private async withSession<T>(claim: Claim, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.session(claim);
    try {
      return await work(session);
    } finally {
      session.release();
    }
  }

  private async connectionFor(claim: Claim): Promise<Connection> {
    for (;;) {
      const client = await this.pool.connect().catch((error: unknown) => {
        const outage = outageBehind(error, false);
        if (outage instanceof DatabaseUnavailableError) this.note(outage, claim);
        throw outage;
      });
      const connection = new Connection(client, (outage) => {
        this.note(outage, claim);
      });
      if ((this.made.get(client) ?? 0) === this.generation) {
        this.inUse.add(connection);
        return connection;
      }
      connection.release(true);
    }
  }

  /** Applies an outage to the other connections: if the server is read-only or silent, all of them are renewed. */
  private note(outage: DatabaseUnavailableError, { share }: Claim): void {
    if (outage.kind === 'read_only' || outage.kind === 'silent') this.renewConnections();
    // A single reader's statement can exhaust the server for itself alone.
    if (outage.kind === 'exhausted' && !['read', 'search', 'export'].includes(share))
      this.exhausted = { outage, at: performance.now() };
  }

  private async run<Row extends QueryResultRow>(
    connection: Connection,
    { name, text, isOneOff = false, deadlineMs, fenced }: Statement,
    given: readonly unknown[],
    answerTimeout: number | null,
    remember: (entry: CommittedEntry) => unknown,
  ): Promise<Row[]> {
    const values = [...given];
    if (fenced !== undefined) values.push(...(await this.fence(fenced, connection, answerTimeout)));
    this.options.onStatement?.({ name, text }, values);
    const query = this.options.preparedStatements && !isOneOff ? { name, text, values } : { text, values };
    const result = await connection.query<Row>(query, deadlineMs ?? answerTimeout);
    const { rows } = result;
    // pg's results can keep each other in memory until the next full garbage collection, and would keep their rows.
    result.rows = [];
    if (fenced !== undefined && this.options.guard !== undefined) rememberOneOf(rows, given[0], remember);
    return rows;
  }

  private readonly remember = (entry: CommittedEntry): void => {
    this.options.guard?.remember(entry);
  };

  private fence(
    sequence: FencedSequence,
    connection: Connection,
    answerTimeout: number | null,
  ): Promise<Fence> | Fence {
    const { guard } = this.options;
    if (guard === undefined) return [null, null];
    return guard.admit(sequence, {
      query: (statement, values) => this.run(connection, statement, values, answerTimeout, this.remember),
    });
  }

  /** Returns the pool's check of a new connection, which runs before anyone gets the connection. */
  private compareNew(guard: WriteGuard): (client: PoolClient, done: (error?: Error) => void) => void {
    return (client, done) => {
      const connection = new Connection(client, () => undefined);
      const sql: Sql = {
        query: (statement, values) => this.run(connection, statement, values, CONNECT_TIMEOUT, this.remember),
      };
      const handOver = (error?: Error): void => {
        connection.handOver();
        done(error);
      };
      guard.compareConnection(sql).then(() => {
        handOver();
      }, handOver);
    };
  }
}

/** Passes one entry of a commit to `remember`; one is enough to detect the loss of the commit. */
function rememberOneOf(
  rows: readonly QueryResultRow[],
  organizationId: unknown,
  remember: (entry: CommittedEntry) => unknown,
): void {
  const row = rows.find(({ auditId }) => typeof auditId === 'number');
  if (row === undefined) return;
  const { auditId, leafHash } = row as { auditId: number; leafHash: Buffer };
  remember({ organizationId: Number(organizationId), auditId, leafHash });
}

/** Returns the claim of a statement outside of a transaction. An organization's id is the statement's first value. */
export function claimOf({ share = 'decision' }: Statement, [first]: readonly unknown[]): Claim {
  const isOfNobody = share === 'authentication' || share === 'system';
  return { share, organizationId: isOfNobody || typeof first !== 'number' ? null : first };
}

/** Returns the work's result, or fails after the deadline; the work then runs on to its own limits. */
function within<T>(deadlineMs: number, work: Promise<T>): Promise<T> {
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

const SETTINGS_HOLD: Statement = {
  name: 'settings_hold',
  share: 'system',
  text: `SELECT current_setting('DateStyle') LIKE 'ISO%' AND current_setting('extra_float_digits')::integer >= 1 AS holds`,
};
const BEGIN: Statement = { name: 'begin', text: 'BEGIN' };
const BEGIN_SNAPSHOT: Statement = {
  name: 'begin_snapshot',
  text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
};
/** An export is aborted once its client has read nothing for a minute; its transaction is idle meanwhile. */
const WAIT_FOR_READER: Statement = {
  name: 'wait_for_reader',
  text: `SELECT set_config('idle_in_transaction_session_timeout', '90s', true)`,
};
const COMMIT: Statement = { name: 'commit', text: 'COMMIT' };
const ROLLBACK: Statement = { name: 'rollback', text: 'ROLLBACK' };

function rethrow(error: unknown): never {
  throw outageBehind(error, true);
}
