import { existsSync, renameSync } from 'node:fs';
import { openCheckpoint, type Checkpoint } from '../domain/checkpoint';
import { SYSTEM_ACTOR, type RequestOrigin } from '../domain/audit-entry';
import { TreeEdge } from '../domain/merkle';
import { ArchivesStore } from '../persistence/audit/archives.store';
import { appendAuditEntry } from '../persistence/audit/audit-log.store';
import type { Database } from '../persistence/sql/database';
import type { Sql } from '../persistence/sql/sql';
import type { RollbackGuard } from '../persistence/rollback/guard';
import { TreeReads } from '../persistence/audit/tree.reads';
import { CheckpointFiles } from './checkpoint-archive';
import { newestSigned, pathOf } from './archive-files';
import { ArchiveFaultError } from './archive-errors';
import { largestLost } from './lost-checkpoint';
import type { LogKey } from './log-key';
import { statement } from '../persistence/sql/statement';

/** What an operator accepted for one organization. */
export interface AcceptedRollback {
  readonly organizationId: number;
  readonly generation: number;
  readonly treeSize: number;
  readonly abandonedSize: number;
  /** The path that the archive's damaged file was moved to; null where it was not damaged. */
  readonly setAside: string | null;
}

/**
 * Another machine's archive holds newer checkpoints than the database and this archive. Accepted here, the record of
 * what was lost would be incomplete.
 */
class ArchiveAheadError extends Error {
  override readonly name = 'ArchiveAheadError';
}

interface AcceptOptions {
  readonly owner: Database;
  readonly guard: RollbackGuard;
  readonly folder: string;
  readonly key: LogKey;
  readonly reason: string;
  readonly origin: RequestOrigin;
  /** The id of another machine's archive that is lost, whose checkpoints are then disregarded; absent for none. */
  readonly givenUp?: string;
}

const ORGANIZATIONS = statement({
  name: 'organizations_of_rollback',
  text: 'SELECT id FROM organizations ORDER BY id',
});
/** No checkpoint may be added between reading a tree and writing the generation that continues it. */
const LOCK_CHECKPOINTS = statement({
  name: 'lock_checkpoints',
  text: 'LOCK TABLE audit_checkpoint IN SHARE ROW EXCLUSIVE MODE',
});
/** $1 is the newest generation that is known outside of the database, which may have lost it. */
const GENERATION = statement({
  name: 'next_generation',
  text: 'SELECT greatest(max(generation), $1::bigint) + 1 AS generation FROM audit_generation',
});

/**
 * Accepts the current state of the database and the archive: moves both sequences past all known ids and starts a new
 * generation of every organization's log, with an audit entry and a checkpoint that names what was abandoned. Damaged
 * archive files are set aside; the sealer writes them again. Any archive known to the database may be used, unless
 * another one holds newer checkpoints than that archive and the database.
 * @returns what was accepted, per organization
 * @throws {ArchiveAheadError} if another archive does; nothing is changed then
 */
export async function acceptRollback(options: AcceptOptions): Promise<readonly AcceptedRollback[]> {
  const { owner, folder } = options;
  const damaged = new Set<number>();
  const accepted = await owner.transaction(async (sql) => {
    const organizations = (await sql.query<{ id: number }>(ORGANIZATIONS, [])).map(({ id }) => id);
    await sql.query(LOCK_CHECKPOINTS, []);
    const archive = archiveOf(sql, options);
    for (const id of organizations) if (await isDamaged(archive, id)) damaged.add(id);
    const { givenUp } = options;
    if (givenUp !== undefined) await new ArchivesStore(sql).forget(givenUp, organizations);
    for (const id of organizations) await refuseIfBehind(sql, options, archive, id);
    if (damaged.size > 0) await acceptArchive(sql, archive, organizations, damaged);
    const known = await options.guard.latestGeneration(sql);
    const [row] = await sql.query<{ generation: number }>(GENERATION, [known]);
    const generation = row?.generation ?? 1;
    const results: AcceptedRollback[] = [];
    for (const id of organizations) {
      const lost = damaged.has(id)
        ? await newestLost(sql, options, id)
        : await largestLost(sql, folder, id, options.key.keys);
      results.push(await begin(sql, options, id, generation, lost));
    }
    // From here on the guard sees the new generation, and moves the sequences before any id is drawn.
    await options.guard.acceptRollback(sql, { isBlind: givenUp !== undefined });
    for (const result of results) await writeEntry(sql, options, result);
    return results;
  });
  return accepted.map((one) =>
    damaged.has(one.organizationId)
      ? { ...one, setAside: setAside(pathOf(folder, one.organizationId)) }
      : one,
  );
}

