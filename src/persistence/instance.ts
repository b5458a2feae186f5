import type { Config } from '../config';
import type { RequestOrigin } from '../domain/audit-entry';
import { Database } from './database';
import { addDemoData } from './demo-data';
import { openEmbeddedPostgres } from './embedded-postgres';
import { migrate } from './migrate';
import { APPLICATION_TIMEOUTS, ensureTimeouts, OWNER_TIMEOUTS } from './timeouts';
import { Provisioning } from './provisioning.store';
import { resetDemoData } from './reset-demo';

/** The PostgreSQL that this installation uses, embedded or existing. */
export interface Instance {
  /** Connected as the schema's owner, directly. */
  readonly owner: Database;
  /** Makes a connected database with the application's login. */
  connectApplication(): Promise<Database>;
  /** Brings the schema up to date and, in development, fills an empty database with the demo data. */
  prepare(origin: RequestOrigin): Promise<void>;
  /**
   * Makes a development database as the first start made it.
   * @param whileLocked see `resetDemoData`
   * @throws {Error} if the database does not hold the demo data
   */
  resetDemo(origin: RequestOrigin, whileLocked: () => void): Promise<void>;
  /** Rejects if the embedded server went away for good, with the reason; else it is never settled. */
  readonly lost: Promise<never>;
  /** Closes the owner's connections and, of the embedded server's users, leaves as the last or not. */
  release(): Promise<void>;
}

/** Few: the owner migrates, provisions and seeds. */
const OWNER_POOL_SIZE = 2;

/** Who is told what happens, a line each. */
export interface Listener {
  /** Told what an operator should know. */
  readonly say: (line: string) => void;
  /** Told what somebody wants to know who looks for a fault. */
  readonly detail: (line: string) => void;
}

/** A listener that says everything where the log's level is `debug` or below, else without the details. */
export function listener(say: Listener['say'], { logLevel }: Config): Listener {
  return { say, detail: logLevel === 'debug' || logLevel === 'trace' ? say : () => undefined };
}

/** Opens the installation's PostgreSQL: the one of DATABASE_URL, else the embedded one under the data folder. */
export async function openInstance(config: Config, { say, detail }: Listener): Promise<Instance> {
  const urls = await locate(config, { say, detail });
  const { tls } = config.database;
  const owner = new Database({
    ...{ url: urls.owner, poolSize: OWNER_POOL_SIZE, tls, preparedStatements: false },
    // Its commands take as long as they take; the sealer's session has a bound of its own.
    answerTimeout: null,
  });
  const isOneLogin = new URL(urls.owner).username === new URL(urls.application).username;
  try {
    await owner.connect();
  } catch (error) {
    await urls.release();
    throw error;
  }
  const applicationRole = decodeURIComponent(new URL(urls.application).username);
  return {
    owner,
    lost: urls.lost,
    connectApplication: async () => {
      const application = await new Database({ ...config.database, url: urls.application }).connect();
      await ensureTimeouts(application, APPLICATION_TIMEOUTS, say).catch(async (error: unknown) => {
        await application.close();
        throw error;
      });
      return application;
    },
    prepare: async (origin) => {
      if (!isOneLogin) await ensureTimeouts(owner, OWNER_TIMEOUTS, say);
      const ran = await migrate(owner, applicationRole, say);
      if (ran.length > 0) say(`migrated: ${ran.join(', ')}`);
      if (config.isProduction) return;
      const isAdded = await addDemoData(owner, new Provisioning(owner, origin));
      if (isAdded) say('added the demo data: organizations 1 and 2');
    },
    resetDemo: (origin, whileLocked) =>
      resetDemoData(owner, applicationRole, new Provisioning(owner, origin), whileLocked),
    release: async () => {
      await owner.close();
      await urls.release();
    },
  };
}

interface Located {
  readonly application: string;
  readonly owner: string;
  readonly lost: Promise<never>;
  readonly release: () => Promise<void>;
}

async function locate(
  { databaseUrl, databaseOwnerUrl, dataDir }: Config,
  { say, detail }: Listener,
): Promise<Located> {
  if (databaseUrl !== null) {
    if (databaseOwnerUrl === null)
      say(
        'warning: without DATABASE_OWNER_URL the application owns its tables, and append-only rests on triggers alone',
      );
    const nothingToRelease = (): Promise<void> => Promise.resolve();
    const lost = new Promise<never>(() => undefined);
    return {
      application: databaseUrl,
      owner: databaseOwnerUrl ?? databaseUrl,
      lost,
      release: nothingToRelease,
    };
  }
  let onLost: (error: Error) => void = () => undefined;
  const lost = new Promise<never>((_resolve, reject) => (onLost = reject));
  // Whoever cares waits for it; nobody else is to be stopped by it.
  lost.catch(() => undefined);
  const embedded = await openEmbeddedPostgres({ dataDir, progress: say, detail, onLost });
  return {
    application: embedded.applicationUrl,
    owner: embedded.ownerUrl,
    lost,
    release: () => embedded.release(),
  };
}
