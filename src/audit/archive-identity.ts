import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder } from '../persistence/rollback/marks-folder';
import { ArchiveFaultError } from './archive-errors';

/** Which archive a folder holds, and of which database. */
export interface ArchiveIdentity {
  readonly id: string;
  readonly database: string;
}

/**
 * Reads the archive's identity; null where it has none yet.
 * @throws {ArchiveFaultError} if its file is damaged
 */
export function readIdentity(folder: string): ArchiveIdentity | null {
  try {
    const { id, database } = JSON.parse(
      readFileSync(join(folder, 'archive.json'), 'utf8'),
    ) as ArchiveIdentity;
    if (typeof id === 'string' && typeof database === 'string') return { id, database };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  }
  throw new ArchiveFaultError(`${join(folder, 'archive.json')} is damaged`);
}

/** Creates the archive's identity, exactly once even if several processes start at the same moment. */
export function makeIdentity(folder: string, database: string): ArchiveIdentity {
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
