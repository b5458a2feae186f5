import { MigrationExecutor, type QueryRunner } from 'typeorm';
import type { Database } from '../sql/database';
import { grantRights } from './grants';
import { buildTextIndexes } from './text-indexes';

/** Any number that no other use of advisory locks has. */
const MIGRATION_LOCK = 7_046_021_119;

/** Migrates the schema and grants the application's rights to a login. Returns the names of the migrations that ran. */
type Migrate = (applicationRole: string) => Promise<readonly string[]>;

/** Receives why text searches will not be indexed. */
type Say = (line: string) => void;

/**
 * Migrates the schema, one process at a time.
 * @param owner connected as the role that owns the schema, not through a pooler, since the lock belongs to the session
 * @param applicationRole the login that receives the application's rights; it has to exist
 * @returns the names of the migrations that ran; none if the schema was current
 */
export function migrate(
  owner: Database,
  applicationRole: string,
  say: Say = () => undefined,
): Promise<readonly string[]> {
  return migrateWith(owner, (_runner, run) => run(applicationRole), say);
}

/**
 * Runs work that includes migrating the schema, one process at a time.
 * @param owner as in `migrate`
 * @param work receives the connection, and a function that migrates on it, within a transaction if one is open
 * @throws {Error} if the owner's database was opened without `schema`
 */
export async function migrateWith<T>(
  owner: Database,
  work: (runner: QueryRunner, migrate: Migrate) => Promise<T>,
  say: Say = () => undefined,
): Promise<T> {
  if (owner.dataSource.migrations.length === 0)
    throw new Error('This database was opened without its schema, so nothing can be migrated');
  const runner = owner.dataSource.createQueryRunner();
  try {
    // A large table takes long, and so may another process that migrates.
    await runner.query('SET statement_timeout = 0; SET lock_timeout = 0');
    const result = await oneAtATime(runner, () =>
      work(runner, async (applicationRole) => {
        const ran = await new MigrationExecutor(owner.dataSource, runner).executePendingMigrations();
        await grantRights(runner, applicationRole);
        return ran.map((migration) => migration.name);
      }),
    );
    const obstacle = await buildTextIndexes(runner);
    if (obstacle !== null)
      say(`warning: text searches are not indexed and cover the nearest rows of a list: ${obstacle}`);
    return result;
  } finally {
    await runner.query('RESET statement_timeout; RESET lock_timeout').catch(() => undefined);
    await runner.release();
  }
}

async function oneAtATime<T>(runner: QueryRunner, work: () => Promise<T>): Promise<T> {
  try {
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    return await work();
  } finally {
    await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
  }
}
