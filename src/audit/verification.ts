/** What can be wrong with an audit log, each with a name of its own. */
export const FAULT_KINDS = [
  'NOT_A_BUNDLE',
  'INCOMPLETE_BUNDLE',
  'UNKNOWN_KEY',
  'INDEX_GAP',
  'DUPLICATE_ENTRY',
  'ENTRY_MISSING',
  'BYTES_ALTERED',
  'NOT_CANONICAL',
  'WRONG_ENTRY',
  'OTHER_ORGANIZATION',
  'ROW_ALTERED',
  'BACK_DATED',
  'CHECKPOINT_NOT_SIGNED',
  'CHECKPOINT_OF_OTHER_ORIGIN',
  'CHECKPOINT_REPLAYED',
  'ROOT_DIFFERS',
  'FORKED',
  'NOT_CHECKPOINTED',
  'TRUNCATED',
  'NEVER_SEALED',
  'RECEIPT_NOT_SIGNED',
  'RECEIPT_NOT_HONOURED',
  'DECIDED_TWICE',
  'DECIDED_WITHOUT_AUDIT',
  'AUDITED_WITHOUT_DECISION',
  'DECISION_DIFFERS',
  'LEVEL_TOO_LOW',
  'QUORUM_NOT_MET',
  'VOTED_TWICE',
  'POLICY_DIFFERS',
  'APPROVED_WITHOUT_POLICY',
  'ARCHIVE_DIFFERS',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** One thing that is wrong. */
export interface Fault {
  readonly kind: FaultKind;
  readonly detail: string;
  /** Where, as far as there is a place. */
  readonly leafIndex?: number;
  readonly auditId?: number;
  readonly actionId?: number;
}

/** What a verification found. */
export interface VerificationReport {
  readonly origin: string;
  readonly treeSize: number;
  /** Of the tree that was recomputed, base64. */
  readonly rootHash: string;
  readonly entries: number;
  readonly checkpoints: number;
  readonly actions: number;
  /** The first ones that were found, a thousand at most. */
  readonly faults: readonly Fault[];
  /** All of them; 0 means that everything agrees. */
  readonly faultCount: number;
  /** What does not speak against the log, and should be known. */
  readonly remarks: readonly string[];
}
