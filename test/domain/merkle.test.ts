import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  consistencyPath,
  EMPTY_ROOT,
  foldSubtrees,
  inclusionPath,
  isConsistent,
  isIncluded,
  isKept,
  keptUnder,
  leafHash,
  nodeHash,
  peaksOf,
  TreeEdge,
  type Hash,
  type Subtree,
} from '../../src/domain/merkle';

/** RFC 6962's tree against public test vectors, against its own definition, and against tampered proofs. */

/** Test vectors of other projects, which are not part of this repository. */
const VECTORS = join(__dirname, '..', '..', '..', 'shared', 'vectors', 'merkle');

interface InclusionVector {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

interface ConsistencyVector {
  readonly size1: number;
  readonly size2: number;
  readonly root1: string;
  readonly root2: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

const bytes = (base64: string): Hash => Buffer.from(base64, 'base64');
const read = <T>(name: string): [string, T][] =>
  Object.entries(JSON.parse(readFileSync(join(VECTORS, name), 'utf8')) as Record<string, T>);

if (existsSync(VECTORS)) {
  describe("a proof of another project's test vectors", () => {
    it('of inclusion is judged as the vectors say', () => {
      const vectors = read<InclusionVector>('inclusion.json');
      const judged = vectors.map(([name, v]) => [
        name,
        isIncluded(bytes(v.leafHash), v.leafIdx, v.treeSize, (v.proof ?? []).map(bytes), bytes(v.root)),
      ]);
      expect(judged).toEqual(vectors.map(([name, { wantErr }]) => [name, !wantErr]));
    });

    it('of consistency is judged as the vectors say, and both sets hold 196', () => {
      const vectors = read<ConsistencyVector>('consistency.json');
      const judged = vectors.map(([name, v]) => [
        name,
        isConsistent(v.size1, bytes(v.root1), v.size2, bytes(v.root2), (v.proof ?? []).map(bytes)),
      ]);
      expect(judged).toEqual(vectors.map(([name, { wantErr }]) => [name, !wantErr]));
      expect(vectors.length + read('inclusion.json').length).toBe(196);
    });
  });
} else console.warn(`skipped the public Merkle vectors: they are not at ${VECTORS}`);

/** The tree hash by the recursion of RFC 6962 section 2.1. */
function treeHash(leaves: readonly Hash[]): Hash {
  const [only] = leaves;
  if (only === undefined) return EMPTY_ROOT;
  if (leaves.length === 1) return only;
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return nodeHash(treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)));
}

/** A tree as the sealer builds it: one leaf at a time, keeping every complete subtree. */
class Grown {
  readonly roots: Hash[] = [EMPTY_ROOT];
  private readonly nodes = new Map<string, Hash>();

  constructor(readonly leaves: readonly Hash[]) {
    const edge = new TreeEdge();
    leaves.forEach((leaf, index) => {
      this.nodes.set(`0/${String(index)}`, leaf);
      for (const { subtree, hash } of edge.append(leaf))
        this.nodes.set(`${String(subtree.level)}/${String(subtree.index)}`, hash);
      this.roots.push(edge.root);
    });
  }

  get subtrees(): readonly Subtree[] {
    return [...this.nodes.keys()].map((key) => {
      const [level = 0, index = 0] = key.split('/').map(Number);
      return { level, index };
    });
  }

  hashesOf(subtrees: readonly Subtree[]): Hash[] {
    return subtrees.map(({ level, index }) => {
      const hash = this.nodes.get(`${String(level)}/${String(index)}`);
      if (hash === undefined) throw new Error('A node is missing');
      return hash;
    });
  }

  proof(path: readonly (readonly Subtree[])[]): Hash[] {
    return path.map((part) => foldSubtrees(this.hashesOf(part)));
  }

  root(size: number): Hash {
    return this.roots[size] ?? EMPTY_ROOT;
  }
}

const LEAVES = Array.from({ length: 130 }, (_, n) => leafHash(Buffer.from(`entry ${String(n)}`)));
const tree = new Grown(LEAVES);

