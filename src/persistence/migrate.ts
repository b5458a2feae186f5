import { MigrationExecutor, type QueryRunner } from 'typeorm';
import type { Database } from './database';
import { grantRights } from './grants';

/** Any number will do, as long as no other use of advisory locks has it. */
const MIGRATION_LOCK = 7_046_021_119;

/** Brings the schema up to date and grants a login the application's rights. @returns the names of the migrations that ran */
type Migrate = (applicationRole: string) => Promise<readonly string[]>;

/**
 * Brings the schema up to date, one process at a time.
 * @param owner connected as the role that owns the schema, not through a pooler (the lock belongs to the session)
 * @param applicationRole the login that gets the application's rights; it has to exist
 * @returns the names of the migrations that ran, none if the schema was current
 */
export function migrate(owner: Database, applicationRole: string): Promise<readonly string[]> {
  return migrateWith(owner, (_runner, run) => run(applicationRole));
}

/**
 * Does work of which bringing the schema up to date is a part, one process at a time.
 * @param owner as `migrate` takes it
 * @param work gets the connection and what migrates on it, in the transaction that is open there, if one is
 */
export async function migrateWith<T>(
  owner: Database,
  work: (runner: QueryRunner, migrate: Migrate) => Promise<T>,
): Promise<T> {
  const runner = owner.dataSource.createQueryRunner();
  try {
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    return await work(runner, async (applicationRole) => {
      const ran = await new MigrationExecutor(owner.dataSource, runner).executePendingMigrations();
      await grantRights(runner, applicationRole);
      return ran.map((migration) => migration.name);
    });
  } finally {
    await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
    await runner.release();
  }
}
