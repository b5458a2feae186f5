import type { QueryRunner } from 'typeorm';

/**
 * Trigram indexes that let a text search find what is rare. `%s` stands for the schema of pg_trgm. They hold the
 * organization, so that one organization's search passes over no other one's rows, and hold it as an expression that no
 * other index has: whatever the statistics say, no plan reads all rows of an organization by another index instead.
 */
const INDEXES: readonly (readonly [name: string, on: string])[] = [
  ['action_texts_by_text', 'action_texts USING gin ((organization_id + 0), text %s.gin_trgm_ops)'],
  [
    'audit_log_by_text',
    'audit_log USING gin ((organization_id + 0), details %s.gin_trgm_ops, reason %s.gin_trgm_ops)',
  ],
];

/** A small list of what was inserted last: every search reads it whole, and whoever fills it sorts it in. */
const STORAGE = 'WITH (gin_pending_list_limit = 1024)';

/** Another number than any other use of advisory locks has. */
const LOCK = 7_046_021_120;

/** No right to create an extension, none of this name on the server, or an operator class that cannot be found. */
const UNAVAILABLE = ['42501', '0A000', '58P01', '42704'];

/**
 * Builds the text indexes that are missing, where the extensions pg_trgm and btree_gin are there or may be created.
 * Does not block writes, and can be repeated: an index whose build was broken off is built anew.
 * @param runner connected as the owner of the schema, in no transaction and holding no lock that others wait for
 * @returns why there are no text indexes; null where they are there, or another process builds them
 */
export async function buildTextIndexes(runner: QueryRunner): Promise<string | null> {
  const [lock] = (await runner.query('SELECT pg_try_advisory_lock($1) AS held', [LOCK])) as [
    { held: boolean },
  ];
  if (!lock.held) return null;
  try {
    // For the organization beside the text.
    await runner.query('CREATE EXTENSION IF NOT EXISTS btree_gin');
    await runner.query('CREATE EXTENSION IF NOT EXISTS pg_trgm');
    const [trgm] = (await runner.query(SCHEMA_OF_TRGM)) as [{ schema: string }];
    for (const [name, on] of INDEXES) await build(runner, name, on.replaceAll('%s', trgm.schema));
    return null;
  } catch (error) {
    if (error instanceof Error && UNAVAILABLE.includes((error as { code?: string }).code ?? ''))
      return error.message;
    throw error;
  } finally {
    await runner.query('SELECT pg_advisory_unlock($1)', [LOCK]).catch(() => undefined);
  }
}

async function build(runner: QueryRunner, name: string, on: string): Promise<void> {
  const [known] = (await runner.query(
    'SELECT indisvalid AS "isValid" FROM pg_index WHERE indexrelid = to_regclass($1)',
    [name],
  )) as [{ isValid: boolean }?];
  if (known?.isValid === true) return;
  if (known !== undefined) await runner.query(`DROP INDEX CONCURRENTLY ${name}`);
  await runner.query(`CREATE INDEX CONCURRENTLY ${name} ON ${on} ${STORAGE}`);
}

const SCHEMA_OF_TRGM = `SELECT quote_ident(n.nspname) AS schema
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm'`;
