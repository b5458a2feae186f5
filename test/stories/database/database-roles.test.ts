import type { EntitySchemaColumnOptions } from 'typeorm';
import { ACTIONS } from '../../../src/persistence/actions/action.table';
import { API_KEYS } from '../../../src/persistence/people/api-key.table';
import { AUDIT_LOG } from '../../../src/persistence/audit/audit-log.table';
import { POLICIES } from '../../../src/persistence/policy/policy.table';
import { USERS } from '../../../src/persistence/people/user.table';
import { cloneDatabase, type TestDatabase } from '../../support/database';
import { sealingOf } from '../../support/sealed-log';

/** What the two logins can do, and what the schema promises about every table, both as the catalog has it. */
let database: TestDatabase;
let application: string;

beforeAll(async () => {
  database = await cloneDatabase();
  application = new URL(database.applicationUrl).username;
});
afterAll(() => database.drop());

let attempts = 0;
function asApplication(text: string): Promise<unknown> {
  attempts += 1;
  return database.application.query({ name: `attempt_${String(attempts)}`, text }, []);
}

function asOwner(text: string): Promise<unknown> {
  return database.sql(text);
}

/** Append-only tables, with a column that an attacker might want to rewrite. */
const APPEND_ONLY = [
  { table: 'audit_log', column: 'details', key: 'organization_id, id' },
  { table: 'votes', column: 'reason', key: 'organization_id, action_id, user_id, is_second' },
  { table: 'approval_policies', column: 'reason', key: 'organization_id, version' },
  { table: 'audit_leaf', column: 'leaf_hash', key: 'organization_id, leaf_index' },
  { table: 'audit_node', column: 'hash', key: 'organization_id, level, node_index' },
  { table: 'audit_checkpoint', column: 'note', key: 'organization_id, tree_size' },
  { table: 'audit_generation', column: 'note', key: 'organization_id, generation' },
] as const;

describe.each(APPEND_ONLY)('a stored row of $table', ({ table, column, key }) => {
  const CHANGES = [
    `UPDATE ${table} SET ${column} = 'nothing happened'`,
    `UPDATE ${table} SET ${column} = NULL WHERE false`,
    `DELETE FROM ${table}`,
    `DELETE FROM ${table} WHERE false`,
    `TRUNCATE ${table}`,
    `TRUNCATE ${table} CASCADE`,
    'TRUNCATE organizations CASCADE',
    `INSERT INTO ${table} SELECT * FROM ${table} ON CONFLICT (${key}) DO UPDATE SET ${column} = 'nothing happened'`,
    `MERGE INTO ${table} t USING organizations o ON o.id = t.organization_id WHEN MATCHED THEN DELETE`,
  ];
  const rows = () => database.sql(`SELECT * FROM ${table} ORDER BY ${key}`);

  beforeAll(async () => {
    // Nobody of the demo data has voted, and its trees are too small to keep a node.
    const sealing = sealingOf(database);
    await sealing.seal();
    sealing.close();
    await database.sql(
      `INSERT INTO audit_node (organization_id, level, node_index, hash) VALUES (1, 4, 0, sha256('x')) ON CONFLICT DO NOTHING`,
    );
    await database.sql(
      `INSERT INTO audit_generation VALUES (1, 1, 0, sha256('x'), 0, sha256('x'), 'note') ON CONFLICT DO NOTHING`,
    );
    await database.sql(
      `INSERT INTO votes (organization_id, action_id, user_id, verdict, policy_version, voted_at)
       VALUES (1, 12345, 1, 'approve', 1, now()) ON CONFLICT DO NOTHING`,
    );
  });

  it.each(CHANGES)('stays, whatever its owner tries: %s', async (change) => {
    const before = await rows();
    expect(before.length).toBeGreaterThan(0);
    await expect(asOwner(change)).rejects.toThrow(refusalOf(change, table));
    expect(await rows()).toEqual(before);
  });

  it.each(CHANGES)('stays, whatever the application tries: %s', async (change) => {
    await expect(asApplication(change)).rejects.toThrow(/permission denied/);
  });
});

/** The refusal that its owner gets. */
function refusalOf(change: string, table: string): RegExp {
  if (change.startsWith('TRUNCATE organizations'))
    return /^((audit_log|audit_leaf|audit_node|audit_checkpoint|audit_generation|votes|approval_policies) is append-only|(organizations|users|actions) is named by evidence): TRUNCATE is refused$/;
  // PostgreSQL refuses this by itself, before any trigger: other tables refer to the rows.
  if (change === 'TRUNCATE approval_policies') return /cannot truncate a table referenced/;
  return new RegExp(`^${table} is append-only: (UPDATE|DELETE|TRUNCATE) is refused$`);
}

