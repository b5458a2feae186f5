import 'reflect-metadata';
import { types, type Pool, type PoolClient, type QueryResultRow } from 'pg';
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
import { ActionTexts1764500000000 } from '../../migrations/1764500000000-action-texts';
import { WhoCountsAsSubmitter1764600000000 } from '../../migrations/1764600000000-who-counts-as-submitter';
import { ConfirmingVotes1764610000000 } from '../../migrations/1764610000000-confirming-votes';
import { RefusalsAndSubmissionsAreBounded1764620000000 } from '../../migrations/1764620000000-refusals-and-submissions-are-bounded';
import { Admission, SYSTEM, type Claim, type Share } from './admission';
import { Connection } from './connection';
import { DatabaseUnavailableError, outageBehind } from './outage';
import { Rollback1764800000000 } from '../../migrations/1764800000000-rollback';
import { ACTIONS } from './tables/action.table';
import { API_KEYS } from './tables/api-key.table';
import { AUDIT_LOG } from './tables/audit-log.table';
import { USERS } from './tables/user.table';

export { DatabaseUnavailableError, explainOutage } from './outage';

// Ids stop at 2^53-1 (docs/rest-api.md#ids) and the database's sequences with them, so a bigint always fits a number.
types.setTypeParser(types.builtins.INT8, Number);

/** As PostgreSQL writes a time that has no more than milliseconds, in a zone of whole hours; `connect` sees to the DateStyle. */
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,3})?[+-]\d\d$/;
const readAnyTime = types.getTypeParser(types.builtins.TIMESTAMPTZ) as (text: string) => Date;
// By the engine's own reader in place of pg's where it can: half the time, and a list has hundreds of them.
types.setTypeParser(types.builtins.TIMESTAMPTZ, (text) =>
  TIME.test(text) ? new Date(`${text.slice(0, 10)}T${text.slice(11)}:00`) : readAnyTime(text),
);

/**
 * One parametrised SQL statement. The name lets PostgreSQL plan it once per connection. Its first value is the
 * organization that it belongs to, unless its share is authentication's or the system's.
 */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Planned anew each time instead of being kept by name. */
  readonly isOneOff?: boolean;
  /** Whose connections it takes outside of a transaction; a decision's, if not given. */
  readonly share?: Share;
  /** How long its caller waits, for a connection too, in milliseconds; as long as the database's bounds allow, if not given. */
  readonly deadlineMs?: number;
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
  /** Ends the connection at once, whatever it is doing: a statement under way fails. It is to be released all the same. */
  sever(): void;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Connections at most, 1 or more. */
  readonly poolSize: number;
  readonly tls: false | { readonly rejectUnauthorized: boolean; readonly ca?: string };
  /** False where a pooler in front of PostgreSQL cannot keep named statements apart. */
  readonly preparedStatements: boolean;
  /**
   * How long a statement's answer may take before its connection is given up, in milliseconds; null for ever, 20 seconds
   * if not given. More than `statement_timeout`, so that a server that answers says itself that it took too long.
   */
  readonly answerTimeout?: number | null;
  /** Told each statement before it runs, with its values; for counting and for looking at plans. */
  readonly onStatement?: (statement: Statement, values: readonly unknown[]) => void;
  /** Bounds the ids that are drawn, and is shown each new connection; without one they are not bounded. */
  readonly guard?: WriteGuard;
}

/** How long to wait for a connection before saying that the database is away, in milliseconds. */
const CONNECT_TIMEOUT = 5_000;

/** How long a connection may be silent before it is asked whether the other end lives, in milliseconds. */
const KEEP_ALIVE = 10_000;

/** How long a statement's answer may take, unless said otherwise, in milliseconds. */
const ANSWER_TIMEOUT = 20_000;

/** How many wait for a connection at most; of one organization half as many. */
const MAX_WAITING = 4_096;

/** How long closing waits for connections in use before it ends them, in milliseconds. */
const CLOSE_TIMEOUT = 3_000;

/** For how long a fault of the server counts that no reading statement would find, in milliseconds. */
const EXHAUSTED_FOR = 5_000;

