import 'reflect-metadata';
import { types, type ClientBase, type Pool, type QueryResultRow } from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { Initial1763800000000 } from '../../migrations/1763800000000-initial';
import { PoliciesAndExpiry1763900000000 } from '../../migrations/1763900000000-policies-and-expiry';
import { SealedAuditLog1764000000000 } from '../../migrations/1764000000000-sealed-audit-log';
import { ApiKeys1764150000000 } from '../../migrations/1764150000000-api-keys';
import { ErasableOrigins1764170000000 } from '../../migrations/1764170000000-erasable-origins';
import { Submission1764180000000 } from '../../migrations/1764180000000-submission';
import { QueueWithoutForeignKey1764220000000 } from '../../migrations/1764220000000-queue-without-foreign-key';
import { IdempotencyKeys1764230000000 } from '../../migrations/1764230000000-idempotency-keys';
import { EvidenceWithoutForeignKeys1764300000000 } from '../../migrations/1764300000000-evidence-without-foreign-keys';
import { LeavesWithoutForeignKey1764400000000 } from '../../migrations/1764400000000-leaves-without-foreign-key';
import { ActionTexts1764500000000 } from '../../migrations/1764500000000-action-texts';
import { WhoCountsAsSubmitter1764600000000 } from '../../migrations/1764600000000-who-counts-as-submitter';
import { ConfirmingVotes1764610000000 } from '../../migrations/1764610000000-confirming-votes';
import { RefusalsAndSubmissionsAreBounded1764620000000 } from '../../migrations/1764620000000-refusals-and-submissions-are-bounded';
import { ACTIONS } from './tables/action.table';
import { API_KEYS } from './tables/api-key.table';
import { AUDIT_LOG } from './tables/audit-log.table';
import { USERS } from './tables/user.table';

// Ids stop at 2^53-1 (contract 2.15) and the database's sequences with them, so a bigint always fits a number.
types.setTypeParser(types.builtins.INT8, Number);

/** As PostgreSQL writes a time that has no more than milliseconds, in a zone of whole hours; `connect` sees to the DateStyle. */
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,3})?[+-]\d\d$/;
const readAnyTime = types.getTypeParser(types.builtins.TIMESTAMPTZ) as (text: string) => Date;
// By the engine's own reader in place of pg's where it can: half the time, and a list has hundreds of them.
types.setTypeParser(types.builtins.TIMESTAMPTZ, (text) =>
  TIME.test(text) ? new Date(`${text.slice(0, 10)}T${text.slice(11)}:00`) : readAnyTime(text),
);

/** One parametrised SQL statement. The name lets PostgreSQL plan it once per connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Planned anew each time instead of being kept by name. */
  readonly isOneOff?: boolean;
}

/** Where statements can run: the pool, or one transaction of it. */
export interface Sql {
  /** Runs one statement. @throws {DatabaseUnavailableError} where the database cannot be reached */
  query<Row extends QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
}

/** One connection, held by one holder. */
export interface Session extends Sql {
  /** Runs work in a transaction that is committed if its result is worth keeping; rolled back else, or when it throws. */
  transactionIf<T>(work: (sql: Sql) => Promise<T>, isToKeep: (result: T) => boolean): Promise<T>;
  /** Gives the connection back; closed if it is broken, or spoiled: a lock of its session goes with it. */
  release(isSpoiled?: boolean): void;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Connections at most, 1 or more. */
  readonly poolSize: number;
  readonly tls: false | { readonly rejectUnauthorized: boolean; readonly ca?: string };
  /** False where a pooler in front of PostgreSQL cannot keep named statements apart. */
  readonly preparedStatements: boolean;
  /** Told each statement before it runs, with its values; for counting and for looking at plans. */
  readonly onStatement?: (statement: Statement, values: readonly unknown[]) => void;
}

/** The database is away, shutting down or out of connections: worth another try later, nothing was found wrong. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
}

/** Why the database could not be reached, in words for an operator; null for any other error. */
export function explainOutage(error: unknown): string | null {
  if (!(error instanceof DatabaseUnavailableError)) return null;
  return `${error.message}: ${error.cause instanceof Error ? error.cause.message : String(error.cause)}`;
}

/** How long to wait for a connection before saying that the database is away, in milliseconds. */
const CONNECT_TIMEOUT = 5_000;

/** How long a connection is kept that nobody uses, in milliseconds: a new one would have to plan everything anew. */
const IDLE_TIMEOUT = 600_000;

/** PostgreSQL behind TypeORM: its pool, its migrations, and statements by name. */
export class Database implements Sql {
  readonly dataSource: DataSource;

  constructor(private readonly options: DatabaseOptions) {
    this.dataSource = new DataSource({
      type: 'postgres',
      url: options.url,
      ssl: options.tls,
      poolSize: options.poolSize,
      connectTimeoutMS: CONNECT_TIMEOUT,
      applicationName: 'countersign',
      // A pooler that cannot keep statements apart may not pass these on either; `connect` checks that they hold.
      extra: {
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
      ],
      synchronize: false,
      installExtensions: false,
    });
  }

