import type { Hash } from '../domain/merkle';

/** What signs the trees, and knows what it signed. */
export interface RootSigner {
  /** The root of an organization's tree of this size, signed as a note. */
  signRoot(organizationId: number, treeSize: number, root: Hash): string;
  /** Whether a note is such a signature, by the present key or an earlier one. */
  hasSigned(organizationId: number, treeSize: number, root: Hash, note: string): boolean;
}

/** The sealer's side of the database. */
export interface SealStore {
  /** Organizations whose entries wait to be sealed. */
  waiting(): Promise<readonly number[]>;
  /** Organizations that have a checkpoint. */
  sealed(): Promise<readonly number[]>;
  /**
   * Appends an organization's next entries to its tree and signs it, whole or not at all.
   * @returns how many; 0 where none waited
   * @throws {Error} where the tree so far is not what the signer signed
   */
  seal(organizationId: number, limit: number, signer: RootSigner): Promise<number>;
}

/** Where checkpoints go beside the database, so that whoever owns it cannot take them back. */
export interface CheckpointArchive {
  /**
   * Adds what was signed since the last time.
   * @throws {Error} where the database no longer holds what was archived: it was rolled back, or forked
   */
  catchUp(organizationId: number): Promise<void>;
}

/** How many entries one checkpoint may add, so that a long queue becomes many short transactions. */
const BATCH = 2_000;

/** What a round did. */
export interface SealRound {
  /** Entries that became leaves. */
  readonly sealed: number;
  /** Whether entries may wait still. */
  readonly isMore: boolean;
  /** Organizations that could not be sealed, and why. The others are none the worse for it. */
  readonly failures: ReadonlyMap<number, unknown>;
}

/**
 * Seals what waits, one batch of each organization, and archives the checkpoints.
 * @param also organizations to look after though nothing may wait: what failed before, and everybody at the start
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
      // What is archived is compared first: nothing is built on a tree that was rolled back.
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
