import type { QueryRunner } from 'typeorm';

/**
 * Rights of the application's login: what deciding and reading need, and no more. Locking a row FOR SHARE or FOR UPDATE
 * needs the right to update some column of it. Columns that only have defaults are among those inserted, since a
 * distributed PostgreSQL writes the defaults out.
 */
const RIGHTS = [
  'USAGE ON SCHEMA public',
  'SELECT ON organizations, users, user_identities, approval_policies, api_keys, actions, action_texts, votes',
  'UPDATE (policy_version) ON organizations',
  'UPDATE (role, approval_level, max_risk_score, active, version) ON users',
  `INSERT (organization_id, id, agent_id, agent_name, action_type, description, tool_name, target_system, target_resource,
    parameters, context, risk_indicators, risk_score, status, submitted_by, submitted_by_api_key, api_key_created_by,
    submitted_at, updated_at, expires_at, decided_by_kind, decided_at, reason, correlation_id, version, approvals) ON actions`,
  'UPDATE (status, version, approvals, updated_at, decided_by_kind, decided_by, decided_at, reason, correlation_id) ON actions',
  'INSERT (organization_id, id, name, prefix, key_hash, scopes, owner_id, created_at, expires_at, created_by), UPDATE (revoked_at, last_used_at) ON api_keys',
  'INSERT ON votes',
  'INSERT ON approval_policies',
  'SELECT, INSERT ON audit_log',
  'SELECT ON audit_leaf, audit_node, audit_checkpoint, audit_generation, audit_archive, database_identity',
  'SELECT, INSERT ON rollback_report',
  'SELECT, INSERT, DELETE ON audit_pending',
  'SELECT, INSERT, UPDATE, DELETE ON refusal_throttle, refusal_windows',
  'SELECT, INSERT, DELETE ON idempotency_keys',
  'USAGE ON SEQUENCE action_id_seq, audit_log_id_seq, api_key_id_seq',
] as const;

/**
 * Grants the application's rights to a login. Repeated on every migration, so that a changed login gets them too. Roles
 * belong to the whole cluster, so the installation's configuration names them and they are never created here.
 * @param runner connected as the owner of the schema
 */
export async function grantRights(runner: QueryRunner, applicationRole: string): Promise<void> {
  const role = `"${applicationRole.replaceAll('"', '""')}"`;
  await runner.query(RIGHTS.map((right) => `GRANT ${right} TO ${role};`).join('\n'));
}