describe('a tree that grows leaf by leaf', () => {
  it('has at every size the root of the definition', () => {
    for (let size = 0; size <= LEAVES.length; size += 1)
      expect(tree.root(size).equals(treeHash(LEAVES.slice(0, size)))).toBe(true);
  });

  it('continues from its stored edge like a tree that was never stored', () => {
    for (const size of [0, 1, 2, 3, 64, 65, 129]) {
      const edge = new TreeEdge(size, tree.hashesOf(peaksOf(size)));
      LEAVES.slice(size).forEach((leaf) => edge.append(leaf));
      expect(edge.root.equals(tree.root(LEAVES.length))).toBe(true);
    }
    expect(() => new TreeEdge(3, [])).toThrow('one hash per peak');
  });

  it('has the hash of every subtree of the stored ones, which are at most one per sixteen leaves', () => {
    const kept = tree.subtrees.filter(isKept);
    expect(kept.filter(({ level }) => level > 0).length).toBeLessThan(LEAVES.length / 8 + 1);
    for (const subtree of tree.subtrees) {
      const parts = keptUnder(subtree);
      expect(parts.every(isKept)).toBe(true);
      expect([treeHash(tree.hashesOf(parts))]).toEqual(tree.hashesOf([subtree]));
    }
  });

  it('proves every leaf at every size, and that every size extends every smaller one', () => {
    for (let size = 1; size <= 70; size += 1)
      for (let part = 1; part <= size; part += 1) {
        const inclusion = tree.proof(inclusionPath(part - 1, size));
        const consistency = tree.proof(consistencyPath(part, size));
        expect(isIncluded(LEAVES[part - 1] ?? EMPTY_ROOT, part - 1, size, inclusion, tree.root(size))).toBe(
          true,
        );
        expect(isConsistent(part, tree.root(part), size, tree.root(size), consistency)).toBe(true);
      }
  });
});

/** A faulty proof: a node fewer, a node more, one changed, two swapped. */
const damages = fc.constantFrom<readonly [string, (proof: Hash[], at: number) => Hash[]]>(
  ['a node less at the end', (proof) => proof.slice(0, -1)],
  ['a node less at the start', (proof) => proof.slice(1)],
  ['a node more at the end', (proof) => [...proof, EMPTY_ROOT]],
  ['a node more at the start', (proof) => [EMPTY_ROOT, ...proof]],
  ['a node twice', (proof, at) => [...proof.slice(0, at), ...proof.slice(at - 1)]],
  [
    'a bit changed',
    (proof, at) =>
      proof.map((hash, n) => (n === at ? Buffer.from(hash).fill(hash.readUInt8(0) ^ 1, 0, 1) : hash)),
  ],
);

describe('a tampered proof', () => {
  const sizes = fc
    .integer({ min: 2, max: 130 })
    .chain((size) => fc.tuple(fc.integer({ min: 1, max: size - 1 }), fc.constant(size)));

  it('proves no inclusion', () => {
    fc.assert(
      fc.property(sizes, damages, fc.nat(6), ([part, size], [, damage], at) => {
        const proof = tree.proof(inclusionPath(part, size));
        const damaged = damage(proof, at);
        fc.pre(Buffer.concat(damaged).compare(Buffer.concat(proof)) !== 0);
        expect(isIncluded(LEAVES[part] ?? EMPTY_ROOT, part, size, damaged, tree.root(size))).toBe(false);
      }),
    );
  });

  it('proves no consistency', () => {
    fc.assert(
      fc.property(sizes, damages, fc.nat(6), ([part, size], [, damage], at) => {
        const proof = tree.proof(consistencyPath(part, size));
        const damaged = damage(proof, at);
        fc.pre(Buffer.concat(damaged).compare(Buffer.concat(proof)) !== 0);
        expect(isConsistent(part, tree.root(part), size, tree.root(size), damaged)).toBe(false);
      }),
    );
  });

  it('of another leaf, place, size or root proves nothing', () => {
    const proof = tree.proof(inclusionPath(5, 13));
    const leaf = LEAVES[5] ?? EMPTY_ROOT;
    expect(isIncluded(leaf, 5, 13, proof, tree.root(13))).toBe(true);
    expect(isIncluded(LEAVES[6] ?? EMPTY_ROOT, 5, 13, proof, tree.root(13))).toBe(false);
    expect(isIncluded(leaf, 4, 13, proof, tree.root(13))).toBe(false);
    expect(isIncluded(leaf, 5, 8, proof, tree.root(13))).toBe(false);
    expect(isIncluded(leaf, 5, 13, proof, tree.root(14))).toBe(false);
    expect(isIncluded(leaf, 13, 13, proof, tree.root(13))).toBe(false);
  });

  it('does not pass off an inner node as a leaf, or a leaf as an inner node', () => {
    const [first = EMPTY_ROOT, second = EMPTY_ROOT] = LEAVES;
    const inner = nodeHash(first, second);
    const twoLeaves = nodeHash(inner, leafHash(Buffer.from('third')));
    // The same bytes hashed as an entry are no inner node: the prefixes keep them apart.
    expect(leafHash(Buffer.concat([first, second])).equals(inner)).toBe(false);
    expect(
      isIncluded(leafHash(Buffer.concat([first, second])), 0, 2, [leafHash(Buffer.from('third'))], twoLeaves),
    ).toBe(false);
  });
});
