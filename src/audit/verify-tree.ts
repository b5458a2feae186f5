import { leafHash, TreeEdge } from '../domain/merkle';
import { openCheckpoint, type Checkpoint } from '../domain/checkpoint';
import { noteKeyText, type NoteKey } from '../domain/signed-note';
import type { BundleCheckpoint, BundleLeaf } from './bundle';
import type { Fault } from './verification';

/** A checkpoint that was kept earlier, to compare the tree with. */
export interface KeptCheckpoint {
  readonly note: string;
  /** Where the checkpoint came from, for the report. */
  readonly source: string;
}

/**
 * Recomputes a tree from its leaves and compares every checkpoint with it, those in the bundle and those that were
 * kept. Memory grows only with the number of kept checkpoints, not with the log.
 */
export class TreeVerification {
  private readonly edge = new TreeEdge();
  private readonly kept = new Map<number, (Checkpoint & { source: string })[]>();
  private lastCheckpoint = -1;
  /** The tree of the sealed leaves, set once unsealed entries are appended to the edge. */
  private sealed: { readonly size: number; readonly root: Buffer } | null = null;
  /** The tree size up to which unsealed entries are covered by a kept checkpoint. */
  private proven = 0;
  /** The roots including unsealed entries, by size, where a checkpoint of that size was kept. */
  private readonly roots = new Map<number, Buffer>();
  private readonly signers = new Set<string>();

  /**
   * @param origin the origin that every checkpoint has to name
   * @param report called with every fault
   */
  constructor(
    private readonly origin: string,
    private readonly keys: readonly NoteKey[],
    kept: readonly KeptCheckpoint[],
    private readonly report: (fault: Fault) => void,
  ) {
    for (const { note, source } of kept) {
      const checkpoint = this.open(note, ` from ${source}`);
      if (checkpoint === null) continue;
      const known = this.kept.get(checkpoint.treeSize) ?? [];
      if (known.some(({ rootHash }) => !rootHash.equals(checkpoint.rootHash)))
        report({
          kind: 'FORKED',
          detail: `Two checkpoints of size ${String(checkpoint.treeSize)} were signed, with different roots`,
        });
      this.kept.set(checkpoint.treeSize, [...known, { ...checkpoint, source }]);
    }
    this.checkKept();
  }

  get size(): number {
    return this.sealed?.size ?? this.edge.size;
  }

  get rootHash(): Buffer {
    return this.sealed?.root ?? this.edge.root;
  }

  /** The keys that signed the bundle's checkpoints, as text. */
  get signedBy(): ReadonlySet<string> {
    return this.signers;
  }

  /** Adds the next leaf. */
  add(leaf: BundleLeaf): void {
    const at = { leafIndex: leaf.index, auditId: leaf.audit_id };
    if (leaf.index !== this.edge.size)
      this.report({
        kind: 'INDEX_GAP',
        detail: `Leaf ${String(leaf.index)} occurs where leaf ${String(this.edge.size)} is expected`,
        ...at,
      });
    this.checkBytes(leaf);
    this.edge.append(Buffer.from(leaf.leaf_hash, 'base64'));
    this.checkKept();
  }

  /**
   * Adds an entry that is not sealed yet, in the order of future sealing: by id.
   * @returns whether a kept checkpoint covers everything up to this entry, so that it has been sealed since the export
   */
  addUnsealed(entry: Pick<BundleLeaf, 'audit_id' | 'leaf_hash' | 'canonical'>): boolean {
    this.sealed ??= { size: this.edge.size, root: this.edge.root };
    this.checkBytes(entry);
    this.edge.append(Buffer.from(entry.leaf_hash, 'base64'));
    const { root, size } = this.edge;
    const isProven = (this.kept.get(size) ?? []).some(({ rootHash }) => rootHash.equals(root));
    if (this.kept.has(size)) this.roots.set(size, root);
    if (isProven) this.proven = size;
    return isProven;
  }

