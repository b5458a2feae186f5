import type { PolicyRules } from '../domain/policy';

/** The first record of a bundle. */
export interface BundleHeader {
  readonly type: 'header';
  readonly format: 'countersign-audit-bundle';
  readonly v: 1;
  readonly origin: string;
  readonly organization_id: number;
  readonly exported_at: string;
  /** The number of leaves in the tree at the time of the export. */
  readonly tree_size: number;
  /** Leaves from this index, inclusive, to `to`, exclusive, include their canonical bytes; others only their hash. */
  readonly from: number;
  readonly to: number;
  /** Public keys as `name+id+base64`. */
  readonly keys: readonly string[];
}

/** A policy version; versions are in ascending order. */
export interface BundlePolicy {
  readonly type: 'policy';
  readonly version: number;
  readonly rules: PolicyRules;
}

/** An audit entry at its index in the tree; indexes are in ascending order. */
export interface BundleLeaf {
  readonly type: 'leaf';
  readonly index: number;
  readonly audit_id: number;
  /** Base64. */
  readonly leaf_hash: string;
  /** The hashed text, in UTF-8; null outside of the header's range, and if the row is gone. */
  readonly canonical: string | null;
  /** The row's columns that differ from its canonical bytes; absent if none do. */
  readonly altered?: readonly string[];
}

/** A signed checkpoint, after the last leaf that it covers. */
export interface BundleCheckpoint {
  readonly type: 'checkpoint';
  readonly note: string;
}

/** An entry that is not sealed yet. */
export interface BundleUnsealed {
  readonly type: 'unsealed';
  readonly audit_id: number;
  readonly leaf_hash: string;
  readonly canonical: string;
  readonly altered?: readonly string[];
  /** Whether the entry is in the sealer's queue. */
  readonly queued: boolean;
}

/** The state of an action at the time of the export. */
export interface BundleAction {
  readonly type: 'action';
  readonly id: number;
  readonly status: 'pending_approval' | 'approved' | 'denied' | 'expired';
  readonly decided_by_kind: 'user' | 'policy' | null;
  readonly decided_by: number | null;
  readonly decided_at: string | null;
  readonly approvals: number;
  readonly correlation_id: string | null;
}

/** The last record of a bundle: how many records of each kind precede it. */
export interface BundleEnd {
  readonly type: 'end';
  readonly policies: number;
  readonly leaves: number;
  readonly checkpoints: number;
  readonly unsealed: number;
  readonly actions: number;
}

/**
 * A line of a bundle. Records are in the order of this union, with checkpoints among the leaves (docs/audit-format.md).
 */
export type BundleRecord =
  BundleHeader | BundlePolicy | BundleLeaf | BundleCheckpoint | BundleUnsealed | BundleAction | BundleEnd;
