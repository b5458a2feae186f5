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

/** What a process knows of a database, outside of it. */
export interface Marks {
  /** The identity of the database that this is about. */
  readonly database: string;
  /** The server that the process worked on last; null before the first. */
  readonly instance: string | null;
  /** The newest accepted rollback that it knows of. */
  readonly generation: number;
  /** No action id and no audit id beyond these was ever drawn by the process. */
  readonly reserved: { readonly action: number; readonly audit: number };
  /** Entries that it saw committed, the newest last. */
  readonly committed: readonly CommittedEntry[];
  /** Whether the process has ended and will not write the file again. */
  readonly isClosed: boolean;
}

const PREFIX = 'marks-';
/** How long a file that nobody wrote is kept after another process has taken over what it says, in milliseconds. */
const STALE = 3_600_000;

/** The marks of several processes beside the archive of checkpoints, each in a file of its own. */
export class MarksFolder {
  private readonly path: string;

  constructor(private readonly folder: string) {
    this.path = join(folder, `${PREFIX}${randomUUID()}.json`);
  }

  /**
   * What other processes know of a database.
   * @throws {Error} where a file cannot be read: what it said is not known then
   */
  read(database: string): readonly Marks[] {
    return this.others()
      .map((path) => readMarks(path))
      .filter((marks): marks is Marks => marks?.database === database);
  }

  /** Writes this process's marks, whole or not at all. @param isDurable whether they have to outlive a power failure */
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

  /** Deletes the files of processes that have ended; to be called once what they say stands in this process's own. */
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

/** Makes what was created or renamed in a folder outlive a power failure. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/**
 * Forgets everything that is known of databases outside of them: reserved ids, committed entries, archived checkpoints.
 * For a development database that is made anew, and nothing else. Stop the gateways before.
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

/** An entry as the file has it: organization, audit id, leaf hash in base64. */
type StoredEntry = readonly [number, number, string];

function textOf({ committed, ...rest }: Marks): string {
  const entries = committed.map(({ organizationId, auditId, leafHash }): StoredEntry => [
    organizationId,
    auditId,
    leafHash.toString('base64'),
  ]);
  return JSON.stringify({ ...rest, committed: entries });
}

/** Null for a file that its process has deleted meanwhile. */
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