  /** @throws {Error} where the login's settings would change what is read: times unreadable, scores rounded */
  async connect(): Promise<this> {
    await this.dataSource.initialize().catch(rethrow);
    const [row] = await this.query<{ holds: boolean }>(SETTINGS_HOLD, []);
    if (row?.holds === true) return this;
    await this.close();
    throw new Error(
      'The database login has to have DateStyle ISO and extra_float_digits 1 or more: see ALTER ROLE',
    );
  }

  async close(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  async query<Row extends QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    return this.run<Row>(this.pool, statement, values);
  }

  /** Runs work in one transaction: committed when it returns, rolled back when it throws. */
  async transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.transactionIf(work, () => true);
  }

  /** Runs work in one transaction that is committed if its result is worth keeping, and else rolled back. */
  async transactionIf<T>(work: (sql: Sql) => Promise<T>, isToKeep: (result: T) => boolean): Promise<T> {
    const session = await this.session();
    try {
      return await session.transactionIf(work, isToKeep);
    } finally {
      session.release();
    }
  }

  /** Reads in one snapshot of the database, however long it takes; a reader that stops early gives it up. */
  async *snapshot<T>(read: (sql: Sql) => AsyncIterable<T>): AsyncIterable<T> {
    const session = await this.session();
    let isOver = false;
    try {
      await session.query(BEGIN_SNAPSHOT, []);
      yield* read(session);
      await session.query(COMMIT, []);
      isOver = true;
    } finally {
      session.release(!isOver);
    }
  }

  /** A connection for one holder alone, until released: what a session's own lock needs. */
  async session(): Promise<Session> {
    const client = await this.pool.connect().catch(rethrow);
    let broken = false;
    // A connection that breaks between two statements says so here, and nowhere else.
    const onError = (): void => {
      broken = true;
    };
    client.on('error', onError);
    const sql: Sql = { query: (statement, values) => this.run(client, statement, values) };
    return {
      ...sql,
      transactionIf: async (work, isToKeep) => {
        try {
          await sql.query(BEGIN, []);
          const result = await work(sql);
          await sql.query(isToKeep(result) ? COMMIT : ROLLBACK, []);
          return result;
        } catch (error) {
          await sql.query(ROLLBACK, []).catch(() => (broken = true));
          throw error;
        }
      },
      release: (isSpoiled = false) => {
        client.off('error', onError);
        client.release(broken || isSpoiled);
      },
    };
  }

  private get pool(): Pool {
    return (this.dataSource.driver as PostgresDriver).master as Pool;
  }

  private async run<Row extends QueryResultRow>(
    target: Pool | ClientBase,
    { name, text, isOneOff = false }: Statement,
    values: readonly unknown[],
  ): Promise<Row[]> {
    this.options.onStatement?.({ name, text }, values);
    const query =
      this.options.preparedStatements && !isOneOff
        ? { name, text, values: [...values] }
        : { text, values: [...values] };
    const result = await (target as ClientBase).query<Row>(query).catch(rethrow);
    const { rows } = result;
    // pg's results can keep each other in memory until the next full collection of garbage, and would keep their rows.
    result.rows = [];
    return rows;
  }
}

const SETTINGS_HOLD: Statement = {
  name: 'settings_hold',
  text: `SELECT current_setting('DateStyle') LIKE 'ISO%' AND current_setting('extra_float_digits')::integer >= 1 AS holds`,
};
const BEGIN: Statement = { name: 'begin', text: 'BEGIN' };
const BEGIN_SNAPSHOT: Statement = {
  name: 'begin_snapshot',
  text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
};
const COMMIT: Statement = { name: 'commit', text: 'COMMIT' };
const ROLLBACK: Statement = { name: 'rollback', text: 'ROLLBACK' };

/** Connection exceptions, shutdown, too many connections, time-outs, lost serialisation; and the sockets' own errors. */
const UNAVAILABLE =
  /^(08|57P0[123]|57014|55P03|40001|40P01|53300|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH)/;
const UNAVAILABLE_WITHOUT_CODE =
  /connection (terminated|timeout)|timeout exceeded when trying to connect|Client has encountered/i;

function rethrow(error: unknown): never {
  const { code, message, severity } = error as { code?: string; message?: string; severity?: string };
  // FATAL ends the connection (a database that is gone or takes none); a statement's own fault is an ERROR.
  const isUnavailable =
    severity === 'FATAL' ||
    (code === undefined ? UNAVAILABLE_WITHOUT_CODE.test(message ?? '') : UNAVAILABLE.test(code));
  throw isUnavailable
    ? new DatabaseUnavailableError('The database cannot be reached', { cause: error })
    : error;
}
