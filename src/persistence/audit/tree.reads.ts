import { keptUnder, TreeEdge, type Hash, type Subtree } from '../../domain/merkle';
import type { Tenant } from '../../domain/principal';
import type { Sql } from '../sql/sql';
import { statement } from '../sql/statement';

/** A stored signed checkpoint. */
export interface StoredCheckpoint {
  readonly treeSize: number;
  readonly rootHash: Hash;
  /** The signed note. */
  readonly note: string;
  readonly sealedAt: Date;
}

/** An entry's position in the tree. */
export interface SealedLeaf {
  readonly leafIndex: number;
  readonly leafHash: Hash;
}

const CHECKPOINT_COLUMNS = 'tree_size AS "treeSize", root_hash AS "rootHash", note, sealed_at AS "sealedAt"';

const LATEST_CHECKPOINT = statement({
  name: 'latest_checkpoint',
  share: 'read',
  text: `SELECT ${CHECKPOINT_COLUMNS} FROM audit_checkpoint WHERE organization_id = $1 ORDER BY tree_size DESC LIMIT 1`,
});

const CHECKPOINT_OF_SIZE = statement({
  name: 'checkpoint_of_size',
  share: 'read',
  text: `SELECT ${CHECKPOINT_COLUMNS} FROM audit_checkpoint WHERE organization_id = $1 AND tree_size = $2`,
});

const CHECKPOINTS_AFTER = statement({
  name: 'checkpoints_after',
  share: 'read',
  text: `SELECT ${CHECKPOINT_COLUMNS} FROM audit_checkpoint
    WHERE organization_id = $1 AND tree_size > $2 ORDER BY tree_size LIMIT $3`,
});

const LEAF_OF_ENTRY = statement({
  name: 'leaf_of_entry',
  share: 'read',
  text: `SELECT leaf_index AS "leafIndex", leaf_hash AS "leafHash" FROM audit_leaf
    WHERE organization_id = $1 AND audit_id = $2`,
});

const CANONICAL_OF_ENTRY = statement({
  name: 'canonical_of_entry',
  share: 'read',
  text: 'SELECT canonical FROM audit_log WHERE organization_id = $1 AND id = $2',
});

const LEAVES_BETWEEN = statement({
  name: 'leaves_between',
  share: 'read',
  text: `SELECT coalesce(min(leaf.leaf_index), 0) AS "from", coalesce(max(leaf.leaf_index) + 1, 0) AS "to"
    FROM audit_log l JOIN audit_leaf leaf ON leaf.organization_id = $1 AND leaf.audit_id = l.id
    WHERE l.organization_id = $1 AND ($2::timestamptz IS NULL OR l."timestamp" >= $2)
      AND ($3::timestamptz IS NULL OR l."timestamp" < $3)`,
});

/**
 * $1 organization, $2 levels, $3 indices. Each hash is looked up separately, and the statement is planned on every
 * execution: a plan made for a small tree would scan the whole grown tree once per hash.
 */
const KEPT_HASHES = statement({
  name: 'kept_hashes',
  share: 'read',
  isOneOff: true,
  text: `SELECT CASE asked.level
      WHEN 0 THEN (SELECT leaf_hash FROM audit_leaf WHERE organization_id = $1 AND leaf_index = asked.index)
      ELSE (SELECT hash FROM audit_node WHERE organization_id = $1 AND level = asked.level AND node_index = asked.index)
    END AS hash
    FROM unnest($2::smallint[], $3::bigint[]) WITH ORDINALITY asked(level, index, n) ORDER BY asked.n`,
});

/** Reads an organization's Merkle tree. */
export class TreeReads {
  constructor(private readonly sql: Sql) {}

  /** Returns the newest checkpoint, or null before the first. One statement. */
  async latestCheckpoint({ organizationId }: Tenant): Promise<StoredCheckpoint | null> {
    return first(
      await this.sql.query<StoredCheckpoint & Record<string, unknown>>(LATEST_CHECKPOINT, [organizationId]),
    );
  }

  /** Returns the checkpoint of exactly this size, or null. One statement. */
  async checkpointOfSize({ organizationId }: Tenant, treeSize: number): Promise<StoredCheckpoint | null> {
    const values = [organizationId, treeSize];
    return first(
      await this.sql.query<StoredCheckpoint & Record<string, unknown>>(CHECKPOINT_OF_SIZE, values),
    );
  }

  /** Returns the next checkpoints of larger trees, smallest first. One statement. */
  async checkpointsAfter(
    { organizationId }: Tenant,
    treeSize: number,
    limit: number,
  ): Promise<readonly StoredCheckpoint[]> {
    const values = [organizationId, treeSize, limit];
    return this.sql.query<StoredCheckpoint & Record<string, unknown>>(CHECKPOINTS_AFTER, values);
  }

  /** Returns an entry's position in the tree, or null while it is unsealed. One statement. */
  async leafOf({ organizationId }: Tenant, auditId: number): Promise<SealedLeaf | null> {
    return first(
      await this.sql.query<SealedLeaf & Record<string, unknown>>(LEAF_OF_ENTRY, [organizationId, auditId]),
    );
  }

  /** Returns an entry's canonical bytes, or null. One statement. */
  async canonicalOf({ organizationId }: Tenant, auditId: number): Promise<Buffer | null> {
    const values = [organizationId, auditId];
    const [row] = await this.sql.query<{ canonical: Buffer }>(CANONICAL_OF_ENTRY, values);
    return row?.canonical ?? null;
  }

  /** Returns the range of leaves that covers every sealed entry in [from, to). One statement. */
  async leavesBetween(
    { organizationId }: Tenant,
    from: Date | null,
    to: Date | null,
  ): Promise<{ readonly from: number; readonly to: number }> {
    const [range] = await this.sql.query<{ from: number; to: number }>(LEAVES_BETWEEN, [
      organizationId,
      from,
      to,
    ]);
    return range ?? { from: 0, to: 0 };
  }

  /**
   * Returns the hashes of perfect subtrees, in their order. One statement.
   * @throws {Error} where the tree lacks one
   */
  async hashesOf(tenant: Tenant, subtrees: readonly Subtree[]): Promise<readonly Hash[]> {
    const parts = subtrees.map(keptUnder);
    const hashes = [...(await this.keptHashes(tenant, parts.flat()))];
    return parts.map((part) => rootOf(hashes.splice(0, part.length)));
  }

  private async keptHashes(
    { organizationId }: Tenant,
    subtrees: readonly Subtree[],
  ): Promise<readonly Hash[]> {
    if (subtrees.length === 0) return [];
    const rows = await this.sql.query<{ hash: Hash | null }>(KEPT_HASHES, [
      organizationId,
      subtrees.map(({ level }) => level),
      subtrees.map(({ index }) => index),
    ]);
    return rows.map(({ hash }) => {
      if (hash === null) throw new Error(`The tree of organization ${String(organizationId)} lacks a node`);
      return hash;
    });
  }
}

/** Returns the root over neighboring subtrees of one level, of which it is an ancestor. */
function rootOf(hashes: readonly Hash[]): Hash {
  const edge = new TreeEdge();
  for (const hash of hashes) edge.append(hash);
  return edge.root;
}

function first<T>([row]: readonly T[]): T | null {
  return row ?? null;
}
