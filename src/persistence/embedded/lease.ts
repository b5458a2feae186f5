import { setTimeout as pause } from 'node:timers/promises';

import { Client } from 'pg';

/** "cs" and a number of our own: advisory locks of the maintenance database, which the application cannot enter. */
const leaseLock = 0x6373_0001;

/**
 * One user's claim on a running server: a shared advisory lock, held by an otherwise idle connection. It cannot
 * outlive its holder, even a killed one, so it tells who is left without counting anything.
 */
export class Lease {
  private client: Client | undefined;
  private hasLeft = false;
  private renewal: Promise<void> = Promise.resolve();

  private constructor(private readonly url: string) {}

  /** @param url of the superuser in the maintenance database. Throws what the connection attempt throws. */
  static async take(url: string): Promise<Lease> {
    const lease = new Lease(url);
    await lease.connect();
    return lease;
  }

  /**
   * Gives the claim up. When nobody else has one, calls `whenLast` before anybody can take one: newcomers wait
   * for its outcome.
   */
  async leave(whenLast: () => Promise<void>): Promise<void> {
    this.hasLeft = true;
    await this.renewal;
    const client = this.client ?? (await openConnection(this.url).catch(() => undefined));
    try {
      const isLast = client !== undefined && (await exchangeForExclusive(client));
      if (isLast) await whenLast();
    } finally {
      await client?.end().catch(() => undefined);
    }
  }

  private async connect(): Promise<void> {
    const client = await openConnection(this.url);
    try {
      await client.query('SELECT pg_advisory_lock_shared($1)', [leaseLock]);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    this.client = client;
    client.once('end', () => {
      this.client = undefined;
      if (!this.hasLeft) this.renewal = this.renew();
    });
  }

  /** One crashed session makes PostgreSQL drop them all and go on: without a new claim another's leaving would stop it. */
  private async renew(): Promise<void> {
    while (!this.hasLeft) {
      try {
        await this.connect();
        return;
      } catch (error) {
        if (!isPassing(error) || isRefused(error)) return;
        await pause(250);
      }
    }
  }
}

/** Unlocking first lets two who leave at once see each other gone: the later of them gets the exclusive lock. */
async function exchangeForExclusive(client: Client): Promise<boolean> {
  try {
    await client.query('SELECT pg_advisory_unlock_shared($1)', [leaseLock]);
    const { rows } = await client.query<{ last: boolean }>('SELECT pg_try_advisory_lock($1) AS last', [
      leaseLock,
    ]);
    return rows[0]?.last === true;
  } catch {
    // The server went away under us, so there is nothing left to stop.
    return false;
  }
}

/** A connection that does not end the process when the server cuts it. */
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
    ['57P03', '57P01', '57P02', 'ECONNRESET', 'EPIPE'].includes(code ?? '') ||
    isRefused(error) ||
    /^(Connection terminated|timeout expired)/.test(message ?? '')
  );
}

function isRefused(error: unknown): boolean {
  return (error as { code?: string }).code === 'ECONNREFUSED';
}
