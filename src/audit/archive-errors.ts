import type { ArchiveAhead } from '../persistence/audit/archives.store';

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
export class ArchiveWriteError extends Error {
  override readonly name = 'ArchiveWriteError';
}

/** This process stopped leading: another process seals. */
export class NotLeadingError extends Error {
  override readonly name = 'NotLeadingError';
}

/** Returns the error of a note that this machine archived. */
export function rolledBack(note: string, organizationId: number): RolledBackError {
  return lacks(note.split('\n')[1] ?? '', `was archived for organization ${String(organizationId)}`);
}

/** Returns the error of a checkpoint that another machine archived. */
export function aheadOf(
  { archiveId, treeSize, toldAt }: ArchiveAhead,
  organizationId: number,
): RolledBackError {
  const where = `archive ${archiveId} of another machine has held for organization ${String(organizationId)} since ${toldAt}`;
  return lacks(String(treeSize), where);
}

function lacks(size: string, where: string): RolledBackError {
  return new RolledBackError(
    `The database no longer holds the checkpoint of size ${size} that ${where}: it was rolled back. Nothing is submitted or decided until an operator runs ${ACCEPT} (docs/operations.md#rolled-back)`,
  );
}
