import { openCheckpoint, type Checkpoint } from '../domain/checkpoint';
import type { NoteKey } from '../domain/signed-note';
import type { TreeReads } from '../persistence/audit/tree.reads';
import { ArchiveFaultError, rolledBack } from './archive-errors';
import { notesOf } from './archive-notes';
import type { ExpectedNote, ExpectedNotes } from './expected-notes';

/**
 * Compares an archive's file with what the database expects of it, from its beginning.
 * @param path the file's path, for messages
 * @param onLost called with every archived checkpoint that the database lacks
 * @returns the end of the last complete note, in bytes, and the last note that the database has
 * @throws {RolledBackError} if the database lacks an archived checkpoint and there is no `onLost`
 * @throws {ArchiveFaultError} if the file is damaged
 */
export async function compareNotes(
  file: number,
  path: string,
  expected: ExpectedNotes,
  tree: TreeReads,
  keys: readonly NoteKey[],
  onLost?: (checkpoint: Checkpoint) => void,
): Promise<{ readonly length: number; readonly last: ExpectedNote | null }> {
  const { organizationId } = expected;
  let [length, last]: [number, ExpectedNote | null] = [0, null];
  for (const { text, end, isWhole } of notesOf(file)) {
    const next = await expected.next();
    if (!isWhole) {
      // A write that a crash cut off is the beginning of the next note, and is written again.
      if (next !== null && `${next.note}\n`.startsWith(text)) break;
      const opened = openCheckpoint(text, keys);
      if (opened !== null) throw rolledBack(text, organizationId);
      if (next === null && isBeginningOfNote(text)) break;
      throw new ArchiveFaultError(`${path} does not end in a checkpoint`);
    }
    if (next?.note === text) {
      [length, last] = [end, next];
      continue;
    }
    const opened = openCheckpoint(text, keys);
    if (opened === null) throw new ArchiveFaultError(`${path} was altered before byte ${String(end)}`);
    const stored = await tree.checkpointOfSize({ organizationId }, opened.treeSize);
    if (next !== null && stored?.note === text)
      throw new ArchiveFaultError(`${path} lacks the checkpoint of size ${String(next.treeSize)}`);
    if (!(await expected.isAbandoned(opened, last?.generation ?? 0))) {
      if (onLost === undefined) throw rolledBack(text, organizationId);
      onLost(opened);
    }
    // What the database has instead may follow in the file.
    expected.putBack(next);
    length = end;
  }
  return { length, last };
}

/**
 * Returns whether a text could be the beginning of a note whose checkpoint was lost with the database: printable lines.
 */
function isBeginningOfNote(text: string): boolean {
  return (
    text.length < 4_096 &&
    text.isWellFormed() &&
    !text.includes('\uFFFD') &&
    /^[^\s]+\/organizations\//.test(text)
  );
}
