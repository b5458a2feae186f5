import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint, type Checkpoint } from '../domain/checkpoint';
import type { NoteKey } from '../domain/signed-note';
import { ArchivesStore } from '../persistence/archives.store';
import type { Sql } from '../persistence/database';
import { syncFolder } from '../persistence/rollback/marks-folder';
import { TreeReads } from '../persistence/tree.reads';
import type { CheckpointArchive } from '../use-cases/seal-audit-log';
import { notesOf, type ArchivedNote } from './archive-notes';
import { ExpectedNotes, type ExpectedNote } from './expected-notes';

const ACCEPT = 'npm run audit:accept-rollback';

/** The database does not hold what was archived: it was rolled back to an older state, or another tree took its place. */
export class RolledBackError extends Error {
  override readonly name = 'RolledBackError';
}

/** The archive is not what it was: files are missing, shorter, or altered. */
export class ArchiveFaultError extends Error {
  override readonly name = 'ArchiveFaultError';

  constructor(message: string) {
    super(`${message}: see docs/operations.md#archive-missing-or-damaged, and accept it with ${ACCEPT}`);
  }
}

/** The archive could not be written whole. */
class ArchiveWriteError extends Error {
  override readonly name = 'ArchiveWriteError';
}

/** An archive belongs to no leader any more: another process seals. */
class NotLeadingError extends Error {
  override readonly name = 'NotLeadingError';
}

export interface ArchiveOptions {
  /** AUDIT_ARCHIVE_DIR; made if it is not there. */
  readonly folder: string;
  /** Of the database that is sealed. */
  readonly tree: TreeReads;
  readonly archives: ArchivesStore;
  /** Public keys whose signatures count. */
  readonly keys: readonly NoteKey[];
  /** Whether this process still seals: asked before each write. */
  readonly isLeading: () => Promise<boolean>;
  /** Whether another process vouched for the database while this archive was still unknown to it. */
  readonly isVouchedFor?: boolean;
}

/** How an organization's file was when it was last read or written whole. */
interface Position {
  readonly length: number;
  readonly changedAt: number;
  readonly file: number;
  readonly last: ExpectedNote | null;
}

/**
 * Checkpoints in files outside of the database, one per organization, each note followed by an empty line. Whoever
 * keeps copies of them elsewhere can prove later that entries are missing.
 *
 * What a file has to hold follows from the database alone, byte by byte. So a file is compared from its beginning when
 * it is opened or somebody else touched it; and each write names its place, so that a process which was overtaken while
 * it slept writes again what stands there already.
 */
export class CheckpointFiles implements CheckpointArchive {
  private readonly positions = new Map<number, Position>();
  private identity: string | null = null;

  constructor(private readonly options: ArchiveOptions) {}

  async catchUp(organizationId: number): Promise<void> {
    const { archives } = this.options;
    const id = await this.id();
    const path = pathOf(this.options.folder, organizationId);
    const known = await archives.known(organizationId, id);
    if (!known.isKnown && known.others > 0 && this.options.isVouchedFor !== true)
      throw new ArchiveFaultError(
        `The database knows another archive of checkpoints than the one in ${this.options.folder}`,
      );
    const file = this.open(path);
    try {
      const before = await this.compare(organizationId, file);
      if (before.length < (known.length ?? 0))
        throw new ArchiveFaultError(
          `${path} has ${String(before.length)} bytes, and had ${String(known.length)}`,
        );
      await this.append(organizationId, file, before, id, known.length);
    } finally {
      closeSync(file);
    }
  }

  /**
   * Compares an organization's file with the database and changes nothing.
   * @throws {RolledBackError} and {ArchiveFaultError}
   */
  async check(organizationId: number): Promise<void> {
    const { archives, folder } = this.options;
    const id = readIdentity(folder)?.id;
    const path = pathOf(folder, organizationId);
    const known = await archives.known(organizationId, id ?? randomUUID());
    if (!known.isKnown && known.others > 0)
      throw new ArchiveFaultError(
        `The database knows another archive of checkpoints than the one in ${folder}`,
      );
    const file = openIfThere(path);
    try {
      const length = file === null ? 0 : (await this.compare(organizationId, file)).length;
      if (length < (known.length ?? 0))
        throw new ArchiveFaultError(`${path} has ${String(length)} bytes, and had ${String(known.length)}`);
    } finally {
      if (file !== null) closeSync(file);
    }
  }

  /**
   * Makes this archive known to the database while another process seals, so that it may take over later.
   * @returns whether it is known from then on
   */
  async join(): Promise<boolean> {
    return this.options.archives.join(await this.id());
  }