describe.each(['organizations', 'users', 'actions'])('a row of %s that a denial record names', (table) => {
  const CHANGES = [
    `DELETE FROM ${table}`,
    `DELETE FROM ${table} WHERE false`,
    `TRUNCATE ${table} CASCADE`,
    `UPDATE ${table} SET id = id + 1000000`,
    ...(table === 'organizations' ? [] : [`UPDATE ${table} SET organization_id = 2`]),
  ];
  const ids = () => database.sql(`SELECT id FROM ${table} ORDER BY id`);

  it.each(CHANGES)('stays under its key, whatever its owner tries: %s', async (change) => {
    const before = await ids();
    expect(before.length).toBeGreaterThan(0);
    await expect(asOwner(change)).rejects.toThrow(
      /(is named by evidence|is append-only): [A-Z]+ is refused$/,
    );
    expect(await ids()).toEqual(before);
  });

  it.each(CHANGES)('stays under its key, whatever the application tries: %s', async (change) => {
    await expect(asApplication(change)).rejects.toThrow(/permission denied/);
  });
});

describe('the audit log', () => {
  it('cannot be opened by its owner switching triggers off for a session', async () => {
    await expect(asOwner(`SET session_replication_role = 'replica'`)).rejects.toThrow(/permission denied/);
  });

  it.each([
    `ip_address = '10.0.0.1', ip_salt = NULL, user_agent = NULL, user_agent_salt = NULL`,
    'ip_address = NULL, ip_salt = NULL',
    'ip_address = NULL, user_agent = NULL',
    'user_agent_salt = NULL',
    `ip_address = NULL, ip_salt = NULL, user_agent = NULL, user_agent_salt = NULL, details = 'nothing happened'`,
  ])('lets its owner erase the origins of requests, as a whole, and nothing else: not %s', async (change) => {
    await asOwner(
      `INSERT INTO audit_log SELECT (jsonb_populate_record(l, '{"id":8000000,"ip_address":"127.0.0.1","ip_salt":"\\\\x00","user_agent":"a","user_agent_salt":"\\\\x00"}')).*
       FROM audit_log l WHERE organization_id = 1 ORDER BY id LIMIT 1 ON CONFLICT DO NOTHING`,
    );
    const erasing = `UPDATE audit_log SET ${change} WHERE organization_id = 1`;
    await expect(asOwner(erasing)).rejects.toThrow('audit_log is append-only: UPDATE is refused');
    await expect(asApplication(erasing)).rejects.toThrow(/permission denied/);
  });

  it('names actions that need not exist: it has no foreign key', async () => {
    const targets = await database.sql<{ target: string }>(
      `SELECT confrelid::regclass::text AS target FROM pg_constraint WHERE conrelid = 'audit_log'::regclass AND contype = 'f'`,
    );
    expect(targets).toEqual([]);
  });
});

