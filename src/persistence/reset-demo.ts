import type { QueryRunner } from 'typeorm';
import type { Database, Sql, Statement } from './database';
import { fillWithDemoData } from './demo-data';
import { addIdentity, type Identity } from './log-ins.store';
import { migrateWith } from './migrate';
import type { Provisioning } from './provisioning.store';

/** How long to wait for what is being read or written, such as an export; every request waits behind the reset. */
const LOCK_TIMEOUT = '10s';
/** Decisions lock tables in an order of their own: PostgreSQL then ends one of both, and a reset can begin again. */
const TRIES = 5;
const DEADLOCK = '40P01';

/** A person's log-in, to be made again. */
interface KnownLogin extends Identity {
  readonly organizationId: number;
  readonly userId: number;
}

/**
 * Makes a development database as the first start made it, in one transaction. The audit log refuses to be changed, by
 * triggers: nothing of it is. The schema goes as a whole, and a new log begins. Log-ins of people who are there again
 * stay, so that their tokens still count.
 * @param applicationRole the login that gets the application's rights
 * @param whileLocked runs once nobody else can read what there was, before the new state can be seen
 * @throws {Error} if the database does not hold the demo data: it is then somebody's
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

/** @throws {Error} if this is no database with the demo data */
async function loginsOfDemo(runner: QueryRunner): Promise<readonly KnownLogin[]> {
  const [demo] = (await runner.query(IS_DEMO)) as [{ is_demo: boolean }];
  if (!demo.is_demo)
    throw new Error('This database does not hold the demo data, so it is not reset: it is somebody’s');
  return (await runner.query(LOGINS)) as KnownLogin[];
}

/** The log-ins of those who are there. */
async function addLogins(sql: Sql, logins: readonly KnownLogin[]): Promise<void> {
  const people = await sql.query<{ id: number; organizationId: number }>(PEOPLE, []);
  const organizations = new Map(people.map(({ id, organizationId }) => [id, organizationId]));
  for (const { organizationId, userId, ...identity } of logins)
    if (organizations.get(userId) === organizationId)
      await addIdentity(sql, organizationId, userId, identity);
}

/** A connection in the middle of its transaction, as stores take it. */
function sqlOf(runner: QueryRunner): Sql {
  return {
    query: async <Row>({ text, fenced }: Statement, values: readonly unknown[]) =>
      // Ids of a database that is made anew are bound to nothing.
      (await runner.query(text, fenced === undefined ? [...values] : [...values, null, null])) as Row[],
  };
}

const IS_DEMO = `SELECT EXISTS (SELECT FROM organizations WHERE id = 1 AND name = 'Acme')
    AND EXISTS (SELECT FROM organizations WHERE id = 2 AND name = 'Globex')
    AND EXISTS (SELECT FROM actions WHERE id = 12345 AND agent_id = 'demo-agent') AS is_demo`;
const LOGINS = `SELECT issuer, subject, organization_id AS "organizationId", user_id AS "userId" FROM user_identities
  ORDER BY created_at`;
const PEOPLE = {
  name: 'people_of_demo',
  text: 'SELECT id, organization_id AS "organizationId" FROM users',
};
