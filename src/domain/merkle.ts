import { createHash } from 'node:crypto';

/** A hash of the tree: 32 bytes. */
export type Hash = Buffer;

/** A perfect subtree: 2^level leaves starting at index * 2^level. Level 0 is a leaf. */
export interface Subtree {
  readonly level: number;
  readonly index: number;
}

/** Leaves from start, inclusive, to end, exclusive. */
type Range = readonly [start: number, end: number];

/** The root of a tree without leaves (RFC 6962 2.1). */
export const EMPTY_ROOT: Hash = createHash('sha256').digest();

/** SHA-256(0x00 || bytes) (RFC 6962 2.1). */
export function leafHash(bytes: Uint8Array): Hash {
  return createHash('sha256').update(LEAF).update(bytes).digest();
}

/** SHA-256(0x01 || left || right) (RFC 6962 2.1). */
export function nodeHash(left: Hash, right: Hash): Hash {
  return createHash('sha256').update(NODE).update(left).update(right).digest();
}

const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);

/** Returns the perfect subtrees that a range consists of, from left to right. */
function subtreesOf([start, end]: Range): readonly Subtree[] {
  const subtrees: Subtree[] = [];
  for (let at = start; at < end;) {
    let level = 0;
    // The largest subtree that is aligned at this position and still fits.
    while (at % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= end) level += 1;
    subtrees.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return subtrees;
}

/** Returns the perfect subtrees whose hashes make up the root of a tree of this size. */
export function peaksOf(size: number): readonly Subtree[] {
  return subtreesOf([0, size]);
}

/** Returns the hash over adjacent subtrees in the order of `subtreesOf`. */
export function foldSubtrees(hashes: readonly Hash[]): Hash {
  return hashes.length === 0 ? EMPTY_ROOT : hashes.reduceRight((right, left) => nodeHash(left, right));
}

/** The lowest level above the leaves whose hashes are stored. Lower ones are cheap to compute from their few leaves. */
const LOWEST_KEPT = 4;

/** Returns whether a subtree's hash is stored: those of leaves and of subtrees of at least sixteen leaves are. */
export function isKept({ level }: Subtree): boolean {
  return level === 0 || level >= LOWEST_KEPT;
}

/**
 * Returns the subtrees with stored hashes that make up a subtree, from left to right: itself, or its two to eight
 * leaves.
 */
export function keptUnder(subtree: Subtree): readonly Subtree[] {
  if (isKept(subtree)) return [subtree];
  const leaves = 2 ** subtree.level;
  return Array.from({ length: leaves }, (_, n) => ({ level: 0, index: subtree.index * leaves + n }));
}

/** The right edge of a growing tree: takes leaves, returns the perfect subtrees they complete and the current root. */
export class TreeEdge {
  private readonly peaks: { readonly subtree: Subtree; readonly hash: Hash }[];

  /**
   * @param size number of leaves so far, 0 or more
   * @param hashes the hashes of `peaksOf(size)`, in that order
   * @throws {Error} if the number of hashes does not match
   */
  constructor(
    private leaves = 0,
    hashes: readonly Hash[] = [],
  ) {
    const subtrees = peaksOf(leaves);
    if (hashes.length !== subtrees.length) throw new Error('A tree edge needs one hash per peak');
    this.peaks = subtrees.map((subtree, index) => ({
      subtree,
      hash: hashes[index] ?? EMPTY_ROOT,
    }));
  }

  get size(): number {
    return this.leaves;
  }

  get root(): Hash {
    return foldSubtrees(this.peaks.map(({ hash }) => hash));
  }

  /** Adds a leaf. @returns the subtrees above it that it completes, lowest first */
  append(hash: Hash): readonly { readonly subtree: Subtree; readonly hash: Hash }[] {
    const completed: { readonly subtree: Subtree; readonly hash: Hash }[] = [];
    let last = { subtree: { level: 0, index: this.leaves }, hash };
    for (let left = this.peaks.at(-1); left?.subtree.level === last.subtree.level; left = this.peaks.at(-1)) {
      this.peaks.pop();
      const subtree = {
        level: last.subtree.level + 1,
        index: Math.floor(last.subtree.index / 2),
      };
      last = { subtree, hash: nodeHash(left.hash, last.hash) };
      completed.push(last);
    }
    this.peaks.push(last);
    this.leaves += 1;
    return completed;
  }
}

/** Returns what an inclusion proof consists of: for each of its hashes, the subtrees to fold (RFC 6962 2.1.1). */
export function inclusionPath(index: number, size: number): readonly (readonly Subtree[])[] {
  return pathOf(index, [0, size]).map(subtreesOf);
}

/** Returns what a consistency proof consists of: for each of its hashes, the subtrees to fold (RFC 6962 2.1.2). */
export function consistencyPath(size1: number, size2: number): readonly (readonly Subtree[])[] {
  return size1 === 0 ? [] : subproofOf(size1, [0, size2], true).map(subtreesOf);
}

function pathOf(index: number, [start, end]: Range): readonly Range[] {
  if (end - start <= 1) return [];
  const middle = start + splitOf(end - start);
  return index < middle
    ? [...pathOf(index, [start, middle]), [middle, end]]
    : [...pathOf(index, [middle, end]), [start, middle]];
}

function subproofOf(size1: number, [start, end]: Range, isWhole: boolean): readonly Range[] {
  if (size1 === end) return isWhole ? [] : [[start, end]];
  const middle = start + splitOf(end - start);
  return size1 <= middle
    ? [...subproofOf(size1, [start, middle], isWhole), [middle, end]]
    : [...subproofOf(size1, [middle, end], false), [start, middle]];
}

/** Returns the largest power of two below a size of 2 or more. */
function splitOf(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

/**
 * Returns whether a proof shows that a leaf is at an index of the tree with this root (RFC 9162 2.1.3.2). A proof of
 * the wrong length proves nothing.
 */
export function isIncluded(
  leaf: Hash,
  index: number,
  size: number,
  proof: readonly Hash[],
  root: Hash,
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || ![leaf, root, ...proof].every(isHash))
    return false;
  let [here, last, hash] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) return false;
    if (here % 2 === 1 || here === last) {
      hash = nodeHash(sibling, hash);
      while (here % 2 === 0 && here !== 0) [here, last] = [half(here), half(last)];
    } else hash = nodeHash(hash, sibling);
    [here, last] = [half(here), half(last)];
  }
  return last === 0 && hash.equals(root);
}

