import type { QueryRunner } from 'typeorm';
import type { Database } from '../sql/database';
import type { Sql, Statement } from '../sql/sql';
import { fillWithDemoData } from './demo-data';
import { addIdentity, type Identity } from './log-ins.store';
import { migrateWith } from './migrate';
import type { Provisioning } from './provisioning.store';

/** How long to wait for reads and writes in progress, such as an export. All other requests wait behind the reset. */
const LOCK_TIMEOUT = '10s';
/** Maximum number of attempts: decisions lock tables in a different order, so a reset can lose a deadlock. */
const TRIES = 5;
const DEADLOCK = '40P01';

/** A user's log-in, to be restored. */
interface KnownLogin extends Identity {
  readonly organizationId: number;
  readonly userId: number;
}

/**
 * Resets a development database to the state after its first start, in one transaction. Triggers protect the audit log
 * from changes, so the whole schema is dropped and a new log begins. Log-ins of users who exist again are kept, so that
 * their tokens stay valid.
 * @param applicationRole the login that receives the application's rights
 * @param whileLocked runs once the old state is locked, before the new state becomes visible
 * @throws {Error} if the database does not hold the demo data, because it may hold real data then
 */
export async function resetDemoData(
  owner: Database,
  applicationRole: string,
  provisioning: Provisioning,
  whileLocked: () => void,
): Promise<void> {
  for (let tries = 1; ; tries += 1)
    try {
      await migrateWith(owner, async (runner, migrate) => {
        await runner.startTransaction();
        try {
          await runner.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`);
          const logins = await loginsOfDemo(runner);
          await runner.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
          whileLocked();
          await migrate(applicationRole);
          const sql = sqlOf(runner);
          await fillWithDemoData(sql, provisioning);
          await addLogins(sql, logins);
          await runner.commitTransaction();
        } catch (error) {
          await runner.rollbackTransaction();
          throw error;
        }
      });
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== DEADLOCK || tries === TRIES) throw error;
    }
}

/**
 * Reads the log-ins of the demo database.
 * @throws {Error} if the database does not hold the demo data
 */
async function loginsOfDemo(runner: QueryRunner): Promise<readonly KnownLogin[]> {
  const [demo] = (await runner.query(IS_DEMO)) as [{ is_demo: boolean }];
  if (!demo.is_demo) throw new Error('This database does not hold the demo data, so it is not reset');
  return (await runner.query(LOGINS)) as KnownLogin[];
}

/** Adds the log-ins of users who exist. */
async function addLogins(sql: Sql, logins: readonly KnownLogin[]): Promise<void> {
  for (const { organizationId, userId, ...identity } of logins)
    await addIdentity(sql, organizationId, userId, identity);
}

/** Adapts a connection with an open transaction to the interface of the stores. */
function sqlOf(runner: QueryRunner): Sql {
  return {
    query: async <Row>({ text, fenced }: Statement, values: readonly unknown[]) =>
      // A newly created database has no fence.
      (await runner.query(text, fenced === undefined ? [...values] : [...values, null, null])) as Row[],
  };
}

const IS_DEMO = `SELECT EXISTS (SELECT FROM organizations WHERE id = 1 AND name = 'Acme')
    AND EXISTS (SELECT FROM organizations WHERE id = 2 AND name = 'Globex')
    AND EXISTS (SELECT FROM actions WHERE id = 12345 AND agent_id = 'demo-agent') AS is_demo`;
const LOGINS = `SELECT issuer, subject, organization_id AS "organizationId", user_id AS "userId" FROM user_identities
  ORDER BY created_at`;
