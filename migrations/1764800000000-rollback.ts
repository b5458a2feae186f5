import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What it takes to notice a database that was put back to an older state, and to never give an id twice.
 *
 * `next_fenced_id` is how a gateway draws ids: it refuses an id beyond what the gateway has reserved outside of the
 * database, and refuses to work on another server than the one that the gateway compared itself with. Both checks are in
 * the statement that uses the id, so that nothing can change between check and commit, through a pooler or not.
 */
export class Rollback1764800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
-- Which database this is. A restored backup has the same; backups from before this migration get it from their first entry.
CREATE TABLE database_identity (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  id uuid NOT NULL
);
INSERT INTO database_identity (id) VALUES (coalesce(
  (SELECT encode(substr(leaf_hash, 1, 16), 'hex')::uuid FROM audit_log ORDER BY id LIMIT 1), gen_random_uuid()));

-- One row per organization and accepted rollback: from which tree on it goes on, and which one was given up.
CREATE TABLE audit_generation (
  organization_id bigint NOT NULL,
  generation bigint NOT NULL CHECK (generation > 0),
  tree_size bigint NOT NULL CHECK (tree_size >= 0),
  root_hash bytea NOT NULL CHECK (length(root_hash) = 32),
  abandoned_size bigint NOT NULL CHECK (abandoned_size >= 0),
  abandoned_root bytea NOT NULL CHECK (length(abandoned_root) = 32),
  note text NOT NULL,
  accepted_at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  PRIMARY KEY (organization_id, generation)
);
CREATE TRIGGER audit_generation_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_generation
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

-- What each archive of checkpoints holds: its newest checkpoint and its length in bytes.
CREATE TABLE audit_archive (
  organization_id bigint NOT NULL,
  archive_id uuid NOT NULL,
  tree_size bigint NOT NULL,
  length bigint NOT NULL,
  archived_at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  PRIMARY KEY (organization_id, archive_id)
);

CREATE FUNCTION server_instance() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint || '/'
    || (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || 'audit_log'::regclass::oid
$$;

CREATE FUNCTION next_fenced_id(drawn_from regclass, reserved bigint, instance text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  drawn bigint;
BEGIN
  IF instance <> server_instance() THEN
    RAISE EXCEPTION 'this is another server than the one that was compared' USING ERRCODE = 'CS002';
  END IF;
  drawn := nextval(drawn_from);
  IF drawn > reserved THEN
    RAISE EXCEPTION 'id % is beyond what was reserved', drawn USING ERRCODE = 'CS001';
  END IF;
  RETURN drawn;
END $$;
`);
  }

  // Evidence of accepted rollbacks is never taken back.
  down(): Promise<void> {
    return Promise.reject(new Error('This migration is not reversible; restore a backup instead'));
  }
}
