import { closeSync } from 'node:fs';
import type { Checkpoint } from '../domain/checkpoint';
import type { NoteKey } from '../domain/signed-note';
import { ArchivesStore } from '../persistence/audit/archives.store';
import { TreeReads } from '../persistence/audit/tree.reads';
import type { Sql } from '../persistence/sql/sql';
import { compareNotes } from './archive-comparison';
import { openIfThere, pathOf } from './archive-files';
import { ExpectedNotes } from './expected-notes';

/**
 * Returns the largest checkpoint of an organization's archive file that the database lacks and that no accepted rollback
 * abandoned; null where there is none.
 * @param folder AUDIT_ARCHIVE_DIR
 * @throws {ArchiveFaultError} if the file is damaged
 */
export async function largestLost(
  sql: Sql,
  folder: string,
  organizationId: number,
  keys: readonly NoteKey[],
): Promise<Checkpoint | null> {
  const path = pathOf(folder, organizationId);
  const file = openIfThere(path);
  if (file === null) return null;
  const tree = new TreeReads(sql);
  const expected = new ExpectedNotes(tree, new ArchivesStore(sql), organizationId, null);
  const lost: Checkpoint[] = [];
  try {
    await compareNotes(file, path, expected, tree, keys, (checkpoint) => lost.push(checkpoint));
  } finally {
    closeSync(file);
  }
  return lost.reduce<Checkpoint | null>(
    (largest, one) => (largest === null || one.treeSize >= largest.treeSize ? one : largest),
    null,
  );
}
