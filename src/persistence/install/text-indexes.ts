import type { QueryRunner } from 'typeorm';

/**
 * Trigram indexes with which a text search finds rare text. `%s` is the schema of pg_trgm. They include the
 * organization, so that a search passes over no other organization's rows. It is an expression that no other index has,
 * so that no plan reads all rows of an organization by another index instead, whatever the statistics.
 */
const INDEXES: readonly (readonly [name: string, on: string])[] = [
  ['action_texts_by_text', 'action_texts USING gin ((organization_id + 0), text %s.gin_trgm_ops)'],
  [
    'audit_log_by_text',
    'audit_log USING gin ((organization_id + 0), details %s.gin_trgm_ops, reason %s.gin_trgm_ops)',
  ],
];

/** A small pending list: every search reads all of it, and the insert that fills it merges it into the index. */
const STORAGE = 'WITH (gin_pending_list_limit = 1024)';

/** A number that no other use of advisory locks has. */
const LOCK = 7_046_021_120;

/** SQLSTATEs: no right to create an extension, extension unsupported or missing, operator class not found. */
const UNAVAILABLE = ['42501', '0A000', '58P01', '42704'];

/**
 * Builds missing text indexes, where the extensions pg_trgm and btree_gin exist or may be created. It does not block
 * writes and can be repeated: an index whose build was interrupted is built again.
 * @param runner connected as the owner of the schema, without a transaction or a lock that others wait for
 * @returns why there are no text indexes; null where they exist, or another process builds them
 */
export async function buildTextIndexes(runner: QueryRunner): Promise<string | null> {
  const [lock] = (await runner.query('SELECT pg_try_advisory_lock($1) AS held', [LOCK])) as [
    { held: boolean },
  ];
  if (!lock.held) return null;
  try {
    // Provides the operator class for the organization beside the text.
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