  /** Compares the tree so far with the kept checkpoints of its size. */
  private checkKept(): void {
    const { size, root } = this.edge;
    for (const { rootHash, source } of this.kept.get(size) ?? [])
      if (!rootHash.equals(root)) this.reportFork(size, source);
  }

  private reportFork(size: number, source: string): void {
    this.report({
      kind: 'FORKED',
      detail: `The first ${String(size)} leaves do not have the root of the checkpoint from ${source}`,
    });
  }

  /** Checks that an entry's bytes, if included, have the stated leaf hash. */
  private checkBytes({
    audit_id: auditId,
    leaf_hash,
    canonical,
  }: Pick<BundleLeaf, 'audit_id' | 'leaf_hash' | 'canonical'>): void {
    if (canonical === null || leafHash(Buffer.from(canonical)).toString('base64') === leaf_hash) return;
    this.report({
      kind: 'BYTES_ALTERED',
      detail: `The bytes of audit entry ${String(auditId)} do not have the hash of its leaf`,
      auditId,
    });
  }

  /** Checks a checkpoint of the bundle, which has to match the leaves so far. */
  check({ note }: BundleCheckpoint): void {
    const checkpoint = this.open(note, ' of the bundle');
    if (checkpoint === null) return;
    const { treeSize, rootHash } = checkpoint;
    this.signers.add(noteKeyText(checkpoint.key));
    const size = String(treeSize);
    if (treeSize <= this.lastCheckpoint) {
      this.report({
        kind: 'CHECKPOINT_REPLAYED',
        detail: `A checkpoint of size ${size} comes after one of size ${String(this.lastCheckpoint)}`,
      });
      return;
    }
    this.lastCheckpoint = treeSize;
    if (treeSize !== this.edge.size)
      this.report({
        kind: treeSize > this.edge.size ? 'TRUNCATED' : 'INDEX_GAP',
        detail: `A checkpoint of size ${size} comes after ${String(this.edge.size)} leaves`,
      });
    else if (!rootHash.equals(this.edge.root))
      this.report({
        kind: 'ROOT_DIFFERS',
        detail: `The first ${size} leaves do not have the root of the checkpoint of that size`,
      });
  }

  /** Reports what no checkpoint covers. Call after the last leaf and the last unsealed entry. */
  finish(): void {
    const covered = Math.max(this.lastCheckpoint, 0);
    if (this.size > covered)
      this.report({
        kind: 'NOT_CHECKPOINTED',
        detail: `${String(this.size - covered)} leaves are covered by no checkpoint`,
      });
    for (const [size, checkpoints] of this.kept)
      for (const { source, rootHash } of checkpoints)
        if (size <= this.size) continue;
        else if (size > this.proven) this.report(truncated(size, source, rootHash, this.size));
        else if (!this.roots.get(size)?.equals(rootHash)) this.reportFork(size, source);
  }

  private open(note: string, which: string): ReturnType<typeof openCheckpoint> {
    const checkpoint = openCheckpoint(note, this.keys);
    if (checkpoint === null) {
      this.report({
        kind: 'CHECKPOINT_NOT_SIGNED',
        detail: `A checkpoint${which} is not signed by a known key`,
      });
      return null;
    }
    if (checkpoint.origin === this.origin) return checkpoint;
    this.report({
      kind: 'CHECKPOINT_OF_OTHER_ORIGIN',
      detail: `A checkpoint${which} is of ${checkpoint.origin}, not of ${this.origin}`,
    });
    return null;
  }
}

function truncated(size: number, source: string, root: Buffer, found: number): Fault {
  return {
    kind: 'TRUNCATED',
    detail:
      `The checkpoint from ${source} with root ${root.toString('base64')} covers ${String(size)} leaves, but there are ${String(found)}: ` +
      'entries were removed from the end, or the checkpoint was signed after the export, which only a newer export can show',
  };
}
