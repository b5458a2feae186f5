import type { PolicyRules } from '../domain/policy';

/** What a bundle begins with. */
export interface BundleHeader {
  readonly type: 'header';
  readonly format: 'countersign-audit-bundle';
  readonly v: 1;
  readonly origin: string;
  readonly organization_id: number;
  readonly exported_at: string;
  /** Leaves in the tree at the time. */
  readonly tree_size: number;
  /** Leaves from here, inclusive, to there, exclusive, come with their canonical bytes; the others by hash alone. */
  readonly from: number;
  readonly to: number;
  /** Public keys as `name+id+base64`. */
  readonly keys: readonly string[];
}

/** A policy version, lowest first. */
export interface BundlePolicy {
  readonly type: 'policy';
  readonly version: number;
  readonly rules: PolicyRules;
}

/** An entry of the audit log in its place in the tree, lowest index first. */
export interface BundleLeaf {
  readonly type: 'leaf';
  readonly index: number;
  readonly audit_id: number;
  /** Base64. */
  readonly leaf_hash: string;
  /** The text that is hashed, in UTF-8; null outside of the header's range, and where the row is gone. */
  readonly canonical: string | null;
  /** The row's columns that do not say what its bytes say; absent where all do. */
  readonly altered?: readonly string[];
}

/** A signed checkpoint, behind the last leaf that it covers. */
export interface BundleCheckpoint {
  readonly type: 'checkpoint';
  readonly note: string;
}

/** An entry that is not in the tree yet. */
export interface BundleUnsealed {
  readonly type: 'unsealed';
  readonly audit_id: number;
  readonly leaf_hash: string;
  readonly canonical: string;
  readonly altered?: readonly string[];
  /** Whether the sealer has it in its queue. */
  readonly queued: boolean;
}

/** How an action stood at the time. */
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

/** What a bundle ends with: how many records of each kind came before. */
export interface BundleEnd {
  readonly type: 'end';
  readonly policies: number;
  readonly leaves: number;
  readonly checkpoints: number;
  readonly unsealed: number;
  readonly actions: number;
}

/** A line of a bundle: records in the order of this union, checkpoints among the leaves (docs/audit-format.md). */
export type BundleRecord =
  BundleHeader | BundlePolicy | BundleLeaf | BundleCheckpoint | BundleUnsealed | BundleAction | BundleEnd;
