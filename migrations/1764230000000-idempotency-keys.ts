import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What requests came to that may be sent again: the outcome's facts, for a day (contract 2.5). */
export class IdempotencyKeys1764230000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE idempotency_keys (
  organization_id bigint NOT NULL REFERENCES organizations,
  principal_kind text NOT NULL CHECK (principal_kind IN ('user', 'api_key')),
  principal_id bigint NOT NULL,
  key text NOT NULL CHECK (key <> ''),
  request_hash text NOT NULL CHECK (length(request_hash) = 64),
  outcome jsonb NOT NULL CHECK (jsonb_typeof(outcome) = 'object'),
  created_at timestamptz(3) NOT NULL,
  PRIMARY KEY (organization_id, principal_kind, principal_id, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE idempotency_keys');
  }
}
