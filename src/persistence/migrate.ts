import { MigrationExecutor, type QueryRunner } from 'typeorm';
import type { Database } from './database';
import { grantRights } from './grants';
import { buildTextIndexes } from './text-indexes';

/** Any number will do, as long as no other use of advisory locks has it. */
const MIGRATION_LOCK = 7_046_021_119;

/**
 * Brings the schema up to date, one process at a time.
 * @param owner connected as the role that owns the schema, not through a pooler (the lock belongs to the session)
 * @param applicationRole the login that gets the application's rights; it has to exist
 * @param say told where text searches will not be indexed, and why
 * @returns the names of the migrations that ran, none if the schema was current
 */
export async function migrate(
  owner: Database,
  applicationRole: string,
  say: (line: string) => void = () => undefined,
): Promise<readonly string[]> {
  const runner = owner.dataSource.createQueryRunner();
  try {
    // A large table takes its time, and so does another process that migrates.
    await runner.query('SET statement_timeout = 0; SET lock_timeout = 0');
    const ran = await runMigrations(owner, runner, applicationRole);
    const obstacle = await buildTextIndexes(runner);
    if (obstacle !== null)
      say(`warning: text searches are not indexed and cover the nearest rows of a list: ${obstacle}`);
    return ran;
  } finally {
    await runner.query('RESET statement_timeout; RESET lock_timeout').catch(() => undefined);
    await runner.release();
  }
}

async function runMigrations(
  owner: Database,
  runner: QueryRunner,
  applicationRole: string,
): Promise<readonly string[]> {
  try {
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const ran = await new MigrationExecutor(owner.dataSource, runner).executePendingMigrations();
    await grantRights(runner, applicationRole);
    return ran.map((migration) => migration.name);
  } finally {
    await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
  }
}
