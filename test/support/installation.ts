import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { openEmbeddedPostgres } from '../../src/persistence/embedded/embedded-postgres';
import { startProcess, stopAll, type RunningGateway } from './processes';

/** A gateway with an embedded PostgreSQL of its own in a new folder, as `npm start` makes it. */
export interface Installation {
  /** The folder around the data folder. */
  readonly scratch: string;
  /** What commands need to work on it. */
  readonly settings: { DATA_DIR: string; PORT: string };
  readonly gateway: RunningGateway;
  /** Works on its database, as the owner. */
  readonly inDatabase: <T>(work: (client: Client) => Promise<T>) => Promise<T>;
  /** Runs one statement there. @returns its rows */
  readonly rows: (text: string, values?: readonly unknown[]) => Promise<Record<string, unknown>[]>;
  /** Stops every gateway that was started, and removes the folder. */
  readonly remove: () => Promise<void>;
}

/** Starts a gateway in an empty folder. */
export async function install(): Promise<Installation> {
  const scratch = await mkdtemp(join(tmpdir(), 'countersign-installation-'));
  // As root the server runs as another user, who needs access to keep the data in here.
  await chmod(scratch, 0o755);
  const settings = { DATA_DIR: join(scratch, 'data'), PORT: '0' };
  const gateway = await startProcess(settings);
  const inDatabase = async <T>(work: (client: Client) => Promise<T>): Promise<T> => {
    const postgres = await openEmbeddedPostgres({ dataDir: settings.DATA_DIR });
    await postgres.release();
    const client = new Client({ connectionString: postgres.ownerUrl });
    // It may still be connected when the last gateway leaves, and the server stops.
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  return {
    scratch,
    settings,
    gateway,
    inDatabase,
    rows: (text, values = []) =>
      inDatabase(async (client) => (await client.query<Record<string, unknown>>(text, [...values])).rows),
    remove: async () => {
      await stopAll();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}