/** How long a connection is kept that nobody uses, in milliseconds: a new one would have to plan everything anew. */
const IDLE_TIMEOUT = 600_000;

/** PostgreSQL behind TypeORM: its pool, its migrations, and statements by name. */
export class Database implements Sql {
  readonly dataSource: DataSource;
  private readonly admission: Admission;
  private readonly inUse = new Set<Connection>();
  /** In which generation each connection was made; all before the present one are suspect. */
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
      // A pooler that cannot keep statements apart may not pass these on either; `connect` checks that they hold.
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

  /** @throws {Error} where the login's settings would change what is read: times unreadable, scores rounded */
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

  /** Closes all connections. What is under way may end first, but not for ever: a connection may be dead. */
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

  /** Runs a statement again, once, where what it was bound to did not hold any more. */
  private queryFenced<T>(statement: Statement, run: () => Promise<T>): Promise<T> {
    const { guard } = this.options;
    if (guard === undefined || statement.fenced === undefined) return run();
    return run().catch(async (error: unknown) => {
      if (!(error instanceof DatabaseUnavailableError) || error.kind !== 'unreserved') throw error;
      // Nothing was written. The server was restarted, or others drew many ids: both are settled by looking again.
      await guard.compare(this);
      return run();
    });
  }

  /** Runs work in one transaction: committed when it returns, rolled back when it throws. */
  async transaction<T>(work: (sql: Sql) => Promise<T>, claim: Claim = SYSTEM): Promise<T> {
    return this.transactionIf(work, () => true, claim);
  }

  /** Runs work in one transaction that is committed if its result is worth keeping, and else rolled back. */
  async transactionIf<T>(
    work: (sql: Sql) => Promise<T>,
    isToKeep: (result: T) => boolean,
    claim: Claim = SYSTEM,
  ): Promise<T> {
    return this.withSession(claim, (session) => session.transactionIf(work, isToKeep));
  }

  /** Reads in one snapshot of the database, however long it takes; a reader that stops early gives it up. */
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
   * A connection for one holder alone, until released: what a session's own lock needs. Whoever holds one asks for no
   * second one, or a pool of one connection could wait for itself.
   * @param answerTimeout see `DatabaseOptions`
   * @throws {DatabaseUnavailableError} where there is none to be had
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
          // With the connection its transaction is gone; where nobody answers, nobody would answer this either.
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

  /** The newest fault of the server's disk, memory or connections, if it counts still. A statement that reads meets none. */
  get exhaustion(): DatabaseUnavailableError | null {
    if (this.exhausted === null || performance.now() - this.exhausted.at > EXHAUSTED_FOR) return null;
    return this.exhausted.outage;
  }

  /** Closes every connection once it is free: the next statements get new ones, perhaps to another server. */
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

  /** What one connection met is true of others: of those to a server that only reads, and of those that went silent. */
  private note(outage: DatabaseUnavailableError, { share }: Claim): void {
    if (outage.kind === 'read_only' || outage.kind === 'silent') this.renewConnections();
    // What one reader asks for can exhaust the server for that statement alone.
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
    // pg's results can keep each other in memory until the next full collection of garbage, and would keep their rows.
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

  /** What the pool does with a connection before anybody gets it. */
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

/** What a statement of its own takes its connection for: an organization's statement has its id as the first value. */
export function claimOf({ share = 'decision' }: Statement, [first]: readonly unknown[]): Claim {
  const isOfNobody = share === 'authentication' || share === 'system';
  return { share, organizationId: isOfNobody || typeof first !== 'number' ? null : first };
}

/** What work gives, unless it takes too long; it is then left to its own bounds. */
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
/** A client may read nothing for a minute before its export is broken off, and the transaction is idle meanwhile. */
const WAIT_FOR_READER: Statement = {
  name: 'wait_for_reader',
  text: `SELECT set_config('idle_in_transaction_session_timeout', '90s', true)`,
};
const COMMIT: Statement = { name: 'commit', text: 'COMMIT' };
const ROLLBACK: Statement = { name: 'rollback', text: 'ROLLBACK' };

function rethrow(error: unknown): never {
  throw outageBehind(error, true);
}