  /**
   * Tells the database what this archive holds, which is more than the database does where it was rolled back. So
   * whoever accepts that on another machine learns of it.
   */
  async tell(): Promise<void> {
    const { folder, archives, keys } = this.options;
    const id = await this.id();
    for (const organizationId of organizationsIn(folder)) {
      const last = lastWhole(folder, organizationId);
      const checkpoint = last === null ? null : openCheckpoint(last.text, keys);
      const { isKnown, others } = await archives.known(organizationId, id);
      if (last !== null && checkpoint !== null && (isKnown || others === 0))
        await archives.record(organizationId, id, checkpoint.treeSize, last.end);
    }
  }

  /** Which archive this is, by a file beside the checkpoints. */
  async id(): Promise<string> {
    const { folder, archives } = this.options;
    // Somebody may have moved the archive away, or a development database was made anew.
    if (this.identity !== null && existsSync(join(folder, 'archive.json'))) return this.identity;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const database = await archives.databaseId();
    const identity = readIdentity(folder) ?? makeIdentity(folder, database);
    if (identity.database !== database)
      throw new ArchiveFaultError(`${folder} is the archive of another database`);
    this.identity = identity.id;
    return identity.id;
  }

  private open(path: string): number {
    const file = openIfThere(path);
    if (file !== null) return file;
    const made = openSync(path, 'wx+', 0o600);
    syncFolder(this.options.folder);
    return made;
  }

  /** Where the file's last whole note ends. Read from the beginning where it is not as this process left it. */
  private async compare(organizationId: number, file: number): Promise<Position> {
    const known = this.positions.get(organizationId);
    const { size, mtimeMs, ino } = fstatSync(file);
    if (known?.length === size && known.changedAt === mtimeMs && known.file === ino) {
      const stored = known.last === null ? null : await this.expected(organizationId).stored(known.last);
      if (known.last !== null && stored !== known.last.note)
        throw rolledBack(known.last.note, organizationId);
      return known;
    }
    const position = await this.readFromBeginning(organizationId, file);
    const compared = { ...position, changedAt: mtimeMs, file: ino };
    if (position.length === size) this.positions.set(organizationId, compared);
    return compared;
  }

  private async readFromBeginning(
    organizationId: number,
    file: number,
  ): Promise<Pick<Position, 'length' | 'last'>> {
    const expected = this.expected(organizationId);
    const path = pathOf(this.options.folder, organizationId);
    let [length, last]: [number, ExpectedNote | null] = [0, null];
    for (const { text, end, isWhole } of notesOf(file)) {
      const next = await expected.next();
      if (!isWhole) {
        // What a crash left unfinished is the beginning of what comes next, and is written again.
        if (next !== null && `${next.note}\n`.startsWith(text)) break;
        const opened = openCheckpoint(text, this.options.keys);
        if (opened !== null) throw rolledBack(text, organizationId);
        if (next === null && isBeginningOfNote(text)) break;
        throw new ArchiveFaultError(`${path} does not end in a checkpoint`);
      }
      if (next?.note === text) {
        [length, last] = [end, next];
        continue;
      }
      const opened = openCheckpoint(text, this.options.keys);
      if (opened === null) throw new ArchiveFaultError(`${path} was altered before byte ${String(end)}`);
      // Given up by an accepted rollback that comes later in the file.
      if (
        opened.generation === undefined &&
        (await expected.isAbandoned(opened.treeSize, last?.generation ?? 0))
      ) {
        expected.putBack(next);
        const generation: number | null = last?.generation ?? null;
        [length, last] = [end, { generation, note: text, treeSize: opened.treeSize }];
        continue;
      }
      const stored = await this.options.tree.checkpointOfSize({ organizationId }, opened.treeSize);
      if (next !== null && stored?.note === text)
        throw new ArchiveFaultError(`${path} lacks the checkpoint of size ${String(next.treeSize)}`);
      throw rolledBack(text, organizationId);
    }
    return { length, last };
  }

  private async append(
    organizationId: number,
    file: number,
    before: Position,
    id: string,
    recorded: number | null,
  ): Promise<void> {
    let { length, last } = before;
    const expected = this.expected(organizationId, before.last);
    for (let batch = await expected.batch(); batch.length > 0; batch = await expected.batch()) {
      if (!(await this.options.isLeading())) throw new NotLeadingError('Another process seals by now');
      const bytes = Buffer.from(batch.map(({ note }) => `${note}\n`).join(''));
      try {
        writeWhole(file, bytes, length);
        fsyncSync(file);
      } catch (error) {
        throw new ArchiveWriteError(
          `The archive of checkpoints cannot be written: ${(error as Error).message} (docs/operations.md#archive-cannot-be-written)`,
          { cause: error },
        );
      }
      length += bytes.length;
      last = batch.at(-1) ?? last;
    }
    if (last !== null && (recorded ?? -1) < length)
      await this.options.archives.record(organizationId, id, last.treeSize, length);
    const { size, mtimeMs, ino } = fstatSync(file);
    if (size === length) this.positions.set(organizationId, { length, last, changedAt: mtimeMs, file: ino });
  }

