import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fstatSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint } from '../domain/checkpoint';
import type { NoteKey } from '../domain/signed-note';
import type { ArchivesStore, KnownArchive } from '../persistence/audit/archives.store';
import { syncFolder } from '../persistence/rollback/marks-folder';
import type { TreeReads } from '../persistence/audit/tree.reads';
import type { CheckpointArchive } from '../use-cases/seal-audit-log';
import {
  aheadOf,
  ArchiveFaultError,
  ArchiveWriteError,
  NotLeadingError,
  rolledBack,
  RolledBackError,
} from './archive-errors';
import { lastWhole, openIfThere, organizationsIn, pathOf, writeWhole } from './archive-files';
import { makeIdentity, readIdentity } from './archive-identity';
import { compareNotes } from './archive-comparison';
import { ExpectedNotes, type ExpectedNote } from './expected-notes';

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
  /** Returns whether another process led, and so checked the database against its archive, while this archive was new. */
  readonly isVouchedFor?: () => boolean;
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
    if (this.options.isVouchedFor?.() !== true) refuseStranger(this.options.folder, known);
    const file = this.open(path);
    try {
      const before = await this.compare(organizationId, file);
      refuseShorter(path, before.length, known);
      const last = await this.append(organizationId, file, before, id, known.length);
      const size = last?.treeSize ?? 0;
      const [other] = known.largestElsewhere > size ? await archives.ahead(organizationId, id, size) : [];
      if (other !== undefined) throw aheadOf(other, organizationId);
    } catch (error) {
      if (error instanceof RolledBackError) await this.tell(organizationId);
      throw error;
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
    refuseStranger(folder, known);
    const file = openIfThere(path);
    try {
      const length = file === null ? 0 : (await this.compare(organizationId, file)).length;
      refuseShorter(path, length, known);
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
   * Compares every file with the database before this process leads. Where the database lacks archived checkpoints,
   * records in it the newest one, so that the leader refuses the database too, and an operator who accepts the rollback
   * on another machine learns of this archive.
   * @returns what the database lacks; null for nothing. Damage is reported once this process leads
   */
  async findRollback(): Promise<RolledBackError | null> {
    // Makes the folder where there is none.
    await this.id();
    let found: RolledBackError | null = null;
    for (const organizationId of organizationsIn(this.options.folder))
      try {
        await this.check(organizationId);
      } catch (error) {
        if (error instanceof RolledBackError) found = error;
        else if (!(error instanceof ArchiveFaultError)) throw error;
        await this.tell(organizationId);
      }
    return found;
  }

  /** Records in the database the newest checkpoint that this archive holds. */
  private async tell(organizationId: number): Promise<void> {
    const { folder, archives, keys } = this.options;
    const id = await this.id();
    const last = lastWhole(folder, organizationId);
    const checkpoint = last === null ? null : openCheckpoint(last.text, keys);
    const { isKnown, others } = await archives.known(organizationId, id);
    if (last !== null && checkpoint !== null && (isKnown || others === 0))
      await archives.record(organizationId, id, checkpoint.treeSize, last.end);
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
    const { tree, keys, folder } = this.options;
    const expected = this.expected(organizationId);
    const position = await compareNotes(file, pathOf(folder, organizationId), expected, tree, keys);
    const compared = { ...position, changedAt: mtimeMs, file: ino };
    if (position.length === size) this.positions.set(organizationId, compared);
    return compared;
  }

  private async append(
    organizationId: number,
    file: number,
    before: Position,
    id: string,
    recorded: number | null,
  ): Promise<ExpectedNote | null> {
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
    return last;
  }

  private expected(organizationId: number, after: ExpectedNote | null = null): ExpectedNotes {
    return new ExpectedNotes(this.options.tree, this.options.archives, organizationId, after);
  }
}

/** Refuses an archive that the database does not know although it knows others. */
function refuseStranger(folder: string, { isKnown, others }: KnownArchive): void {
  if (!isKnown && others > 0)
    throw new ArchiveFaultError(
      `The database belongs to another archive of checkpoints than the one in ${folder}`,
    );
}

/** Refuses a file that is shorter than the database knows it to have been. */
function refuseShorter(path: string, length: number, known: KnownArchive): void {
  if (length < (known.length ?? 0))
    throw new ArchiveFaultError(`${path} has ${String(length)} bytes, but had ${String(known.length)}`);
}
