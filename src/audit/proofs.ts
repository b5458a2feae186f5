import {
  consistencyPath,
  EMPTY_ROOT,
  foldSubtrees,
  inclusionPath,
  peaksOf,
  type Hash,
  type Subtree,
} from '../domain/merkle';
import type { Tenant } from '../domain/principal';
import { RefusedError, validationRefusal } from '../domain/refusal';
import type { SealedLeaf, StoredCheckpoint, TreeReads } from '../persistence/audit/tree.reads';

/** The proof that an entry is in the tree of a checkpoint. */
export interface InclusionProof extends SealedLeaf {
  readonly hashes: readonly Hash[];
  readonly checkpoint: StoredCheckpoint;
}

/** The proof that a tree is an extension of a smaller one. */
export interface ConsistencyProof {
  readonly fromRootHash: Hash;
  readonly toRootHash: Hash;
  readonly hashes: readonly Hash[];
}

/**
 * Returns the proof that an entry is in the newest checkpoint's tree. Three statements.
 * @returns null if the organization does not have the entry, or it is not sealed yet
 */
export async function inclusionProof(
  tree: TreeReads,
  tenant: Tenant,
  auditId: number,
): Promise<InclusionProof | null> {
  const [leaf, checkpoint] = [await tree.leafOf(tenant, auditId), await tree.latestCheckpoint(tenant)];
  // The entry may have been sealed between the two reads, beyond the checkpoint that was read.
  if (leaf === null || checkpoint === null || leaf.leafIndex >= checkpoint.treeSize) return null;
  const hashes = await hashesOf(tree, tenant, inclusionPath(leaf.leafIndex, checkpoint.treeSize));
  return { ...leaf, hashes, checkpoint };
}

/**
 * Returns the proof that the tree of one size is an extension of the tree of a smaller one. Two statements.
 * @throws {RefusedError} VALIDATION_ERROR unless 1 <= fromSize <= toSize <= the sealed size
 */
export async function consistencyProof(
  tree: TreeReads,
  tenant: Tenant,
  fromSize: number,
  toSize: number,
): Promise<ConsistencyProof> {
  const size = (await tree.latestCheckpoint(tenant))?.treeSize ?? 0;
  const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 1;
  const faults = [
    isSize(fromSize) && fromSize <= toSize ? null : fault('fromSize', 'must be from 1 to toSize'),
    isSize(toSize) && toSize <= size
      ? null
      : fault('toSize', `must be from 1 to ${String(size)}, which is what is sealed`),
  ].filter((one) => one !== null);
  if (faults.length > 0) throw new RefusedError(validationRefusal(faults));
  const parts = [peaksOf(fromSize), peaksOf(toSize), ...consistencyPath(fromSize, toSize)];
  const [fromRootHash = EMPTY_ROOT, toRootHash = EMPTY_ROOT, ...hashes] = await hashesOf(tree, tenant, parts);
  return { fromRootHash, toRootHash, hashes };
}

/** Returns the hash of each list of subtrees, with one statement for all of them. */
async function hashesOf(
  tree: TreeReads,
  tenant: Tenant,
  parts: readonly (readonly Subtree[])[],
): Promise<readonly Hash[]> {
  const hashes = [...(await tree.hashesOf(tenant, parts.flat()))];
  return parts.map((part) => foldSubtrees(hashes.splice(0, part.length)));
}

function fault(argument: string, msg: string): { loc: readonly string[]; msg: string; type: string } {
  return { loc: [argument], msg, type: 'range' };
}