  private expected(organizationId: number, after: ExpectedNote | null = null): ExpectedNotes {
    return new ExpectedNotes(this.options.tree, this.options.archives, organizationId, after);
  }
}

/** The newest checkpoint in an organization's archive, or what stands in its place; null where there is nothing. */
export function lastArchived(folder: string, organizationId: number): string | null {
  return lastWhole(folder, organizationId)?.text ?? null;
}

function lastWhole(folder: string, organizationId: number): ArchivedNote | null {
  const file = openIfThere(pathOf(folder, organizationId));
  if (file === null) return null;
  try {
    let last: ArchivedNote | null = null;
    for (const note of notesOf(file)) if (note.isWhole) last = note;
    return last;
  } finally {
    closeSync(file);
  }
}

/** The newest checkpoint of a file that a known key signed; null where there is none. A damaged note is passed over. */
export function newestSigned(
  folder: string,
  organizationId: number,
  keys: readonly NoteKey[],
): Checkpoint | null {
  const file = openIfThere(pathOf(folder, organizationId));
  if (file === null) return null;
  try {
    let newest: Checkpoint | null = null;
    for (const { text } of notesOf(file)) newest = openCheckpoint(text, keys) ?? newest;
    return newest;
  } finally {
    closeSync(file);
  }
}

/** What is wrong with an organization's archive itself, asked of a database; null for nothing. */
export function archiveFaultIn(
  folder: string,
  database: Sql,
  { keys }: { readonly keys: readonly NoteKey[] },
): (organizationId: number) => Promise<string | null> {
  const [tree, archives] = [new TreeReads(database), new ArchivesStore(database)];
  const isLeading = (): Promise<boolean> => Promise.resolve(false);
  return async (organizationId) => {
    try {
      await new CheckpointFiles({ folder, tree, archives, keys, isLeading }).check(organizationId);
      return null;
    } catch (error) {
      if (error instanceof ArchiveFaultError) return error.message;
      // The verification itself tells that the database lacks what was archived.
      if (error instanceof RolledBackError) return null;
      throw error;
    }
  };
}

/** Where an organization's checkpoints are. */
export function pathOf(folder: string, organizationId: number): string {
  return join(folder, `organization-${String(organizationId)}.checkpoints`);
}

/** Organizations that have a file in this folder. */
function organizationsIn(folder: string): readonly number[] {
  return readdirSync(folder).flatMap((name) => {
    const id = /^organization-(\d+)\.checkpoints$/.exec(name)?.[1];
    return id === undefined ? [] : Number(id);
  });
}

function rolledBack(note: string, organizationId: number): RolledBackError {
  const size = note.split('\n')[1] ?? '';
  return new RolledBackError(
    `The database no longer holds the checkpoint of size ${size} that was archived for organization ${String(organizationId)}: it was rolled back. Nothing is submitted or decided until an operator runs ${ACCEPT} (docs/operations.md#rolled-back)`,
  );
}

/** Whether text can be the beginning of a note whose checkpoint was lost with the database: printable, in lines. */
function isBeginningOfNote(text: string): boolean {
  return (
    text.length < 4_096 &&
    text.isWellFormed() &&
    !text.includes('\uFFFD') &&
    /^[^\s]+\/organizations\//.test(text)
  );
}

/** A short write is no error of the system's, and has to go on until everything is there. */
function writeWhole(file: number, bytes: Buffer, position: number): void {
  for (let written = 0; written < bytes.length;) {
    const count = writeSync(file, bytes, written, bytes.length - written, position + written);
    if (count === 0) throw new Error('nothing more can be written');
    written += count;
  }
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    // A folder that is read only can still be compared.
    if (code === 'EROFS' || code === 'EACCES') return openSync(path, 'r');
    throw error;
  }
}

interface Identity {
  readonly id: string;
  readonly database: string;
}

function readIdentity(folder: string): Identity | null {
  try {
    const { id, database } = JSON.parse(readFileSync(join(folder, 'archive.json'), 'utf8')) as Identity;
    if (typeof id === 'string' && typeof database === 'string') return { id, database };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  }
  throw new ArchiveFaultError(`${join(folder, 'archive.json')} is damaged`);
}

/** Made once, however many processes start at the same moment. */
function makeIdentity(folder: string, database: string): Identity {
  const mine = join(folder, `archive.${randomUUID()}.next`);
  writeFileSync(mine, JSON.stringify({ id: randomUUID(), database }), { mode: 0o600, flush: true });
  try {
    linkSync(mine, join(folder, 'archive.json'));
    syncFolder(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(mine);
  }
  return readIdentity(folder) ?? { id: randomUUID(), database };
}