function archiveOf(sql: Sql, { folder, key }: AcceptOptions): CheckpointFiles {
  const [tree, archives] = [new TreeReads(sql), new ArchivesStore(sql)];
  return new CheckpointFiles({
    folder,
    tree,
    archives,
    keys: key.keys,
    isLeading: () => Promise.resolve(false),
  });
}

async function isDamaged(archive: CheckpointFiles, organizationId: number): Promise<boolean> {
  try {
    await archive.check(organizationId);
    return false;
  } catch (error) {
    return error instanceof ArchiveFaultError;
  }
}

async function refuseIfBehind(
  sql: Sql,
  { folder, key }: AcceptOptions,
  archive: CheckpointFiles,
  organizationId: number,
): Promise<void> {
  const stored = await new TreeReads(sql).latestCheckpoint({ organizationId });
  const archived = newestSigned(folder, organizationId, key.keys);
  const seen = Math.max(stored?.treeSize ?? 0, archived?.treeSize ?? 0);
  const [other] = await new ArchivesStore(sql).ahead(organizationId, await archive.id(), seen);
  if (other === undefined) return;
  const { archiveId, treeSize, toldAt } = other;
  throw new ArchiveAheadError(
    `Nothing was accepted: archive ${archiveId} of another machine has held organization ${String(organizationId)}'s checkpoint of size ${String(treeSize)} since ${toldAt}, while the database and ${folder} have ${String(seen)} at most. Run this command where that archive is (its id is in archive.json); only if it is lost, add --give-up-archive ${archiveId} here`,
  );
}

/** Registers the archive in the database for every organization, and as empty where its file is damaged. */
async function acceptArchive(
  sql: Sql,
  archive: CheckpointFiles,
  organizations: readonly number[],
  damaged: ReadonlySet<number>,
): Promise<void> {
  const [archives, id] = [new ArchivesStore(sql), await archive.id()];
  await archives.forget(id, [...damaged]);
  for (const organizationId of organizations) await archives.record(organizationId, id, 0, 0);
}

async function begin(
  sql: Sql,
  { key }: AcceptOptions,
  organizationId: number,
  generation: number,
  lost: Checkpoint | null,
): Promise<AcceptedRollback> {
  const tree = new TreeReads(sql);
  const latest = await tree.latestCheckpoint({ organizationId });
  const from = latest ?? { treeSize: 0, rootHash: new TreeEdge().root };
  const abandoned = lost ?? from;
  const note = key.signGeneration(organizationId, from.treeSize, from.rootHash, {
    number: generation,
    abandonedSize: abandoned.treeSize,
    abandonedRoot: abandoned.rootHash,
  });
  const archives = new ArchivesStore(sql);
  await archives.addGeneration(organizationId, generation, from, abandoned, note);
  const { treeSize } = from;
  await archives.settle(organizationId, treeSize);
  return { organizationId, generation, treeSize, abandonedSize: abandoned.treeSize, setAside: null };
}

/** Returns the newest checkpoint of a damaged file if the database lacks it. */
async function newestLost(
  sql: Sql,
  { folder, key }: AcceptOptions,
  organizationId: number,
): Promise<Checkpoint | null> {
  const newest = newestSigned(folder, organizationId, key.keys);
  if (newest === null) return null;
  const stored = await new TreeReads(sql).checkpointOfSize({ organizationId }, newest.treeSize);
  return stored?.rootHash.equals(newest.rootHash) === true ? null : newest;
}

async function writeEntry(
  sql: Sql,
  { reason, origin, folder, key }: AcceptOptions,
  { organizationId, generation, treeSize, abandonedSize }: AcceptedRollback,
): Promise<void> {
  const [last] = (await new ArchivesStore(sql).generations(organizationId)).slice(-1);
  const checkpoint = openCheckpoint(last?.note ?? '', key.keys);
  if (checkpoint?.generation === undefined) throw new Error(`${folder}: the new generation was not signed`);
  await appendAuditEntry(sql, {
    organizationId,
    actionType: 'rollback_accepted',
    actor: SYSTEM_ACTOR,
    details: `Rollback accepted: generation ${String(generation)} goes on from ${String(treeSize)} sealed entries; ${String(abandonedSize)} had been archived`,
    reason,
    origin,
    data: {
      generation,
      tree_size: treeSize,
      root_hash: checkpoint.rootHash.toString('base64'),
      abandoned_size: abandonedSize,
      abandoned_root: checkpoint.generation.abandonedRoot.toString('base64'),
    },
  });
}

/** Renames a damaged file. @returns its new path; null if there was no file */
function setAside(path: string): string | null {
  if (!existsSync(path)) return null;
  const aside = `${path}.${new Date().toISOString().replaceAll(':', '')}.damaged`;
  renameSync(path, aside);
  return aside;
}