/**
 * Returns whether a proof shows that the tree with the second root is an extension of the first (RFC 9162 2.1.4.2). A
 * first size of 0 is refused: every tree extends the empty one, so that would prove nothing.
 */
export function isConsistent(
  size1: number,
  root1: Hash,
  size2: number,
  root2: Hash,
  proof: readonly Hash[],
): boolean {
  if (!isCount(size1) || !isCount(size2) || size1 === 0 || size1 > size2) return false;
  if (!proof.every(isHash)) return false;
  if (size1 === size2) return proof.length === 0 && root1.equals(root2);
  let [here, last] = [size1 - 1, size2 - 1];
  while (here % 2 === 1) [here, last] = [half(here), half(last)];
  // If the first tree is one perfect subtree, its root is the first hash and the proof leaves it out.
  const [seed, ...rest] = here === 0 ? [root1, ...proof] : proof;
  if (seed === undefined) return false;
  let [old, now] = [seed, seed];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (here % 2 === 1 || here === last) {
      [old, now] = [nodeHash(sibling, old), nodeHash(sibling, now)];
      while (here % 2 === 0 && here !== 0) [here, last] = [half(here), half(last)];
    } else now = nodeHash(now, sibling);
    [here, last] = [half(here), half(last)];
  }
  return last === 0 && old.equals(root1) && now.equals(root2);
}

function half(n: number): number {
  return Math.floor(n / 2);
}

function isHash(hash: Hash): boolean {
  return hash.length === EMPTY_ROOT.length;
}

function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}
