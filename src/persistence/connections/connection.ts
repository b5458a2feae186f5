import type { Socket } from 'node:net';
import type { PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { DatabaseUnavailableError, outageBehind } from './outage';

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
      throw outage;
    } finally {
      clearTimeout(timer);
    }
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
