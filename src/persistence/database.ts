import 'reflect-metadata';
import { types, type ClientBase, type Pool, type QueryResultRow } from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import type { CommittedEntry, Fence, FencedSequence, WriteGuard } from './rollback/write-guard';
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
import { Rollback1764800000000 } from '../../migrations/1764800000000-rollback';
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
  /**
   * Draws ids of this sequence: two parameters are added behind its own, for `next_fenced_id`. Of a statement that writes
   * audit entries $1 is the organization, and its rows name one of them as "auditId" and "leafHash".
   */
  readonly fenced?: FencedSequence;
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
  /** Bounds the ids that are drawn, and is shown each new connection; without one they are not bounded. */
  readonly guard?: WriteGuard;
}

/** The database is away, shutting down or out of connections: worth another try later, nothing was found wrong. */
export class DatabaseUnavailableError extends Error {
  override readonly name: string = 'DatabaseUnavailableError';
}

/** The database was put back to an older state, and no operator has accepted that: nothing is written to it. */
export class RefusedDatabaseError extends DatabaseUnavailableError {
  override readonly name: string = 'RefusedDatabaseError';
}

/** Why the database could not be reached, in words for an operator; null for any other error. */
export function explainOutage(error: unknown): string | null {
  if (!(error instanceof DatabaseUnavailableError)) return null;
  if (error.cause === undefined || error.cause === null) return error.message;
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
        ...(options.guard && { verify: this.compareNew(options.guard) }),
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
        Rollback1764800000000,
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
    const run = (): Promise<Row[]> => this.run<Row>(this.pool, statement, values, this.remember);
    const { guard } = this.options;
    if (guard === undefined || statement.fenced === undefined) return run();
    return run().catch(async (error: unknown) => {
      if (!isFenced(error)) throw error;
      // Nothing was written. The server was restarted, or others drew many ids: both are settled by looking again.
      await guard.compare(this);
      return run();
    });
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
    const written: CommittedEntry[] = [];
    const sql: Sql = {
      query: (statement, values) => this.run(client, statement, values, (entry) => written.push(entry)),
    };
    return {
      ...sql,
      transactionIf: async (work, isToKeep) => {
        try {
          await sql.query(BEGIN, []);
          const result = await work(sql);
          const isKept = isToKeep(result);
          await sql.query(isKept ? COMMIT : ROLLBACK, []);
          if (isKept) written.forEach(this.remember);
          return result;
        } catch (error) {
          await sql.query(ROLLBACK, []).catch(() => (broken = true));
          throw error;
        } finally {
          written.length = 0;
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
    { name, text, isOneOff = false, fenced }: Statement,
    given: readonly unknown[],
    remember: (entry: CommittedEntry) => unknown,
  ): Promise<Row[]> {
    const values = [...given];
    if (fenced !== undefined) values.push(...(await this.fence(fenced, target)));
    this.options.onStatement?.({ name, text }, values);
    const query = this.options.preparedStatements && !isOneOff ? { name, text, values } : { text, values };
    const result = await (target as ClientBase).query<Row>(query).catch(rethrow);
    const { rows } = result;
    // pg's results can keep each other in memory until the next full collection of garbage, and would keep their rows.
    result.rows = [];
    if (fenced !== undefined && this.options.guard !== undefined) rememberOneOf(rows, given[0], remember);
    return rows;
  }

  private readonly remember = (entry: CommittedEntry): void => {
    this.options.guard?.remember(entry);
  };

  private fence(sequence: FencedSequence, target: Pool | ClientBase): Promise<Fence> | Fence {
    const { guard } = this.options;
    return guard === undefined ? [null, null] : guard.admit(sequence, this.on(target));
  }

  private on(target: Pool | ClientBase): Sql {
    return { query: (statement, values) => this.run(target, statement, values, this.remember) };
  }

  /** What the pool does with a connection before anybody gets it. */
  private compareNew(guard: WriteGuard): (client: ClientBase, done: (error?: Error) => void) => void {
    return (client, done) => {
      guard.compareConnection(this.on(client)).then(() => {
        done();
      }, done);
    };
  }
}

/** An id that was not reserved, or another server than the one that was compared (see `next_fenced_id`). */
const FENCED = /^CS00[12]$/;

function isFenced(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: string } };
  return error instanceof DatabaseUnavailableError && FENCED.test(cause?.code ?? '');
}

/** One entry of a commit stands for all of it. */
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
  /^(CS00[12]|08|57P0[123]|57014|55P03|40001|40P01|53300|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH)/;
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
