import { randomBytes } from 'node:crypto';
import type { QueryResultRow } from 'pg';
import type { RequestOrigin } from '../../src/domain/audit-entry';
import { SCHEMA } from '../../src/persistence/install/schema';
import { Database, type DatabaseOptions } from '../../src/persistence/sql/database';
import type { Statement } from '../../src/persistence/sql/sql';
import { DatabaseUnavailableError } from '../../src/persistence/connections/outage';

/** The migrated database with the demo data that every test file's own database is a copy of. */
export const TEMPLATE = 'countersign_template';

/** The origin of the setup's audit entries. */
export const OPERATOR: RequestOrigin = {
  correlationId: 'action_20260120_143500_0123456789abcdef',
  clientCorrelationId: null,
  ipAddress: null,
  userAgent: null,
};

/** A statement with the values it ran with. */
export interface RanStatement extends Statement {
  readonly values: readonly unknown[];
}

/** A test file's own database, with both logins. */
export interface TestDatabase {
  /** Connected as the owner of the schema. */
  readonly owner: Database;
  /** Connected as the application. */
  readonly application: Database;
  readonly ownerUrl: string;
  readonly applicationUrl: string;
  /** The application's login at the server itself, past any pooler: for tests that change a session's settings. */
  readonly directUrl: string;
  /** The application's statements so far, without the unrecorded; empty it to count again. */
  readonly statements: RanStatement[];
  /** Runs SQL as the owner. */
  sql<Row extends QueryResultRow = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
  drop(): Promise<void>;
}

/** Clones the template. `poolSize` is the application's, `unrecorded` names its statements that nobody counts. */
export async function cloneDatabase({
  poolSize = 20,
  unrecorded = [],
}: { poolSize?: number; unrecorded?: readonly string[] } = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asSuperuser(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE} OWNER countersign_owner`);
  const ownerUrl = withDatabase(setting('TEST_OWNER_URL'), name);
  const applicationUrl = withDatabase(setting('TEST_APPLICATION_URL'), name);
  const statements: RanStatement[] = [];
  const owner = await open(ownerUrl, 4);
  // A clone is another database: what is known outside of its template is not about it.
  await owner.query({ name: 'identity', text: 'UPDATE database_identity SET id = gen_random_uuid()' }, []);
  const application = await open(applicationUrl, poolSize, (statement, values) => {
    if (!unrecorded.includes(statement.name)) statements.push({ ...statement, values });
  });
  return {
    owner,
    application,
    ownerUrl,
    applicationUrl,
    directUrl: withDatabase(setting('TEST_DIRECT_URL'), name),
    statements,
    sql: (text, values = []) => owner.query({ name: 'test', text }, values),
    drop: async () => {
      await application.close();
      await owner.close();
      await asSuperuser(`DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/** Whether the application reaches its databases through a pooler that cannot keep prepared statements apart. */
export function isPooled(): boolean {
  return process.env['TEST_PGBOUNCER'] === '1';
}

/** The same login to another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.toString();
}

/** A setting of the global set-up. @throws {Error} where the test has none, such as a unit test */
export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run through jest, with its global setup`);
  return value;
}

/** Runs SQL that only an administrator may: databases and logins. */
export async function asSuperuser(text: string): Promise<void> {
  const superuser = await open(setting('TEST_SUPERUSER_URL'), 1);
  try {
    await superuser.query({ name: 'superuser', text }, []);
  } finally {
    await superuser.close();
  }
}

async function open(
  url: string,
  poolSize: number,
  onStatement?: (statement: Statement, values: readonly unknown[]) => void,
): Promise<Database> {
  // The owner's statements share a name while their text differs, so only the application prepares its own.
  const preparedStatements = onStatement !== undefined && !isPooled();
  const options: DatabaseOptions = {
    url,
    poolSize,
    tls: false,
    preparedStatements,
    schema: SCHEMA,
    // What a test does as the owner takes as long as a busy machine needs.
    ...(onStatement === undefined && { answerTimeout: null }),
    ...(onStatement && { onStatement }),
  };
  // On a busy machine a new connection can take longer than a gateway would wait for one.
  for (;;) {
    const database = new Database(options);
    try {
      return await database.connect();
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError)) throw error;
    }
  }
}
