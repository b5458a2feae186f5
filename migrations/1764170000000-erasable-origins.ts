import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What no entry may ever be changed in: everything but where its request came from. */
const FIXED = [
  ...[
    'organization_id',
    'id',
    'action_type',
    '"timestamp"',
    'actor_kind',
    'actor_id',
    'on_behalf_of',
    'action_id',
  ],
  ...['verdict', 'reason', 'refusal_code', 'risk_score', 'required_level', 'held_level', 'policy_version'],
  ...[
    'approvals_received',
    'approvals_required',
    'details',
    'correlation_id',
    'client_correlation_id',
    'data',
  ],
  ...['canonical', 'leaf_hash'],
];

/**
 * Lets the owner erase where requests came from, and do nothing else to an entry: the bytes only commit to address and
 * user agent, so that every proof stands without them. Deciding costs what it did.
 */
export class ErasableOrigins1764170000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OF ${FIXED.join(', ')} OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- Erasing is whole and is all: the values with their salts, or what is left could be guessed at.
CREATE FUNCTION refuse_all_but_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  erased audit_log := OLD;
BEGIN
  erased.ip_address := NULL;
  erased.ip_salt := NULL;
  erased.user_agent := NULL;
  erased.user_agent_salt := NULL;
  IF NEW IS DISTINCT FROM erased THEN
    RAISE EXCEPTION 'audit_log is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER audit_log_erasable BEFORE UPDATE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasing();
`);
  }

  // What was erased does not come back.
  down(): Promise<void> {
    return Promise.reject(new Error('This migration is not reversible; restore a backup instead'));
  }
}
