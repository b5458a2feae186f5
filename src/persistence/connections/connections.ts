import type { Socket } from 'node:net';
import type { Pool, PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import type { Claim } from './admission';
import { DatabaseUnavailableError, outageBehind } from './outage';

/** How long a fault counts that a reading statement cannot detect, in milliseconds. */
const EXHAUSTED_FOR = 5_000;

/** The pool's connections, with what their outages tell about the others. */
export class Connections {
  private readonly inUse = new Set<Connection>();
  /** The generation in which each connection was made; connections of earlier generations are suspect. */
  private readonly made = new WeakMap<PoolClient, number>();
  private generation = 0;
  private exhausted: { readonly outage: DatabaseUnavailableError; readonly at: number } | null = null;

  /** @param pool called once TypeORM has connected */
  constructor(private readonly pool: () => Pool) {}

  /** Begins to note when connections are made. Call it once the pool is there. */
  watch(): void {
    this.pool().on('connect', (client: PoolClient) => this.made.set(client, this.generation));
  }

  /**
   * Takes a connection from the pool.
   * @throws {DatabaseUnavailableError} where none can be made
   */
  async take(claim: Claim): Promise<Connection> {
    for (;;) {
      const client = await this.pool()
        .connect()
        .catch((error: unknown) => {
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

  /** Forgets a connection that was released. */
  forget(connection: Connection): void {
    this.inUse.delete(connection);
  }

  /**
   * The latest recent fault of the server's disk, memory or connections, or null. Reading statements do not meet any.
   */
  get exhaustion(): DatabaseUnavailableError | null {
    if (this.exhausted === null || performance.now() - this.exhausted.at > EXHAUSTED_FOR) return null;
    return this.exhausted.outage;
  }

  /** Replaces every connection once it is free. New ones may reach another server. */
  renew(): void {
    this.generation += 1;
  }

  /** Ends the connections in use at once. */
  sever(): void {
    for (const connection of this.inUse) connection.sever();
  }

  /** Applies an outage to the other connections: if the server is read-only or silent, all of them are renewed. */
  private note(outage: DatabaseUnavailableError, { share }: Claim): void {
    if (outage.kind === 'read_only' || outage.kind === 'silent') this.renew();
    // A single reader's statement can exhaust the server for itself alone.
    if (outage.kind === 'exhausted' && !['read', 'search', 'export'].includes(share))
      this.exhausted = { outage, at: performance.now() };
  }
}

/** One of the pool's connections with one holder. Once broken it fails every statement and is never reused. */
export class Connection {
  private isBroken = false;
  private isSilent = false;

  /** @param onOutage called with each outage that a statement met */
  constructor(
    private readonly client: PoolClient,
    private readonly onOutage: (outage: DatabaseUnavailableError) => void,
  ) {
    // The only report of a connection that breaks between two statements.
    client.on('error', this.onError);
  }

  get isUsable(): boolean {
    return !this.isBroken;
  }

  /**
   * Runs one statement.
   * @param deadlineMs maximum wait for the answer, in milliseconds, after which the connection is given up; null for no
   * limit
   * @throws {DatabaseUnavailableError} for an outage; `silent` where no answer came and the outcome is unknown
   */
  async query<Row extends QueryResultRow>(
    query: QueryConfig,
    deadlineMs: number | null,
  ): Promise<QueryResult<Row>> {
    if (this.isBroken)
      throw new DatabaseUnavailableError('unreachable', false, {
        cause: new Error('The connection was lost before'),
      });
    const timer = deadlineMs === null ? undefined : setTimeout(this.onSilence, deadlineMs);
    try {
      return await this.client.query<Row>(query);
    } catch (error) {
      const outage = this.isSilent
        ? new DatabaseUnavailableError('silent', true, {
            cause: new Error(`No answer came within ${String(deadlineMs)} ms`),
          })
        : outageBehind(error, true);
      if (outage instanceof DatabaseUnavailableError) {
        if (outage.endsConnection) this.isBroken = true;
        this.onOutage(outage);
      }
      await this.untilReady();
      throw outage;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Waits until the server takes the next statement. It reports an error before it undoes the statement and releases
   * its locks, so a retry on another connection would meet them.
   */
  private async untilReady(): Promise<void> {
    if (this.isBroken || isReady(this.client)) return;
    await new Promise<void>((resolve) => {
      const events = ['drain', 'error', 'end'] as const;
      const over = (): void => {
        for (const event of events) this.client.off(event, over);
        resolve();
      };
      for (const event of events) this.client.on(event, over);
    });
  }

  /** Ends the connection at once. Statements in progress fail, without waiting for the server. */
  sever(): void {
    this.isBroken = true;
    socketOf(this.client).destroy();
  }

  /** Returns the connection to the pool; a broken or spoiled one is closed. */
  release(isSpoiled: boolean): void {
    this.handOver();
    this.client.release(this.isBroken || isSpoiled);
  }

  /** Stops listening, before the connection goes to its next holder in the pool or outside of it. */
  handOver(): void {
    this.client.off('error', this.onError);
  }

  private readonly onSilence = (): void => {
    this.isSilent = true;
    this.sever();
  };

  private readonly onError = (): void => {
    this.isBroken = true;
  };
}

/** Returns the socket. pg's types omit it, and pg itself closes a connection only with the server's consent. */
function socketOf(client: PoolClient): Socket {
  return (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream;
}

/** Whether the server has finished the last statement. pg's types omit it. */
function isReady(client: PoolClient): boolean {
  return (client as unknown as { readonly readyForQuery: boolean }).readyForQuery;
}
