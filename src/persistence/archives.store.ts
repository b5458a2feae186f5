import type { Hash } from '../domain/merkle';
import type { Sql, Statement } from './database';

/** An accepted rollback, as an organization's log has it. */
export interface StoredGeneration {
  readonly generation: number;
  /** The tree that the log goes on from. */
  readonly treeSize: number;
  /** The signed checkpoint, with its extension. */
  readonly note: string;
}

/** What the database knows of the archives of an organization's checkpoints. */
export interface KnownArchive {
  /** Bytes that this archive holds at least; null if the database does not know it for this organization. */
  readonly length: number | null;
  /** Whether the database knows this archive, for whatever organization. */
  readonly isKnown: boolean;
  /** How many other archives it knows for this organization. */
  readonly others: number;
}

/** An archive of another machine that holds checkpoints which nobody has here. */
export interface ArchiveAhead {
  readonly archiveId: string;
  readonly treeSize: number;
  /** When the database was told, in UTC. */
  readonly toldAt: string;
}

const GENERATIONS: Statement = {
  name: 'generations',
  text: `SELECT generation, tree_size AS "treeSize", note FROM audit_generation
    WHERE organization_id = $1 ORDER BY generation`,
};

const KNOWN_ARCHIVE: Statement = {
  name: 'known_archive',
  text: `SELECT (SELECT length FROM audit_archive WHERE organization_id = $1 AND archive_id = $2) AS length,
      EXISTS (SELECT FROM audit_archive WHERE archive_id = $2) AS "isKnown",
      (SELECT count(*) FROM audit_archive WHERE organization_id = $1 AND archive_id <> $2) AS others`,
};

/** It only grows: a sealer that was overtaken says nothing new. */
const RECORD_ARCHIVED: Statement = {
  name: 'record_archived',
  text: `INSERT INTO audit_archive AS known (organization_id, archive_id, tree_size, length) VALUES ($1, $2, $3, $4)
    ON CONFLICT (organization_id, archive_id) DO UPDATE
      SET tree_size = excluded.tree_size, length = excluded.length, archived_at = excluded.archived_at
      WHERE known.length < excluded.length`,
};

/** An archive that is empty still, of every organization, once another archive is known. */
const JOIN: Statement = {
  name: 'join_archive',
  text: `INSERT INTO audit_archive (organization_id, archive_id, tree_size, length)
    SELECT id, $1::uuid, 0, 0 FROM organizations WHERE EXISTS (SELECT FROM audit_archive)
    ON CONFLICT (organization_id, archive_id) DO NOTHING`,
};

const AHEAD: Statement = {
  name: 'archives_ahead',
  text: `SELECT archive_id::text AS "archiveId", tree_size AS "treeSize", to_char(archived_at AT TIME ZONE 'UTC',
      'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "toldAt"
    FROM audit_archive WHERE organization_id = $1 AND archive_id <> $2 AND tree_size > $3 ORDER BY tree_size DESC, archive_id`,
};

const SETTLE: Statement = {
  name: 'settle_archives',
  text: 'UPDATE audit_archive SET tree_size = $2 WHERE organization_id = $1 AND tree_size > $2',
};

const FORGET: Statement = {
  name: 'forget_archive',
  text: 'DELETE FROM audit_archive WHERE archive_id = $1 AND organization_id = ANY($2::bigint[])',
};

const DATABASE_ID: Statement = {
  name: 'database_id',
  text: 'SELECT id::text AS id FROM database_identity',
};

const ADD_GENERATION: Statement = {
  name: 'add_generation',
  text: `INSERT INTO audit_generation (organization_id, generation, tree_size, root_hash, abandoned_size, abandoned_root, note)
    VALUES ($1, $2, $3, $4, $5, $6, $7)`,
};

/** The database's side of the archives of checkpoints. Written with the owner's connection. */
export class ArchivesStore {
  constructor(private readonly sql: Sql) {}

  /** Accepted rollbacks of an organization's log, oldest first. */
  generations(organizationId: number): Promise<readonly StoredGeneration[]> {
    return this.sql.query<StoredGeneration & Record<string, unknown>>(GENERATIONS, [organizationId]);
  }

  async known(organizationId: number, archiveId: string): Promise<KnownArchive> {
    const values = [organizationId, archiveId];
    const [row] = await this.sql.query<KnownArchive & Record<string, unknown>>(KNOWN_ARCHIVE, values);
    return row ?? { length: null, isKnown: false, others: 0 };
  }

  /** Notes what an archive holds, once it is on disk. */
  async record(organizationId: number, archiveId: string, treeSize: number, length: number): Promise<void> {
    await this.sql.query(RECORD_ARCHIVED, [organizationId, archiveId, treeSize, length]);
  }

  /**
   * Makes an archive known that is still to be filled.
   * @returns whether it is known from then on: not while nothing was archived by anybody
   */
  async join(archiveId: string): Promise<boolean> {
    await this.sql.query(JOIN, [archiveId]);
    // No organization has the id 0: only whether the archive is known at all is asked.
    return (await this.known(0, archiveId)).isKnown;
  }

  /** Takes back what is known of an archive, whose files are no longer what they were. */
  async forget(archiveId: string, organizationIds: readonly number[]): Promise<void> {
    await this.sql.query(FORGET, [archiveId, organizationIds]);
  }

  /** Other archives than this one that hold a larger tree, the largest first. */
  ahead(organizationId: number, archiveId: string, treeSize: number): Promise<readonly ArchiveAhead[]> {
    const values = [organizationId, archiveId, treeSize];
    return this.sql.query<ArchiveAhead & Record<string, unknown>>(AHEAD, values);
  }

  /** Counts no archive as ahead of this tree any more: what lies behind it was given up. */
  async settle(organizationId: number, treeSize: number): Promise<void> {
    await this.sql.query(SETTLE, [organizationId, treeSize]);
  }

  /** The identity of the database, which a restored backup shares. */
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
