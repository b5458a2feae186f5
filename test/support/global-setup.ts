import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { developmentSubject, openDevelopmentIssuer } from '../../src/http/development-issuer';
import { Database } from '../../src/persistence/sql/database';
import { addDemoData } from '../../src/persistence/install/demo-data';
import { openEmbeddedPostgres } from '../../src/persistence/embedded/embedded-postgres';
import { migrate } from '../../src/persistence/install/migrate';
import { Provisioning } from '../../src/persistence/install/provisioning.store';
import { SCHEMA } from '../../src/persistence/install/schema';
import { isPooled, OPERATOR, TEMPLATE, withDatabase } from './database';
import { startPooler } from './pgbouncer';

/**
 * One real PostgreSQL for the whole run, with a migrated template that holds the demo data; each test file clones it.
 * TEST_POSTGRES_BIN names the folder of another PostgreSQL's programs (see `npm run test:pg15`); with TEST_PGBOUNCER the
 * application reaches it through a PgBouncer in transaction mode (see `npm run test:pgbouncer`).
 */
export default async function globalSetup(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'countersign-test-'));
  // As root the server runs as another user: without its access, the cluster would be kept elsewhere and stay behind.
  chmodSync(dataDir, 0o755);
  const binaries = process.env['TEST_POSTGRES_BIN'];
  const postgres = await openEmbeddedPostgres({ dataDir, ...(binaries !== undefined && { binaries }) });
  process.env['TEST_DATA_DIR'] = dataDir;
  process.env['TEST_SUPERUSER_URL'] = postgres.superuserUrl;
  process.env['TEST_OWNER_URL'] = postgres.ownerUrl;
  process.env['TEST_DIRECT_URL'] = postgres.applicationUrl;
  const pooler = isPooled() ? await startPooler(dataDir, postgres.applicationUrl) : null;
  process.env['TEST_APPLICATION_URL'] = pooler?.url ?? postgres.applicationUrl;
  await makeTemplate(postgres.superuserUrl, postgres.ownerUrl, postgres.applicationUrl, dataDir);
  stopPostgres = async () => {
    await pooler?.stop();
    await postgres.release();
    rmSync(dataDir, { recursive: true, force: true });
  };
}

/** Set by the set-up, for the teardown, which runs in the same process. */
export let stopPostgres: () => Promise<void> = () => Promise.resolve();

async function makeTemplate(
  superuser: string,
  owner: string,
  application: string,
  dataDir: string,
): Promise<void> {
  const database = await new Database({
    url: superuser,
    poolSize: 1,
    tls: false,
    preparedStatements: false,
  }).connect();
  // Surviving the server's own crash is enough for data that is deleted after the run, and spares the disk.
  for (const setting of ['fsync', 'full_page_writes'])
    await database.query({ name: setting, text: `ALTER SYSTEM SET ${setting} = off` }, []);
  await database.query({ name: 'reload', text: 'SELECT pg_reload_conf()' }, []);
  await database.query({ name: 'template', text: `CREATE DATABASE ${TEMPLATE} OWNER countersign_owner` }, []);
  await database.close();
  const url = withDatabase(owner, TEMPLATE);
  const template = await new Database({
    url,
    poolSize: 2,
    tls: false,
    preparedStatements: false,
    schema: SCHEMA,
  }).connect();
  await migrate(template, new URL(application).username);
  await addDemoData(template, new Provisioning(template, OPERATOR));
  const { issuer } = openDevelopmentIssuer(dataDir).trusted;
  const provisioning = new Provisioning(template, OPERATOR);
  const users = await template.query<{ id: number }>({ name: 'users', text: 'SELECT id FROM users' }, []);
  for (const { id } of users)
    await provisioning.ensureIdentity(id, { issuer, subject: developmentSubject(id) });
  await template.close();
}
