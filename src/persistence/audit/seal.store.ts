import { isKept, TreeEdge, peaksOf, type Hash } from '../../domain/merkle';
import type { RootSigner, SealStore } from '../../use-cases/seal-audit-log';
import type { Session, Sql, Statement } from '../sql/sql';
import { ArchivesStore } from './archives.store';
import { TreeReads } from './tree.reads';
import { statement } from '../sql/statement';

/** Advisory lock of the sealing session: of all sessions of the database, only its holder seals. */
const SEALER_LOCK = 4_702_610_317;

const TRY_LEAD = statement({
  name: 'try_lead',
  text: 'SELECT pg_try_advisory_lock($1::bigint) AS leads',
});

/** pg_locks shows the upper and the lower half of a lock's number separately. */
const IS_LEADING = statement({
  name: 'is_leading',
  text: `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted AND objsubid = 1
    AND classid::bigint = $1::bigint >> 32 AND objid::bigint = $1::bigint & 4294967295) AS leads`,
});

/** Returns SQL for the organizations in a table. It skips from one to the next, so the table's size does not matter. */
const organizationsIn = (table: string): string => `WITH RECURSIVE found AS (
      (SELECT organization_id FROM ${table} ORDER BY organization_id LIMIT 1)
      UNION ALL
      SELECT (SELECT t.organization_id FROM ${table} t WHERE t.organization_id > f.organization_id
        ORDER BY t.organization_id LIMIT 1)
      FROM found f WHERE f.organization_id IS NOT NULL
    )
    SELECT organization_id AS id FROM found WHERE organization_id IS NOT NULL`;

const WAITING = statement({ name: 'organizations_to_seal', text: organizationsIn('audit_pending') });
const SEALED = statement({ name: 'organizations_sealed', text: organizationsIn('audit_checkpoint') });

/**
 * Moves the oldest queued entries into the tree, in the order of their ids: $1 organization, $2 index of the first
 * leaf, $3 maximum number.
 * The inner LIMIT 1 forces one lookup by key per entry. The planner misjudges a queue that fills and empties all the
 * time, and must never scan the log beside it. Planned on every execution, or it would keep a plan that was best for a
 * log of ten entries. A queued id without an entry stays in the queue. The primary key of the leaves is the fence: of
 * two concurrent sealers, the second to commit fails completely.
 */
export const SEAL_ENTRIES = statement({
  name: 'seal_entries',
  isOneOff: true,
  text: `WITH next AS MATERIALIZED (
      SELECT l.id, l.leaf_hash FROM audit_pending p CROSS JOIN LATERAL (
        SELECT id, leaf_hash FROM audit_log WHERE organization_id = $1 AND id = p.audit_id LIMIT 1) l
      WHERE p.organization_id = $1 ORDER BY p.audit_id LIMIT $3
    ),
    taken AS (
      DELETE FROM audit_pending WHERE organization_id = $1 AND audit_id = ANY(ARRAY(SELECT id FROM next))
    ),
    leaves AS (
      INSERT INTO audit_leaf (organization_id, leaf_index, audit_id, leaf_hash)
      SELECT $1, $2::bigint + row_number() OVER (ORDER BY id) - 1, id, leaf_hash FROM next
    )
    SELECT leaf_hash AS "leafHash" FROM next ORDER BY id`,
});

/** $1 organization, $2 and $3 levels and indices of nodes, $4 their hashes, $5 tree size, $6 root, $7 note. */
const SIGN = statement({
  name: 'sign',
  text: `WITH nodes AS (
      INSERT INTO audit_node (organization_id, level, node_index, hash)
      SELECT $1, level, index, hash FROM unnest($2::smallint[], $3::bigint[], $4::bytea[]) AS n(level, index, hash)
    )
    INSERT INTO audit_checkpoint (organization_id, tree_size, root_hash, note) VALUES ($1, $5, $6, $7)`,
});

/** The sealer's storage, over a connection of its own. */
export class SealSqlStore implements SealStore {
  constructor(private readonly session: Session) {}

  async tryLead(): Promise<boolean> {
    const [row] = await this.session.query<{ leads: boolean }>(TRY_LEAD, [SEALER_LOCK]);
    return row?.leads === true;
  }

  /** Whether this session still holds the sealer lock. One statement. */
  async isLeading(): Promise<boolean> {
    const [row] = await this.session.query<{ leads: boolean }>(IS_LEADING, [SEALER_LOCK]);
    return row?.leads === true;
  }

  waiting(): Promise<readonly number[]> {
    return this.organizations(WAITING);
  }

  sealed(): Promise<readonly number[]> {
    return this.organizations(SEALED);
  }

  seal(organizationId: number, limit: number, signer: RootSigner): Promise<number> {
    return this.session.transactionIf(
      (sql) => sealNext(sql, organizationId, limit, signer),
      (sealed) => sealed > 0,
    );
  }

  get tree(): TreeReads {
    return new TreeReads(this.session);
  }

  get archives(): ArchivesStore {
    return new ArchivesStore(this.session);
  }

  private async organizations(statement: Statement): Promise<readonly number[]> {
    const rows = await this.session.query<{ id: number }>(statement, []);
    return rows.map(({ id }) => id);
  }
}

async function sealNext(
  sql: Sql,
  organizationId: number,
  limit: number,
  signer: RootSigner,
): Promise<number> {
  const edge = await edgeOf(new TreeReads(sql), organizationId, signer);
  const leaves = await sql.query<{ leafHash: Hash }>(SEAL_ENTRIES, [organizationId, edge.size, limit]);
  if (leaves.length === 0) return 0;
  const nodes = leaves
    .flatMap(({ leafHash }) => edge.append(leafHash))
    .filter(({ subtree }) => isKept(subtree));
  await sql.query(SIGN, [
    organizationId,
    nodes.map(({ subtree }) => subtree.level),
    nodes.map(({ subtree }) => subtree.index),
    nodes.map(({ hash }) => hash),
    edge.size,
    edge.root,
    signer.signRoot(organizationId, edge.size, edge.root),
  ]);
  return leaves.length;
}

/**
 * Returns the tree at the newest checkpoint.
 * @throws {Error} where its nodes no longer produce the signed root, or another key or log signed it: a checkpoint on
 * top would fork the log
 */
async function edgeOf(tree: TreeReads, organizationId: number, signer: RootSigner): Promise<TreeEdge> {
  const checkpoint = await tree.latestCheckpoint({ organizationId });
  const size = checkpoint?.treeSize ?? 0;
  const edge = new TreeEdge(size, await tree.hashesOf({ organizationId }, peaksOf(size)));
  if (checkpoint === null) return edge;
  if (!edge.root.equals(checkpoint.rootHash))
    throw new Error(`The tree of organization ${String(organizationId)} is not the one that was signed`);
  if (!signer.hasSigned(organizationId, size, edge.root, checkpoint.note))
    throw new Error(
      `The newest checkpoint of organization ${String(organizationId)} is of another key or log: see AUDIT_EARLIER_KEYS and AUDIT_LOG_NAME`,
    );
  return edge;
}
