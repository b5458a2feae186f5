import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { StoredCheckpoint, TreeReads } from '../persistence/tree.reads';
import { splitNotes } from './notes';
import type { CheckpointArchive } from '../use-cases/seal-audit-log';

/** How much of a file's end is read to find its last note; a note has a few hundred bytes. */
const TAIL = 16_384;
/** More than any note has; so much without a note's end is no note that a crash left unfinished. */
const LONGEST_NOTE = 4_096;
/** How many checkpoints are appended at once. */
const BATCH = 500;

/** The database does not hold what was archived: it was rolled back to an older state, or another tree took its place. */
export class RolledBackError extends Error {
  override readonly name = 'RolledBackError';
}

/**
 * Checkpoints in append-only files, one per organization, each note followed by an empty line. Whoever keeps copies
 * of them elsewhere can prove later that entries are missing.
 */
export class CheckpointFiles implements CheckpointArchive {
  /**
   * @param folder made if it is not there
   * @param tree of the database that is sealed
   */
  constructor(
    private readonly folder: string,
    private readonly tree: TreeReads,
  ) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  async catchUp(organizationId: number): Promise<void> {
    const file = openSync(pathOf(this.folder, organizationId), 'a+', 0o600);
    try {
      const { note: last, end, torn } = lastNote(file);
      if (torn > 0) ftruncateSync(file, end);
      const tenant = { organizationId };
      let size = last === null ? 0 : sizeOf(last);
      if (last !== null && (await this.tree.checkpointOfSize(tenant, size))?.note !== last)
        throw new RolledBackError(
          `The database no longer holds the checkpoint of size ${String(size)} that was archived for organization ${String(organizationId)}`,
        );
      for (let next = await this.next(organizationId, size); next.length > 0;) {
        writeSync(file, next.map(({ note }) => `${note}\n`).join(''));
        fsyncSync(file);
        size = next.at(-1)?.treeSize ?? size;
        next = next.length < BATCH ? [] : await this.next(organizationId, size);
      }
    } finally {
      closeSync(file);
    }
  }

  private next(organizationId: number, size: number): Promise<readonly StoredCheckpoint[]> {
    return this.tree.checkpointsAfter({ organizationId }, size, BATCH);
  }
}

/** The newest checkpoint in an organization's archive; null where there is none. */
export function lastArchived(folder: string, organizationId: number): string | null {
  try {
    const file = openSync(pathOf(folder, organizationId), 'r');
    try {
      return lastNote(file).note;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Removes every organization's archive, for a development database that begins anew: its new logs get new ones. */
export function forgetArchived(folder: string): void {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  for (const name of names) if (ARCHIVE.test(name)) rmSync(join(folder, name), { force: true });
}

const ARCHIVE = /^organization-\d+\.checkpoints$/;

function pathOf(folder: string, organizationId: number): string {
  return join(folder, `organization-${String(organizationId)}.checkpoints`);
}

/**
 * The last whole note of a file, where it ends, and how much a crash left unfinished behind it.
 * @throws {Error} where something else is in its place
 */
function lastNote(file: number): {
  readonly note: string | null;
  readonly end: number;
  readonly torn: number;
} {
  const { size } = fstatSync(file);
  const length = Math.min(size, TAIL);
  const tail = Buffer.alloc(length);
  readSync(file, tail, 0, length, size - length);
  // A note ends in its signature's line, and an empty line follows it.
  const end = endOfLastNote(tail);
  const torn = length - end;
  if (torn > LONGEST_NOTE) throw new Error('An archive of checkpoints does not end in one');
  const notes = splitNotes(tail.subarray(0, end).toString('utf8'));
  return { note: notes.at(-1) ?? null, end: size - torn, torn };
}

function endOfLastNote(tail: Buffer): number {
  for (let end = tail.lastIndexOf('\n\n'); end >= 0; end = tail.lastIndexOf('\n\n', end - 1)) {
    const line = tail.subarray(tail.lastIndexOf('\n', end - 1) + 1, end).toString('utf8');
    if (line.startsWith('\u2014 ')) return end + 2;
    if (end === 0) break;
  }
  return 0;
}

function sizeOf(note: string): number {
  return Number(note.split('\n')[1]);
}
