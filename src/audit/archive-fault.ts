import type { NoteKey } from '../domain/signed-note';
import { ArchivesStore } from '../persistence/audit/archives.store';
import { TreeReads } from '../persistence/audit/tree.reads';
import type { Sql } from '../persistence/sql/sql';
import { ArchiveFaultError, RolledBackError } from './archive-errors';
import { CheckpointFiles } from './checkpoint-archive';

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
