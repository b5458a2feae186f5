import type { MigrationInterface, QueryRunner } from 'typeorm';

/** API keys are made and revoked through the gateway: what they may be allowed is known, and none comes back. */
export class ApiKeys1764150000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE api_keys ADD COLUMN last_used_at timestamptz(3),
  ADD CONSTRAINT api_keys_known_scopes
    CHECK (scopes <@ ARRAY['actions:submit', 'actions:read', 'actions:score', 'audit:read']);

CREATE FUNCTION refuse_reinstating() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'api_keys: a revoked key stays revoked' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER api_keys_stay_revoked BEFORE UPDATE OF revoked_at ON api_keys FOR EACH ROW
  WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
  EXECUTE FUNCTION refuse_reinstating();
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
DROP TRIGGER api_keys_stay_revoked ON api_keys;
DROP FUNCTION refuse_reinstating();
ALTER TABLE api_keys DROP CONSTRAINT api_keys_known_scopes, DROP COLUMN last_used_at;
`);
  }
}