describe("the application's login", () => {
  it('has these rights on tables, columns and sequences and no others', async () => {
    expect(await rightsOf(application)).toEqual([
      'action_id_seq USAGE',
      'action_texts SELECT',
      'actions INSERT (action_type, agent_id, agent_name, api_key_created_by, approvals, context, correlation_id, decided_at, decided_by_kind, description, expires_at, id, organization_id, parameters, reason, risk_indicators, risk_score, status, submitted_at, submitted_by, submitted_by_api_key, target_resource, target_system, tool_name, updated_at, version)',
      'actions SELECT',
      'actions UPDATE (approvals, correlation_id, decided_at, decided_by, decided_by_kind, reason, status, updated_at, version)',
      'api_key_id_seq USAGE',
      'api_keys INSERT (created_at, created_by, expires_at, id, key_hash, name, organization_id, owner_id, prefix, scopes)',
      'api_keys SELECT',
      'api_keys UPDATE (last_used_at, revoked_at)',
      'approval_policies INSERT',
      'approval_policies SELECT',
      'audit_archive SELECT',
      'audit_checkpoint SELECT',
      'audit_generation SELECT',
      'audit_leaf SELECT',
      'audit_log INSERT',
      'audit_log SELECT',
      'audit_log_id_seq USAGE',
      'audit_node SELECT',
      'audit_pending DELETE',
      'audit_pending INSERT',
      'audit_pending SELECT',
      'database_identity SELECT',
      'idempotency_keys DELETE',
      'idempotency_keys INSERT',
      'idempotency_keys SELECT',
      'organizations SELECT',
      'organizations UPDATE (policy_version)',
      'refusal_throttle DELETE',
      'refusal_throttle INSERT',
      'refusal_throttle SELECT',
      'refusal_throttle UPDATE',
      ...['DELETE', 'INSERT', 'SELECT', 'UPDATE'].map((right) => `refusal_windows ${right}`),
      'rollback_report INSERT',
      'rollback_report SELECT',
      'user_identities SELECT',
      'users SELECT',
      'users UPDATE (active, approval_level, max_risk_score, role, version)',
      'votes INSERT',
      'votes SELECT',
    ]);
  });

  it('is a member of no role, owns nothing, can create nothing and runs no function with more rights than its own', async () => {
    const [login] = await database.sql(
      `SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
         (SELECT count(*) FROM pg_auth_members WHERE member = r.oid) AS memberships,
         (SELECT count(*) FROM pg_class WHERE relowner = r.oid) AS relations,
         (SELECT count(*) FROM pg_proc WHERE proowner = r.oid) AS functions,
         (SELECT array_agg(nspname::text) FROM pg_namespace WHERE has_schema_privilege(r.oid, oid, 'CREATE')) AS creates,
         (SELECT count(*) FROM pg_proc WHERE prosecdef AND has_function_privilege(r.oid, oid, 'EXECUTE')) AS elevated,
         has_database_privilege(r.oid, current_database(), 'CREATE') AS creates_schemas
       FROM pg_roles r WHERE rolname = $1`,
      [application],
    );
    expect(login).toEqual({
      rolsuper: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolreplication: false,
      rolbypassrls: false,
      memberships: 0,
      relations: 0,
      functions: 0,
      creates: null,
      elevated: 0,
      creates_schemas: false,
    });
  });

  it.each([
    'CREATE TABLE mine (id bigint)',
    'ALTER TABLE audit_log DISABLE TRIGGER ALL',
    'DROP TRIGGER audit_log_append_only ON audit_log',
    'ALTER TABLE votes DISABLE TRIGGER ALL',
    'DROP TRIGGER approval_policies_append_only ON approval_policies',
    `CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE sql AS ''`,
    'DROP TABLE audit_pending',
    `INSERT INTO actions (organization_id, agent_id, action_type, risk_score, submitted_by, decided_by) VALUES (1, 'a', 'b', 1, 4, 4)`,
    'UPDATE actions SET risk_score = 1',
    'UPDATE actions SET submitted_by = 4',
    'UPDATE actions SET expires_at = NULL',
    'DELETE FROM actions',
    `UPDATE users SET name = 'somebody else'`,
    'UPDATE users SET organization_id = 2',
    'DELETE FROM users',
    `INSERT INTO users (organization_id, name, role) VALUES (1, 'Eve', 'admin')`,
    `INSERT INTO user_identities VALUES ('issuer', 'subject', 1, 1)`,
    `UPDATE votes SET verdict = 'approve'`,
    'DELETE FROM votes',
    `UPDATE approval_policies SET document = '{"approvalLevels":false}'`,
    'DELETE FROM approval_policies',
    `UPDATE organizations SET name = 'Evil'`,
    `INSERT INTO organizations (name, policy_version) VALUES ('Evil', 1)`,
    'UPDATE audit_pending SET audit_id = 1',
    `UPDATE api_keys SET scopes = '{audit:read}'`,
    'UPDATE api_keys SET expires_at = NULL',
    'UPDATE api_keys SET owner_id = 1',
    `UPDATE api_keys SET key_hash = sha256('mine')`,
    `INSERT INTO api_keys (organization_id, name, prefix, key_hash, scopes, owner_id, revoked_at)
       VALUES (1, 'a', 'b', sha256('c'), '{}', 1, now())`,
    'DELETE FROM api_keys',
    'TRUNCATE api_keys',
    `SELECT setval('audit_log_id_seq', 1)`,
    `SELECT setval('action_id_seq', 1)`,
    `SET session_replication_role = 'replica'`,
    'SET ROLE countersign_owner',
  ])('is refused: %s', async (statement) => {
    await expect(asApplication(statement)).rejects.toThrow(/permission denied|must be owner/);
  });
});

describe('a revoked API key', () => {
  beforeAll(() =>
    database.sql(
      `INSERT INTO api_keys (organization_id, name, prefix, key_hash, scopes, owner_id, revoked_at)
       VALUES (1, 'leaked', 'csk_leaked', sha256('leaked'), '{actions:read}', 1, now())`,
    ),
  );

  it.each(['NULL', "now() + interval '1 day'"])(
    'stays revoked, whoever sets its time to %s',
    async (moment) => {
      const change = `UPDATE api_keys SET revoked_at = ${moment}`;
      for (const attempt of [asApplication, asOwner])
        await expect(attempt(change)).rejects.toThrow('a revoked key stays revoked');
    },
  );
});

