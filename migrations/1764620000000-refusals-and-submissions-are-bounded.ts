import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What each principal may leave behind has a bound: denied attempts per minute, told apart by verdict, and actions that
 * wait for a decision.
 */
export class RefusalsAndSubmissionsAreBounded1764620000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
-- Its rows count for a minute: none is worth telling apart afterwards.
DELETE FROM refusal_throttle;
ALTER TABLE refusal_throttle ADD COLUMN verdict text NOT NULL CHECK (verdict IN ('approve', 'reject')),
  DROP CONSTRAINT refusal_throttle_pkey,
  ADD PRIMARY KEY (organization_id, actor_kind, actor_id, action_id, refusal_code, verdict);

-- How many denied attempts of a principal were recorded in a minute, and how many were left out.
CREATE TABLE refusal_windows (
  organization_id bigint NOT NULL,
  actor_kind text NOT NULL CHECK (actor_kind IN ('user', 'api_key')),
  actor_id bigint NOT NULL,
  verdict text NOT NULL CHECK (verdict IN ('approve', 'reject')),
  minute timestamptz(3) NOT NULL,
  on_behalf_of bigint,
  recorded integer NOT NULL,
  omitted integer NOT NULL,
  is_full boolean NOT NULL,
  refusal_code text NOT NULL,
  PRIMARY KEY (organization_id, actor_kind, actor_id, verdict, minute)
);
CREATE INDEX refusal_windows_by_age ON refusal_windows (minute);

CREATE INDEX actions_pending_by_submitter ON actions (organization_id, submitted_by, coalesce(submitted_by_api_key, 0))
  WHERE status = 'pending_approval';
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
DROP INDEX actions_pending_by_submitter;
DROP TABLE refusal_windows;
DELETE FROM refusal_throttle;
ALTER TABLE refusal_throttle DROP CONSTRAINT refusal_throttle_pkey, DROP COLUMN verdict,
  ADD PRIMARY KEY (organization_id, actor_kind, actor_id, action_id, refusal_code);
`);
  }
}
