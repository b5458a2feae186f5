import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Actions get a time to live, and what was voted or laid down as policy can no longer be rewritten. */
export class PoliciesAndExpiry1763900000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE actions ADD COLUMN expires_at timestamptz(3),
  ADD CONSTRAINT actions_expire_after_submission CHECK (expires_at > submitted_at),
  ADD CONSTRAINT actions_expired_at_a_time CHECK (status <> 'expired' OR expires_at IS NOT NULL);
CREATE INDEX actions_by_expiry ON actions (expires_at) WHERE status = 'pending_approval' AND expires_at IS NOT NULL;

CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER votes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON votes
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER approval_policies_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON approval_policies
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

CREATE INDEX users_by_role ON users (organization_id, role, id) WHERE active;
`);
  }

  // Votes and policies are evidence as the audit log is: there is no way back but a restored backup.
  down(): Promise<void> {
    return Promise.reject(new Error('This migration is not reversible; restore a backup instead'));
  }
}
