import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What evidence leads to, with the columns that it leads there by. */
const NAMED = [
  ['organizations', 'id'],
  ['users', 'organization_id, id'],
  ['actions', 'organization_id, id'],
] as const;

/** Table, constraint, columns, where they lead to: what every decision and every sealed entry had to look up. */
const REFERENCES = [
  ['votes', 'votes_organization_id_action_id_fkey', 'organization_id, action_id', 'actions'],
  ['votes', 'votes_organization_id_user_id_fkey', 'organization_id, user_id', 'users'],
  [
    'votes',
    'votes_organization_id_policy_version_fkey',
    'organization_id, policy_version',
    'approval_policies',
  ],
  ['actions', 'actions_organization_id_decided_by_fkey', 'organization_id, decided_by', 'users'],
  ['audit_log', 'audit_log_organization_id_fkey', 'organization_id', 'organizations'],
  ['audit_leaf', 'audit_leaf_organization_id_fkey', 'organization_id', 'organizations'],
  ['audit_node', 'audit_node_organization_id_fkey', 'organization_id', 'organizations'],
] as const;

/**
 * A decision writes what it has just locked or read: its action, reviewer, policy and organization are there. Five
 * foreign keys looked for them once more, row by row, and took half of the decision's time. What they guarded besides,
 * that nothing which evidence names goes away, is guarded where it could happen instead: those rows stay, and keep
 * their keys. That asks nothing of a decision.
 */
export class EvidenceWithoutForeignKeys1764300000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE FUNCTION refuse_leaving() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is named by evidence: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
${NAMED.map(
  ([table, key]) => `CREATE TRIGGER ${table}_stay BEFORE UPDATE OF ${key} OR DELETE OR TRUNCATE ON ${table}
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_leaving();`,
).join('\n')}
${REFERENCES.map(([table, name]) => `ALTER TABLE ${table} DROP CONSTRAINT ${name};`).join('\n')}
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
${REFERENCES.map(
  ([table, name, columns, target]) =>
    `ALTER TABLE ${table} ADD CONSTRAINT ${name} FOREIGN KEY (${columns}) REFERENCES ${target};`,
).join('\n')}
${NAMED.map(([table]) => `DROP TRIGGER ${table}_stay ON ${table};`).join('\n')}
DROP FUNCTION refuse_leaving();
`);
  }
}
