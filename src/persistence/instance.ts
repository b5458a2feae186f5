import type { Config } from '../config';
import type { RequestOrigin } from '../domain/audit-entry';
import { Database } from './database';
import { addDemoData } from './demo-data';
import { openEmbeddedPostgres } from './embedded-postgres';
import { migrate } from './migrate';
import { APPLICATION_TIMEOUTS, ensureTimeouts, OWNER_TIMEOUTS } from './timeouts';
import { Provisioning } from './provisioning.store';
import { resetDemoData } from './reset-demo';
import { RollbackGuard } from './rollback/guard';

/** The PostgreSQL that this installation uses, embedded or existing. */
export interface Instance {
  /** Connected as the schema's owner, directly. */
  readonly owner: Database;
  /** What the owner's connections are held against. */
  readonly ownerGuard: RollbackGuard;
  /** Makes a connected database with the application's login, compared with what is known outside of it from then on. */
  connectApplication(): Promise<GuardedDatabase>;
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

/** A database, and what refuses it where it was put back to an older state. */
export interface GuardedDatabase {
  readonly database: Database;
  readonly guard: RollbackGuard;
  /** Gives back the ids that were not used, and closes the connections. */
  readonly close: () => Promise<void>;
}

/** Few: the owner migrates, provisions and seeds. */
const OWNER_POOL_SIZE = 2;

/** Who is told what happens, a line each. */
export interface Listener {
  /** Told what an operator should know. */
  readonly say: (line: string) => void;
  /** Told what somebody wants to know who looks for a fault. */
  readonly detail: (line: string) => void;
  /** Told why the database is refused, or ids cannot be reserved; `say`, if not given. */
  readonly warn?: (line: string) => void;
  /** Told once that is over, and of what is taken as it is; `detail`, if not given. */
  readonly note?: (line: string) => void;
}

/** A listener that says everything where the log's level is `debug` or below, else without the details. */
export function listener(say: Listener['say'], { logLevel }: Config): Listener {
  return { say, detail: logLevel === 'debug' || logLevel === 'trace' ? say : () => undefined };
}

/** Opens the installation's PostgreSQL: the one of DATABASE_URL, else the embedded one under the data folder. */
export async function openInstance(
  config: Config,
  { say, detail, warn = say, note = detail }: Listener,
): Promise<Instance> {
  const urls = await locate(config, { say, detail });
  const { tls } = config.database;
  const ownerGuard = guardFor(config, OWNER_POOL_SIZE, { warn, note });
  const owner = new Database({
    ...{ url: urls.owner, poolSize: OWNER_POOL_SIZE, tls, preparedStatements: false, guard: ownerGuard },
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
    ownerGuard,
    lost: urls.lost,
    connectApplication: async () => {
      const guard = guardFor(config, config.database.poolSize, { warn, note });
      const database = await new Database({ ...config.database, url: urls.application, guard }).connect();
      const close = async (): Promise<void> => {
        await guard.close(database);
        await database.close();
      };
      try {
        await ensureTimeouts(database, APPLICATION_TIMEOUTS, say);
        await guard.compare(database);
      } catch (error) {
        await close();
        throw error;
      }
      guard.watch(database);
      return { database, guard, close };
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
      await ownerGuard.close(owner);
      await owner.close();
      await urls.release();
    },
  };
}

function guardFor(
  { auditLog, isProduction }: Config,
  poolSize: number,
  { warn, note }: Required<Pick<Listener, 'warn' | 'note'>>,
): RollbackGuard {
  return new RollbackGuard({
    folder: auditLog.archiveFolder,
    remembered: 2 * poolSize,
    isNewDatabaseTaken: !isProduction,
    say: warn,
    note,
  });
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
