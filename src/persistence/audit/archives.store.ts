import type { Hash } from '../../domain/merkle';
import type { Sql } from '../sql/sql';
import { statement } from '../sql/statement';

/** An accepted rollback in an organization's log. */
export interface StoredGeneration {
  readonly generation: number;
  /** Size of the tree that the log continues from. */
  readonly treeSize: number;
  readonly rootHash: Hash;
  /** The newest archived checkpoint that the database no longer held; where there was none, the tree above. */
  readonly abandonedSize: number;
  readonly abandonedRoot: Hash;
  /** The signed checkpoint, with its extension. */
  readonly note: string;
}

/** What the database knows about the archives of an organization's checkpoints. */
export interface KnownArchive {
  /** Minimum length of this archive in bytes; null if the database does not know it for this organization. */
  readonly length: number | null;
  /** Whether the database knows this archive for any organization. */
  readonly isKnown: boolean;
  /** Number of other archives known for this organization. */
  readonly others: number;
  /** Size of the largest tree of which another archive holds a checkpoint; 0 where there is none. */
  readonly largestElsewhere: number;
}

/** An archive of another machine with checkpoints that are missing here. */
export interface ArchiveAhead {
  readonly archiveId: string;
  readonly treeSize: number;
  /** When the archive was recorded, in UTC. */
  readonly toldAt: string;
}

const GENERATIONS = statement({
  name: 'generations',
  text: `SELECT generation, tree_size AS "treeSize", root_hash AS "rootHash", abandoned_size AS "abandonedSize",
      abandoned_root AS "abandonedRoot", note
    FROM audit_generation
    WHERE organization_id = $1 ORDER BY generation`,
});

const KNOWN_ARCHIVE = statement({
  name: 'known_archive',
  text: `SELECT (SELECT length FROM audit_archive WHERE organization_id = $1 AND archive_id = $2) AS length,
      EXISTS (SELECT FROM audit_archive WHERE archive_id = $2) AS "isKnown",
      others, "largestElsewhere"
    FROM (SELECT count(*) AS others, coalesce(max(tree_size), 0) AS "largestElsewhere"
      FROM audit_archive WHERE organization_id = $1 AND archive_id <> $2) AS elsewhere`,
});

/** The length only grows: a sealer that was overtaken changes nothing. */
const RECORD_ARCHIVED = statement({
  name: 'record_archived',
  text: `INSERT INTO audit_archive AS known (organization_id, archive_id, tree_size, length) VALUES ($1, $2, $3, $4)
    ON CONFLICT (organization_id, archive_id) DO UPDATE
      SET tree_size = excluded.tree_size, length = excluded.length, archived_at = excluded.archived_at
      WHERE known.length < excluded.length`,
});

/** Adds an empty archive for every organization, once another archive is known. */
const JOIN = statement({
  name: 'join_archive',
  text: `INSERT INTO audit_archive (organization_id, archive_id, tree_size, length)
    SELECT id, $1::uuid, 0, 0 FROM organizations WHERE EXISTS (SELECT FROM audit_archive)
    ON CONFLICT (organization_id, archive_id) DO NOTHING`,
});

const AHEAD = statement({
  name: 'archives_ahead',
  text: `SELECT archive_id::text AS "archiveId", tree_size AS "treeSize", to_char(archived_at AT TIME ZONE 'UTC',
      'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "toldAt"
    FROM audit_archive WHERE organization_id = $1 AND archive_id <> $2 AND tree_size > $3 ORDER BY tree_size DESC, archive_id`,
});

const BEHIND = statement({
  name: 'organizations_behind',
  text: `SELECT DISTINCT a.organization_id AS id FROM audit_archive a WHERE a.tree_size > coalesce(
      (SELECT max(c.tree_size) FROM audit_checkpoint c WHERE c.organization_id = a.organization_id), 0)`,
});

const SETTLE = statement({
  name: 'settle_archives',
  text: 'UPDATE audit_archive SET tree_size = $2 WHERE organization_id = $1 AND tree_size > $2',
});

const FORGET = statement({
  name: 'forget_archive',
  text: 'DELETE FROM audit_archive WHERE archive_id = $1 AND organization_id = ANY($2::bigint[])',
});

const DATABASE_ID = statement({
  name: 'database_id',
  text: 'SELECT id::text AS id FROM database_identity',
});

const ADD_GENERATION = statement({
  name: 'add_generation',
  text: `INSERT INTO audit_generation (organization_id, generation, tree_size, root_hash, abandoned_size, abandoned_root, note)
    VALUES ($1, $2, $3, $4, $5, $6, $7)`,
});

/** The database's record of checkpoint archives. Written over the owner's connection. */
export class ArchivesStore {
  constructor(private readonly sql: Sql) {}

  /** Returns the accepted rollbacks of an organization's log, oldest first. */
  generations(organizationId: number): Promise<readonly StoredGeneration[]> {
    return this.sql.query<StoredGeneration & Record<string, unknown>>(GENERATIONS, [organizationId]);
  }

  async known(organizationId: number, archiveId: string): Promise<KnownArchive> {
    const values = [organizationId, archiveId];
    const [row] = await this.sql.query<KnownArchive & Record<string, unknown>>(KNOWN_ARCHIVE, values);
    return row ?? { length: null, isKnown: false, others: 0, largestElsewhere: 0 };
  }

  /** Records an archive's content. Call it once the content is on disk. */
  async record(organizationId: number, archiveId: string, treeSize: number, length: number): Promise<void> {
    await this.sql.query(RECORD_ARCHIVED, [organizationId, archiveId, treeSize, length]);
  }

  /**
   * Makes an archive known that is still to be filled.
   * @returns whether it is known afterwards; false while no archive was recorded at all
   */
  async join(archiveId: string): Promise<boolean> {
    await this.sql.query(JOIN, [archiveId]);
    // No organization has the id 0, so only `isKnown` is meaningful.
    return (await this.known(0, archiveId)).isKnown;
  }

  /** Deletes the record of an archive whose files have changed. */
  async forget(archiveId: string, organizationIds: readonly number[]): Promise<void> {
    await this.sql.query(FORGET, [archiveId, organizationIds]);
  }

  /** Returns other archives that hold a larger tree, largest first. */
  ahead(organizationId: number, archiveId: string, treeSize: number): Promise<readonly ArchiveAhead[]> {
    const values = [organizationId, archiveId, treeSize];
    return this.sql.query<ArchiveAhead & Record<string, unknown>>(AHEAD, values);
  }

  /** Returns the organizations of which an archive holds a larger tree than the database. */
  async behind(): Promise<readonly number[]> {
    return (await this.sql.query<{ id: number }>(BEHIND, [])).map(({ id }) => id);
  }

  /** Records that no archive is ahead of this tree any more: what lies beyond it was abandoned. */
  async settle(organizationId: number, treeSize: number): Promise<void> {
    await this.sql.query(SETTLE, [organizationId, treeSize]);
  }

  /** Returns the identity of the database, which a restored backup shares. */
  async databaseId(): Promise<string> {
    const [row] = await this.sql.query<{ id: string }>(DATABASE_ID, []);
    return row?.id ?? '';
  }

  async addGeneration(
    organizationId: number,
    generation: number,
    tree: { readonly treeSize: number; readonly rootHash: Hash },
    abandoned: { readonly treeSize: number; readonly rootHash: Hash },
    note: string,
  ): Promise<void> {
    const trees = [tree.treeSize, tree.rootHash, abandoned.treeSize, abandoned.rootHash];
    await this.sql.query(ADD_GENERATION, [organizationId, generation, ...trees, note]);
  }
}
