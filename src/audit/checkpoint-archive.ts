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

/** The database lacks an archived checkpoint: it was rolled back to an older state, or holds another tree. */
export class RolledBackError extends Error {
  override readonly name = 'RolledBackError';
}

/** The archive was damaged: files are missing, truncated or altered. */
export class ArchiveFaultError extends Error {
  override readonly name = 'ArchiveFaultError';

  constructor(message: string) {
    super(`${message}: see docs/operations.md#archive-missing-or-damaged, and accept it with ${ACCEPT}`);
  }
}

/** The archive could not be written completely. */
class ArchiveWriteError extends Error {
  override readonly name = 'ArchiveWriteError';
}

/** This process stopped leading: another process seals. */
class NotLeadingError extends Error {
  override readonly name = 'NotLeadingError';
}

export interface ArchiveOptions {
  /** AUDIT_ARCHIVE_DIR; created if it does not exist. */
  readonly folder: string;
  /** The tree of the sealed database. */
  readonly tree: TreeReads;
  readonly archives: ArchivesStore;
  /** The trusted public keys. */
  readonly keys: readonly NoteKey[];
  /** Returns whether this process still leads; called before each write. */
  readonly isLeading: () => Promise<boolean>;
  /** Whether another process led, and so checked the database against its archive, while this archive was new. */
  readonly isVouchedFor?: boolean;
}

/** The state of an organization's file when it was last read or written completely. */
interface Position {
  readonly length: number;
  readonly changedAt: number;
  readonly file: number;
  readonly last: ExpectedNote | null;
}

/**
 * Checkpoints in files outside of the database, one per organization, each note followed by an empty line. Copies kept
 * elsewhere can prove later that entries are missing.
 *
 * The database alone determines what a file has to contain, byte by byte. A file is therefore compared from its
 * beginning when it is opened or when it was changed by another process. Each write names its offset, so that a process
 * that was overtaken while suspended only rewrites bytes that are there already.
 */
export class CheckpointFiles implements CheckpointArchive {
  private readonly positions = new Map<number, Position>();
  private identity: string | null = null;

  constructor(private readonly options: ArchiveOptions) {}

  /**
   * Appends the checkpoints that an organization's file lacks.
   * @throws {RolledBackError} if the database lacks an archived checkpoint
   * @throws {ArchiveFaultError} if the archive is damaged, or unknown to a database that knows another one
   * @throws {ArchiveWriteError} if the file cannot be written
   * @throws {NotLeadingError} if another process leads
   */
  async catchUp(organizationId: number): Promise<void> {
    const { archives } = this.options;
    const id = await this.id();
    const path = pathOf(this.options.folder, organizationId);
    const known = await archives.known(organizationId, id);
    if (!known.isKnown && known.others > 0 && this.options.isVouchedFor !== true)
      throw new ArchiveFaultError(
        `The database belongs to another archive of checkpoints than the one in ${this.options.folder}`,
      );
    const file = this.open(path);
    try {
      const before = await this.compare(organizationId, file);
      if (before.length < (known.length ?? 0))
        throw new ArchiveFaultError(
          `${path} has ${String(before.length)} bytes, but had ${String(known.length)}`,
        );
      await this.append(organizationId, file, before, id, known.length);
    } finally {
      closeSync(file);
    }
  }

  /**
   * Compares an organization's file with the database, without changing anything.
   * @throws {RolledBackError} if the database lacks an archived checkpoint
   * @throws {ArchiveFaultError} if the archive is damaged
   */
  async check(organizationId: number): Promise<void> {
    const { archives, folder } = this.options;
    const id = readIdentity(folder)?.id;
    const path = pathOf(folder, organizationId);
    const known = await archives.known(organizationId, id ?? randomUUID());
    if (!known.isKnown && known.others > 0)
      throw new ArchiveFaultError(
        `The database belongs to another archive of checkpoints than the one in ${folder}`,
      );
    const file = openIfThere(path);
    try {
      const length = file === null ? 0 : (await this.compare(organizationId, file)).length;
      if (length < (known.length ?? 0))
        throw new ArchiveFaultError(`${path} has ${String(length)} bytes, but had ${String(known.length)}`);
    } finally {
      if (file !== null) closeSync(file);
    }
  }

  /**
   * Registers this archive in the database while another process leads, so that this process can take over later.
   * @returns whether the archive is registered
   */
  async join(): Promise<boolean> {
    return this.options.archives.join(await this.id());
  }

  /**
   * Records in the database the newest checkpoints that this archive holds. After a rollback they are newer than the
   * database's own, and an operator who accepts the rollback on another machine learns of them.
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

  /**
   * Returns this archive's id, from a file beside the checkpoints, which is created if missing.
   * @throws {ArchiveFaultError} if the archive belongs to another database
   */
  async id(): Promise<string> {
    const { folder, archives } = this.options;
    // The archive may have been moved away, or a development database created again.
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

  /**
   * Returns the end of the file's last complete note. Reads the file from its beginning unless it is unchanged since
   * this process last used it.
   */
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
        // A write that a crash cut off is the beginning of the next note, and is written again.
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
      // Abandoned by an accepted rollback that follows later in the file.
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
      if (!(await this.options.isLeading()))
        throw new NotLeadingError('Another process has become the sealer');
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

/** Returns the last complete note of an organization's archive, without verifying it; null where there is none. */
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

/**
 * Returns the newest checkpoint of a file that a known key signed, skipping damaged notes; null where there is none.
 */
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

/** Returns a function that checks an organization's archive file against a database and returns the fault, or null. */
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
      // The verification itself reports that the database lacks archived checkpoints.
      if (error instanceof RolledBackError) return null;
      throw error;
    }
  };
}

/** Returns the path of an organization's checkpoint file. */
export function pathOf(folder: string, organizationId: number): string {
  return join(folder, `organization-${String(organizationId)}.checkpoints`);
}

/** Returns the organizations that have a file in this folder. */
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

/** Writes all bytes. A short write is not an error of the system, so writing continues until everything is there. */
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
    // A read-only folder can still be compared.
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

/** Creates the archive's identity, exactly once even if several processes start at the same moment. */
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
