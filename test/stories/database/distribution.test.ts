import { addIdentity } from '../../../src/persistence/install/log-ins.store';
import {
  distributedTables,
  distributionOf,
  ON_COORDINATOR,
} from '../../../src/persistence/install/distribute';
import { cloneDatabase, type TestDatabase } from '../../support/database';

let database: TestDatabase;

beforeEach(async () => {
  database = await cloneDatabase();
});
afterEach(async () => {
  await database.drop();
});

/** What Citus records of its tables, and the functions that record it; the rows themselves stay where they are. */
const RECORDS_OF_CITUS = [
  'CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY)',
  `CREATE FUNCTION create_reference_table(one regclass) RETURNS void LANGUAGE sql AS
    'INSERT INTO pg_dist_partition VALUES (one)'`,
  `CREATE FUNCTION create_distributed_table(one regclass, place text, colocate_with text DEFAULT 'default') RETURNS void
    LANGUAGE sql AS 'INSERT INTO pg_dist_partition VALUES (one)'`,
];

const plan = async (): Promise<readonly string[]> => (await distributionOf(database.owner)).statements;

async function apply(statements: readonly string[]): Promise<void> {
  for (const sql of statements) await database.sql(sql);
}

it('an operator who distributes the database forgets no table', async () => {
  const tables = await database.sql<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
  );
  const listed = [...distributedTables(), ...ON_COORDINATOR];
  expect([...listed].sort()).toEqual(tables.map(({ name }) => name).sort());
});

it('an operator who distributes the database has each table after those it refers to', async () => {
  const order = distributedTables();
  const keys = await database.sql<{ name: string; from: string; to: string }>(
    `SELECT conname AS name, conrelid::regclass::text AS "from", confrelid::regclass::text AS "to" FROM pg_constraint
     WHERE contype = 'f' AND connamespace = 'public'::regnamespace`,
  );
  const early = keys.filter(({ from, to }) => order.indexOf(from) < order.indexOf(to));
  expect(keys.length).toBeGreaterThan(8);
  expect(early.map(({ name }) => name)).toEqual(['organizations_current_policy']);
});

it('an operator without Citus reads the whole plan', async () => {
  const { hasCitus, statements } = await distributionOf(database.owner);
  expect(hasCitus).toBe(false);
  expect(statements).toHaveLength(distributedTables().length + 3);
  expect(statements).toContain(
    `SELECT create_distributed_table('actions', 'organization_id', colocate_with => 'organizations')`,
  );
});

it('an operator runs the plan once, and a plan that was interrupted to its end', async () => {
  await apply(RECORDS_OF_CITUS);
  const whole = await plan();
  await apply(whole.slice(0, 8));
  const rest = await plan();
  expect(rest).toEqual(['SET citus.enable_unsafe_triggers = on', ...whole.slice(8)]);
  await apply(rest);
  expect(await plan()).toEqual([]);
  const [key] = await database.sql<{ deferred: boolean }>(
    `SELECT condeferred AS deferred FROM pg_constraint WHERE conname = 'organizations_current_policy'`,
  );
  expect(key).toEqual({ deferred: true });
});

it('a log-in never leads to a user who does not exist, without a foreign key', async () => {
  const ofNobody = { issuer: 'https://sso.example.com', subject: 'nobody' };
  expect(await addIdentity(database.owner, 1, 999_999, ofNobody)).toBe(false);
  expect(await addIdentity(database.owner, 2, 1, ofNobody)).toBe(false);
  const astray = await database.sql(
    `SELECT FROM user_identities i WHERE NOT EXISTS (
       SELECT FROM users u WHERE u.organization_id = i.organization_id AND u.id = i.user_id)`,
  );
  expect(astray).toEqual([]);
  expect(await database.sql(`SELECT FROM user_identities WHERE subject = 'nobody'`)).toEqual([]);
});
