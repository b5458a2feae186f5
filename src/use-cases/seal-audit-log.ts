import type { Hash } from '../domain/merkle';

/** Signs tree heads and recognizes its own signatures. */
export interface RootSigner {
  /** Signs the root of an organization's tree of this size. Returns a signed note. */
  signRoot(organizationId: number, treeSize: number, root: Hash): string;
  /** Whether a note is such a signature, by the current key or an earlier one. */
  hasSigned(organizationId: number, treeSize: number, root: Hash, note: string): boolean;
}

/** The sealer's storage. */
export interface SealStore {
  /** Returns the organizations with unsealed entries. */
  waiting(): Promise<readonly number[]>;
  /** Returns the organizations that have a checkpoint. */
  sealed(): Promise<readonly number[]>;
  /**
   * Appends an organization's next entries to its tree and signs it, all or nothing.
   * @returns how many entries were appended; 0 where there were none
   * @throws {Error} where the stored tree is not the one that the signer signed
   */
  seal(organizationId: number, limit: number, signer: RootSigner): Promise<number>;
}

/** Keeps checkpoints outside the database, so that the owner of the database cannot withdraw them. */
export interface CheckpointArchive {
  /**
   * Archives the checkpoints that were signed since the last call.
   * @throws {Error} where the database no longer holds what was archived, because it was rolled back or forked
   */
  catchUp(organizationId: number): Promise<void>;
}

/** Maximum number of entries per checkpoint, which splits a long queue into many short transactions. */
const BATCH = 2_000;

/** The result of a sealing round. */
export interface SealRound {
  /** Number of entries that became leaves. */
  readonly sealed: number;
  /** Whether more entries may be waiting. */
  readonly isMore: boolean;
  /** Organizations that could not be sealed, with the error. The others are unaffected. */
  readonly failures: ReadonlyMap<number, unknown>;
}

/**
 * Seals the waiting entries, one batch per organization, and archives the checkpoints.
 * @param also organizations to process even if nothing waits: those that failed before, and all of them at the start
 */
export async function sealRound(
  store: SealStore,
  archive: CheckpointArchive,
  signer: RootSigner,
  also: readonly number[] = [],
): Promise<SealRound> {
  let [sealed, isMore] = [0, false];
  const failures = new Map<number, unknown>();
  for (const organizationId of new Set([...(await store.waiting()), ...also]))
    try {
      // Compare with the archive first, so that nothing is appended to a tree that was rolled back.
      await archive.catchUp(organizationId);
      const count = await store.seal(organizationId, BATCH, signer);
      await archive.catchUp(organizationId);
      sealed += count;
      isMore ||= count === BATCH;
    } catch (error) {
      failures.set(organizationId, error);
    }
  return { sealed, isMore, failures };
}
