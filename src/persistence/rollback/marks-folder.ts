import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { CommittedEntry } from './write-guard';

/** What a process knows about a database, stored outside of it. */
export interface Marks {
  /** Identity of the database. */
  readonly database: string;
  /** The server that the process used last; null before the first. */
  readonly instance: string | null;
  /** The newest accepted rollback that the process knows. */
  readonly generation: number;
  /** The process never drew an action id or audit id beyond these. */
  readonly reserved: { readonly action: number; readonly audit: number };
  /** Entries that the process saw committed, newest last. */
  readonly committed: readonly CommittedEntry[];
  /** Whether the process has ended and will not write the file again. */
  readonly isClosed: boolean;
}

const PREFIX = 'marks-';
/**
 * How long an unwritten file is kept after another process has taken over its marks, in milliseconds. A process that was
 * only stopped for longer loses nothing: its marks are in the other's file, and it writes its own again.
 */
const STALE = 300_000;

/** The marks of several processes beside the checkpoint archive, one file per process. */
export class MarksFolder {
  private readonly path: string;

  constructor(private readonly folder: string) {
    this.path = join(folder, `${PREFIX}${randomUUID()}.json`);
  }

  /**
   * Returns the marks of other processes for a database.
   * @throws {Error} where a file cannot be read, since its marks are unknown then
   */
  read(database: string): readonly Marks[] {
    return this.others()
      .map((path) => readMarks(path))
      .filter((marks): marks is Marks => marks?.database === database);
  }

  /**
   * Writes this process's marks atomically.
   * @param isDurable whether they have to survive a power failure
   */
  write(marks: Marks, isDurable: boolean): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const next = `${this.path}.next`;
    const file = openSync(next, 'w', 0o600);
    try {
      writeFileSync(file, textOf(marks));
      if (isDurable) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, this.path);
    if (isDurable) syncFolder(this.folder);
  }

  /** Deletes the files of processes that have ended. Call it once their marks are in this process's own file. */
  dropFolded(database: string): void {
    for (const path of this.others()) {
      const marks = readMarks(path);
      if (marks?.database === database && (marks.isClosed || Date.now() - statSync(path).mtimeMs > STALE))
        rmSync(path, { force: true });
    }
  }

  private others(): readonly string[] {
    return namesIn(this.folder)
      .filter((name) => name.startsWith(PREFIX) && name.endsWith('.json'))
      .map((name) => join(this.folder, name))
      .filter((path) => path !== this.path);
  }
}

/** Makes files created or renamed in a folder survive a power failure. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/**
 * Deletes everything stored about databases outside of them: reserved ids, committed entries, archived checkpoints.
 * Only for a development database that is created anew. Stop the gateways first.
 * @param folder AUDIT_ARCHIVE_DIR
 */
export function resetArchive(folder: string): void {
  for (const name of namesIn(folder))
    if (name.startsWith(PREFIX) || name.endsWith('.checkpoints') || name === 'archive.json')
      rmSync(join(folder, name), { force: true });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** An entry in the file: organization, audit id, leaf hash in base64. */
type StoredEntry = readonly [number, number, string];

function textOf({ committed, ...rest }: Marks): string {
  const entries = committed.map(({ organizationId, auditId, leafHash }): StoredEntry => [
    organizationId,
    auditId,
    leafHash.toString('base64'),
  ]);
  return JSON.stringify({ ...rest, committed: entries });
}

/**
 * Returns the marks in a file; null if its process has deleted the file.
 * @throws {Error} where the file is damaged
 */
function readMarks(path: string): Marks | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const stored = JSON.parse(text) as Omit<Marks, 'committed'> & { committed: readonly StoredEntry[] };
    const committed = stored.committed.map(([organizationId, auditId, hash]) => ({
      organizationId,
      auditId,
      leafHash: Buffer.from(hash, 'base64'),
    }));
    if (!Number.isSafeInteger(stored.reserved.action) || !Number.isSafeInteger(stored.reserved.audit))
      throw new Error('it names no ids');
    return { ...stored, committed };
  } catch (error) {
    throw new Error(`The file of reserved ids ${path} is damaged`, { cause: error });
  }
}
