import type { Config } from '../../config';
import type { RequestOrigin } from '../../domain/audit-entry';
import { Database } from '../sql/database';
import { addDemoData } from './demo-data';
import { openEmbeddedPostgres } from '../embedded/embedded-postgres';
import { migrate } from './migrate';
import { APPLICATION_TIMEOUTS, ensureTimeouts, OWNER_TIMEOUTS } from '../connections/timeouts';
import { Provisioning } from './provisioning.store';
import { resetDemoData } from './reset-demo';
import { SCHEMA } from './schema';
import { RollbackGuard } from '../rollback/guard';

/** The PostgreSQL of this installation, embedded or existing. */
export interface Instance {
  /** A direct connection as the schema's owner. */
  readonly owner: Database;
  /** The rollback guard of the owner's connections. */
  readonly ownerGuard: RollbackGuard;
  /** Connects with the application's login, and starts to compare the database with the marks kept outside of it. */
  connectApplication(): Promise<GuardedDatabase>;
  /** Migrates the schema and, in development, fills an empty database with the demo data. */
  prepare(origin: RequestOrigin): Promise<void>;
  /**
   * Resets a development database to the state after its first start.
   * @param whileLocked see `resetDemoData`
   * @throws {Error} if the database does not hold the demo data
   */
  resetDemo(origin: RequestOrigin, whileLocked: () => void): Promise<void>;
  /** Rejects, with the reason, if the embedded server is lost permanently; otherwise never settles. */
  readonly lost: Promise<never>;
  /** Closes the owner's connections and leaves the embedded server, which stops with its last user. */
  release(): Promise<void>;
}

/** A database with the guard that refuses it after a rollback. */
export interface GuardedDatabase {
  readonly database: Database;
  readonly guard: RollbackGuard;
  /** Releases the unused ids and closes the connections. */
  readonly close: () => Promise<void>;
}

/** Small, because the owner only migrates, provisions and seeds. */
const OWNER_POOL_SIZE = 2;

/** Receivers of messages, a line each. */
export interface Listener {
  /** Receives what an operator should know. */
  readonly say: (line: string) => void;
  /** Receives details for troubleshooting. */
  readonly detail: (line: string) => void;
  /** Receives why the database is refused, or why ids cannot be reserved; `say` by default. */
  readonly warn?: (line: string) => void;
  /** Receives the end of such a condition, and which databases are accepted without a check; `detail` by default. */
  readonly note?: (line: string) => void;
}

/** Returns a listener that includes details only if the log level is `debug` or below. */
export function listener(say: Listener['say'], { logLevel }: Config): Listener {
  return { say, detail: logLevel === 'debug' || logLevel === 'trace' ? say : () => undefined };
}

/** Opens the installation's PostgreSQL: the one of DATABASE_URL, or else the embedded one in the data folder. */
export async function openInstance(
  config: Config,
  { say, detail, warn = say, note = detail }: Listener,
): Promise<Instance> {
  const urls = await locate(config, { say, detail });
  const { tls } = config.database;
  const ownerGuard = guardFor(config, OWNER_POOL_SIZE, { warn, note });
  const owner = new Database({
    ...{ url: urls.owner, poolSize: OWNER_POOL_SIZE, tls, preparedStatements: false, guard: ownerGuard },
    // No limit, because the owner's commands may take long; the sealer's session has a limit of its own.
    answerTimeout: null,
    schema: SCHEMA,
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
      const database = await new Database({
        ...config.database,
        url: urls.application,
        guard,
        schema: SCHEMA,
      }).connect();
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
        'warning: without DATABASE_OWNER_URL the application owns its tables, and only triggers keep the audit log append-only',
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
  // Prevents an unhandled rejection; callers who need the promise still see it reject.
  lost.catch(() => undefined);
  const embedded = await openEmbeddedPostgres({ dataDir, progress: say, detail, onLost });
  return {
    application: embedded.applicationUrl,
    owner: embedded.ownerUrl,
    lost,
    release: () => embedded.release(),
  };
}