it('an API key has no unknown scope', async () => {
  const attempt = asApplication(
    `INSERT INTO api_keys (organization_id, name, prefix, key_hash, scopes, owner_id)
     VALUES (1, 'a', 'b', sha256('c'), '{actions:approve}', 1)`,
  );
  await expect(attempt).rejects.toThrow('api_keys_known_scopes');
});

describe('the schema', () => {
  /** Searched before any organization is known. */
  const DIRECTORIES = [
    'organizations_pkey',
    'user_identities_pkey',
    'database_identity_pkey',
    'rollback_report_pkey',
  ];

  it('has the organization in every primary key, unique index and foreign key of its rows', async () => {
    const keys = await database.sql<{ name: string; columns: string[] }>(`
      SELECT i.indexrelid::regclass::text AS name, ARRAY(SELECT attname::text FROM pg_attribute
          WHERE attrelid = i.indrelid AND attnum = ANY (i.indkey)) AS columns
      FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
      WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'migrations'
      UNION ALL
      SELECT conname, ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey))
      FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace`);
    const without = keys.filter(({ columns }) => !columns.includes('organization_id'));
    expect(keys.length).toBeGreaterThan(20);
    // In the organizations table, the organization is the id.
    expect(without.map(({ name }) => name).sort()).toEqual(
      [...DIRECTORIES, 'organizations_current_policy'].sort(),
    );
  });

  it('stores every time as timestamptz(3)', async () => {
    const times = await database.sql<{ type: string }>(`
      SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
      WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
        AND (atttypid::regtype::text ~ '^(time|date|interval)' OR attname ~ '_(at|until|time)$')`);
    expect(times.length).toBeGreaterThan(10);
    expect(new Set(times.map(({ type }) => type))).toEqual(new Set(['timestamp(3) with time zone']));
  });

  it.each([
    ['actions', ACTIONS],
    ['api_keys', API_KEYS],
    ['audit_log', AUDIT_LOG],
    ['approval_policies', POLICIES],
    ['users', USERS],
  ])('matches the mapping of %s: names, types, nullability, primary key', async (name, table) => {
    const rows = await database.sql<{ name: string; type: string; nullable: boolean; primary: boolean }>(
      `SELECT column_name AS name, data_type AS type, is_nullable = 'YES' AS nullable, EXISTS (
           SELECT FROM pg_index WHERE indrelid = $1::text::regclass AND indisprimary AND ordinal_position = ANY (indkey)
         ) AS primary
       FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1`,
      [name],
    );
    const columns = new Map(rows.map((row) => [row.name, row]));
    const mapped = Object.entries(table.schema.options.columns as Record<string, EntitySchemaColumnOptions>);
    expect(table.schema.options.tableName).toBe(name);
    expect(mapped.length).toBeGreaterThan(5);
    for (const [
      property,
      { name: column = property, type, array, nullable = false, primary = false },
    ] of mapped) {
      const written = array === true ? 'ARRAY' : type === 'timestamptz' ? 'timestamp with time zone' : type;
      expect(columns.get(column)).toEqual({ name: column, type: written, nullable, primary });
    }
  });
});

/** `relation RIGHT` or `table RIGHT (columns)` for all that the role can do, through PUBLIC or another role too. */
async function rightsOf(role: string): Promise<string[]> {
  const rows = await database.sql<{ item: string }>(
    `WITH relation AS (
       SELECT oid, oid::regclass::text AS name, relkind FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
     ), whole AS (
       SELECT name, oid, item FROM relation,
         unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS item
       WHERE relkind <> 'S' AND has_table_privilege($1, oid, item)
     )
     SELECT name || ' ' || item AS item FROM whole
     UNION ALL
     SELECT name || ' ' || item FROM relation, unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS item
     WHERE relkind = 'S' AND has_sequence_privilege($1, oid, item)
     UNION ALL
     SELECT name || ' ' || item || ' (' || string_agg(attname, ', ' ORDER BY attname) || ')'
     FROM relation JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped,
       unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS part (item)
     WHERE relkind <> 'S' AND has_column_privilege($1, oid, attnum, item)
       AND NOT EXISTS (SELECT FROM whole WHERE whole.oid = relation.oid AND whole.item = part.item)
     GROUP BY name, item`,
    [role],
  );
  return rows.map(({ item }) => item).sort();
}
