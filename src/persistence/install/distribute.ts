import type { Sql } from '../sql/sql';
import { statement } from '../sql/statement';

/** Tables that every node has whole: they are searched before the organization is known, or are of the database. */
const ON_EVERY_NODE = ['user_identities', 'database_identity', 'rollback_report'] as const;

/** Tables whose rows are on the node of their organization, by the column that names it; a table follows those it refers to. */
const BY_ORGANIZATION: readonly (readonly [table: string, column: string])[] = [
  ['organizations', 'id'],
  ...[
    ...['users', 'approval_policies', 'api_keys', 'actions', 'action_texts', 'votes', 'idempotency_keys'],
    ...['refusal_throttle', 'refusal_windows', 'audit_log', 'audit_pending', 'audit_leaf', 'audit_node'],
    ...['audit_checkpoint', 'audit_generation', 'audit_archive'],
  ].map((table) => [table, 'organization_id'] as const),
];

/** Tables that stay on the coordinator. */
export const ON_COORDINATOR = ['migrations'] as const;

const CURRENT_POLICY = 'organizations_current_policy';

/** A step of the distribution: what it is about, and its DDL. */
interface Step {
  readonly table: string;
  readonly sql: string;
}

const STEPS: readonly Step[] = [
  ...ON_EVERY_NODE.map((table) => ({ table, sql: `SELECT create_reference_table('${table}')` })),
  ...BY_ORGANIZATION.map(([table, column]) => ({
    table,
    sql: `SELECT create_distributed_table('${table}', '${column}'${
      table === 'organizations' ? '' : `, colocate_with => 'organizations'`
    })`,
  })),
];

/** Returns the tables in the order in which they are distributed. */
export const distributedTables = (): readonly string[] => STEPS.map(({ table }) => table);

const HAS_CITUS = statement({
  name: 'has_citus',
  isOneOff: true,
  text: `SELECT to_regclass('pg_dist_partition') IS NOT NULL AS "hasCitus"`,
});
const DISTRIBUTED = statement({
  name: 'distributed_tables',
  isOneOff: true,
  text: 'SELECT logicalrelid::text AS "table" FROM pg_dist_partition',
});
const HAS_POLICY_KEY = statement({
  name: 'has_policy_key',
  isOneOff: true,
  text: `SELECT EXISTS (SELECT FROM pg_constraint WHERE conname = '${CURRENT_POLICY}') AS "hasKey"`,
});

/**
 * Returns the DDL that distributes organizations over the nodes of a Citus coordinator (docs/scaling.md), without what
 * is distributed already; everything where the database has no Citus. It is run in one session, statement by statement.
 * @param owner connected as the owner of the schema
 */
export async function distributionOf(
  owner: Sql,
): Promise<{ readonly hasCitus: boolean; readonly statements: readonly string[] }> {
  const [citus] = await owner.query<{ hasCitus: boolean }>(HAS_CITUS, []);
  const hasCitus = citus?.hasCitus === true;
  const rows = hasCitus ? await owner.query<{ table: string }>(DISTRIBUTED, []) : [];
  const [key] = await owner.query<{ hasKey: boolean }>(HAS_POLICY_KEY, []);
  const done = new Set(rows.map(({ table }) => table));
  const steps = STEPS.filter(({ table }) => !done.has(table)).map(({ sql }) => sql);
  // An organization and its policies refer to each other, so one key waits until both are distributed.
  const isApart = !done.has('organizations') || !done.has('approval_policies');
  const drop = isApart && key?.hasKey === true;
  const add = isApart || key?.hasKey !== true;
  return {
    hasCitus,
    statements: [
      ...(drop ? [`ALTER TABLE organizations DROP CONSTRAINT ${CURRENT_POLICY}`] : []),
      ...(steps.length > 0 ? ['SET citus.enable_unsafe_triggers = on', ...steps] : []),
      ...(add
        ? [
            `ALTER TABLE organizations ADD CONSTRAINT ${CURRENT_POLICY} FOREIGN KEY (id, policy_version) REFERENCES approval_policies DEFERRABLE INITIALLY DEFERRED`,
          ]
        : []),
    ],
  };
}
