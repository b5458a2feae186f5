import 'reflect-metadata';
import type { Pool, PoolClient, QueryResultRow } from 'pg';
import { DataSource, type EntitySchema, type MigrationInterface } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import type { WriteGuard } from '../rollback/write-guard';
import { Admission, SYSTEM, type Claim } from '../connections/admission';
import { Connection, Connections } from '../connections/connections';
import { DatabaseUnavailableError, outageBehind, within } from '../connections/outage';
import { BEGIN_SNAPSHOT, COMMIT, makeSession, WAIT_FOR_READER } from '../connections/session';
import type { Session, Sql, Statement } from './sql';
import { setValueParsers, StatementRunner, type StatementRunnerOptions } from './statement-runner';
import { statement } from './statement';

setValueParsers();

/** What TypeORM has to know of the tables. */
export interface DatabaseSchema {
  readonly entities: EntitySchema[];
  /** In the order in which they run. */
  readonly migrations: (new () => MigrationInterface)[];
}

export interface DatabaseOptions extends StatementRunnerOptions {
  readonly url: string;
  /** Maximum number of connections, 1 or more. */
  readonly poolSize: number;
  readonly tls: false | { readonly rejectUnauthorized: boolean; readonly ca?: string };
  /**
   * How long a statement may take before its connection is given up, in milliseconds; null for no limit, 20 seconds by
   * default. Has to exceed `statement_timeout`, so that a responsive server reports the timeout itself.
   */
  readonly answerTimeout?: number | null;
  /** Needed to migrate. */
  readonly schema?: DatabaseSchema;
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

/** How long an unused connection is kept, in milliseconds. A new one has to plan every statement again. */
const IDLE_TIMEOUT = 600_000;

/** How often a statement or a transaction is run whose fence does not hold, as where others draw many ids meanwhile. */
const MAX_FENCED = 4;

/** PostgreSQL behind TypeORM: its pool, its migrations, and statements by name. */
export class Database implements Sql {
  readonly dataSource: DataSource;
  private readonly admission: Admission;
  private readonly connections = new Connections(
    () => (this.dataSource.driver as PostgresDriver).master as Pool,
  );
  private readonly runner: StatementRunner;

  constructor(private readonly options: DatabaseOptions) {
    const { poolSize: size, schema } = options;
    this.admission = new Admission({ size, maxWaitMs: CONNECT_TIMEOUT, maxWaiting: MAX_WAITING });
    this.runner = new StatementRunner(options);
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
      ...schema,
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
    this.connections.watch();
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
      this.connections.sever();
    }, CLOSE_TIMEOUT);
    await this.dataSource.destroy();
    clearTimeout(timer);
  }

  async query<Row extends QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    const { deadlineMs } = statement;
    const run = (): Promise<Row[]> =>
      this.withSession(claimOf(statement, values), (session) => session.query<Row>(statement, values));
    const asked = statement.fenced === undefined ? run() : this.whileFenced(run);
    return deadlineMs === undefined ? asked : within(deadlineMs, asked);
  }

  /** Runs work, and runs it again where it was undone because a fence no longer held. */
  private async whileFenced<T>(run: () => Promise<T>): Promise<T> {
    const { guard } = this.options;
    for (let attempt = 1; ; attempt += 1)
      try {
        return await run();
      } catch (error) {
        const isFenced = error instanceof DatabaseUnavailableError && error.kind === 'unreserved';
        if (!isFenced || guard === undefined || attempt === MAX_FENCED) throw error;
        // Nothing was written. The server was restarted or others drew many ids; a new comparison settles both.
        await guard.compare(this);
      }
  }

  /** Runs work in one transaction: commits when it returns, rolls back when it throws. See `transactionIf`. */
  async transaction<T>(work: (sql: Sql) => Promise<T>, claim: Claim = SYSTEM): Promise<T> {
    return this.transactionIf(work, () => true, claim);
  }

  /**
   * Runs work in one transaction. Commits if `isToKeep` accepts the result; rolls back otherwise or on a throw. Work is
   * called again where it ran out of reserved ids.
   */
  async transactionIf<T>(
    work: (sql: Sql) => Promise<T>,
    isToKeep: (result: T) => boolean,
    claim: Claim = SYSTEM,
  ): Promise<T> {
    return this.whileFenced(() =>
      this.withSession(claim, (session) => session.transactionIf(work, isToKeep)),
    );
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
    const connection = await this.connections.take(claim).catch((error: unknown) => {
      leave();
      throw error;
    });
    return makeSession(connection, this.runner, answerTimeout, () => {
      this.connections.forget(connection);
      leave();
    });
  }

  /**
   * The latest recent fault of the server's disk, memory or connections, or null. Reading statements do not meet any.
   */
  get exhaustion(): DatabaseUnavailableError | null {
    return this.connections.exhaustion;
  }

  /** Replaces every connection once it is free. New ones may reach another server. */
  renewConnections(): void {
    this.connections.renew();
  }

  private async withSession<T>(claim: Claim, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.session(claim);
    try {
      return await work(session);
    } finally {
      session.release();
    }
  }

  /** Returns the pool's check of a new connection, which runs before anyone gets the connection. */
  private compareNew(guard: WriteGuard): (client: PoolClient, done: (error?: Error) => void) => void {
    return (client, done) => {
      const connection = new Connection(client, () => undefined);
      const handOver = (error?: Error): void => {
        connection.handOver();
        done(error);
      };
      guard.compareConnection(this.runner.on(connection, CONNECT_TIMEOUT)).then(() => {
        handOver();
      }, handOver);
    };
  }
}

/** Returns the claim of a statement outside of a transaction. An organization's id is the statement's first value. */
export function claimOf({ share = 'decision' }: Statement, [first]: readonly unknown[]): Claim {
  const isOfNobody = share === 'authentication' || share === 'system';
  return { share, organizationId: isOfNobody || typeof first !== 'number' ? null : first };
}

const SETTINGS_HOLD = statement({
  name: 'settings_hold',
  share: 'system',
  text: `SELECT current_setting('DateStyle') LIKE 'ISO%' AND current_setting('extra_float_digits')::integer >= 1 AS holds`,
});
function rethrow(error: unknown): never {
  throw outageBehind(error, true);
}
