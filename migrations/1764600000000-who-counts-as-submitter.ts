import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Whoever made an API key holds it as its owner does, so that both count as submitters of what comes with it. The audit
 * log knows who made the keys that there are; an operator's are nobody's.
 */
export class WhoCountsAsSubmitter1764600000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE api_keys ADD COLUMN created_by bigint,
  ADD FOREIGN KEY (organization_id, created_by) REFERENCES users;
ALTER TABLE actions ADD COLUMN api_key_created_by bigint;

UPDATE api_keys k SET created_by = l.actor_id FROM audit_log l
WHERE l.organization_id = k.organization_id AND l.action_type = 'api_key_created' AND l.actor_kind = 'user'
  AND (l.data ->> 'api_key_id')::bigint = k.id;
UPDATE actions a SET api_key_created_by = k.created_by FROM api_keys k
WHERE a.status = 'pending_approval' AND k.organization_id = a.organization_id AND k.id = a.submitted_by_api_key
  AND k.created_by IS NOT NULL;
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE actions DROP COLUMN api_key_created_by;
ALTER TABLE api_keys DROP COLUMN created_by;
`);
  }
}
