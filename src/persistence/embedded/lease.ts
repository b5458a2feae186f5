import { Client } from 'pg';

/** "cs" and a number of ours: advisory locks of the maintenance database, which the application cannot enter. */
const leaseLock = 0x6373_0001;

/**
 * One process's claim on a running server: a shared advisory lock, held by an otherwise idle connection. It cannot
 * outlive its holder, even a killed one, so the locks show who is left without a counter. It ends with the connection,
 * after which the last other holder to leave would stop the server, unless a new lease is taken.
 */
export class Lease {
  /** Resolves when the connection has ended, cut or closed. */
  readonly ended: Promise<void>;

  private constructor(private readonly client: Client) {
    this.ended = new Promise((resolve) => client.once('end', resolve));
  }

  /**
   * Takes a lease.
   * @param url of the superuser in the maintenance database
   * @throws what the connection attempt throws
   */
  static async take(url: string): Promise<Lease> {
    const client = await openConnection(url);
    const lease = new Lease(client);
    try {
      await client.query('SELECT pg_advisory_lock_shared($1)', [leaseLock]);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    return lease;
  }

  /** Gives up the lease. If it was the last, calls `whenLast` before anyone can take a new one; newcomers wait. */
  async leave(whenLast: () => Promise<void>): Promise<void> {
    try {
      if (await exchangeForExclusive(this.client)) await whenLast();
    } finally {
      await this.client.end().catch(() => undefined);
    }
  }
}

/** Unlocks first, so that of two processes that leave at once the later one gets the exclusive lock. */
async function exchangeForExclusive(client: Client): Promise<boolean> {
  try {
    await client.query('SELECT pg_advisory_unlock_shared($1)', [leaseLock]);
    const { rows } = await client.query<{ last: boolean }>('SELECT pg_try_advisory_lock($1) AS last', [
      leaseLock,
    ]);
    return rows[0]?.last === true;
  } catch {
    // The server is gone, so there is nothing to stop.
    return false;
  }
}

/** Opens a connection that does not end the process when the server cuts it. */
export async function openConnection(url: string): Promise<Client> {
  const client = new Client({
    connectionString: url,
    application_name: 'countersign embedded-postgres',
    connectionTimeoutMillis: 10_000,
    ssl: false,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Whether a connection failed because the server is starting, stopping or restarting. */
export function isPassing(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    // cannot_connect_now, admin_shutdown, crash_shutdown
    ['57P03', '57P01', '57P02', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(code ?? '') ||
    /^(Connection terminated|timeout expired)/.test(message ?? '')
  );
}
