import type { Socket } from 'node:net';
import type { PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { DatabaseUnavailableError, outageBehind } from './outage';

/** One of the pool's connections in the hands of one holder. Once broken it answers nothing and is never used again. */
export class Connection {
  private isBroken = false;
  private isSilent = false;

  /** @param onOutage told each outage that a statement met */
  constructor(
    private readonly client: PoolClient,
    private readonly onOutage: (outage: DatabaseUnavailableError) => void,
  ) {
    // A connection that breaks between two statements says so here, and nowhere else.
    client.on('error', this.onError);
  }

  get isUsable(): boolean {
    return !this.isBroken;
  }

  /**
   * Runs one statement.
   * @param deadlineMs how long its answer may take before the connection is given up, in milliseconds; null for ever
   * @throws {DatabaseUnavailableError} for an outage; `silent` where no answer came, and nobody knows what was done
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
      throw outage;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the connection at once: what waits for it fails, and a server that never answers is not waited for. */
  sever(): void {
    this.isBroken = true;
    socketOf(this.client).destroy();
  }

  /** Gives the connection back to the pool; one that is broken, or spoiled, is closed. */
  release(isSpoiled: boolean): void {
    this.handOver();
    this.client.release(this.isBroken || isSpoiled);
  }

  /** Leaves the connection to its next holder, in the pool or out of it. */
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

/** pg's types leave out its connection, and pg itself ends one only with the server's consent. */
function socketOf(client: PoolClient): Socket {
  return (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream;
}
