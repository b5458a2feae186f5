import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The sealed audit log: per organization, an RFC 6962 tree over its entries and the checkpoints signed over it. */
export class SealedAuditLog1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE audit_leaf (
  organization_id bigint NOT NULL REFERENCES organizations,
  leaf_index bigint NOT NULL CHECK (leaf_index >= 0),
  audit_id bigint NOT NULL,
  leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32),
  PRIMARY KEY (organization_id, leaf_index),
  UNIQUE (organization_id, audit_id),
  FOREIGN KEY (organization_id, audit_id) REFERENCES audit_log
);

-- Perfect subtrees above the leaves: level 1 covers two of them.
CREATE TABLE audit_node (
  organization_id bigint NOT NULL REFERENCES organizations,
  level smallint NOT NULL CHECK (level >= 1),
  node_index bigint NOT NULL CHECK (node_index >= 0),
  hash bytea NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (organization_id, level, node_index)
);

CREATE TABLE audit_checkpoint (
  organization_id bigint NOT NULL REFERENCES organizations,
  tree_size bigint NOT NULL CHECK (tree_size > 0),
  root_hash bytea NOT NULL CHECK (length(root_hash) = 32),
  note text NOT NULL,
  sealed_at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  PRIMARY KEY (organization_id, tree_size)
);

CREATE TRIGGER audit_leaf_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_leaf
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER audit_node_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_node
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER audit_checkpoint_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
`);
  }

  // What was sealed is evidence: there is no way back but a restored backup.
  down(): Promise<void> {
    return Promise.reject(new Error('This migration is not reversible; restore a backup instead'));
  }
}
