import type { Pool, PoolClient } from 'pg';
import type { Claim } from './admission';
import { Connection } from './connection';
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
