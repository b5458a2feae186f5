/** The kinds of faults that an audit log can have. */
export const FAULT_KINDS = [
  'NOT_A_BUNDLE',
  'GZIP_DAMAGED',
  'LINE_TOO_LONG',
  'INCOMPLETE_BUNDLE',
  'OUT_OF_ORDER',
  'HEADER_DIFFERS',
  'UNKNOWN_KEY',
  'INDEX_GAP',
  'DUPLICATE_ENTRY',
  'ENTRY_MISSING',
  'BYTES_ALTERED',
  'NOT_CANONICAL',
  'INVALID_ENTRY',
  'WRONG_ENTRY',
  'OTHER_ORGANIZATION',
  'ROW_ALTERED',
  'BACK_DATED',
  'POST_DATED',
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
  'ACTION_MISSING',
  'SUBMISSION_DIFFERS',
  'OWN_ACTION',
  'LEVEL_TOO_LOW',
  'QUORUM_NOT_MET',
  'VOTED_TWICE',
  'POLICY_DIFFERS',
  'POLICY_NOT_IN_FORCE',
  'APPROVED_WITHOUT_POLICY',
  'ARCHIVE_DIFFERS',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** One fault of a log. */
export interface Fault {
  readonly kind: FaultKind;
  readonly detail: string;
  /** The location, where the fault has one. */
  readonly leafIndex?: number;
  readonly auditId?: number;
  readonly actionId?: number;
}

/** What a verification can be required to prove, in addition to finding no fault. */
export const REQUIREMENTS = ['whole', 'sealed', 'anchored'] as const;
export type Requirement = (typeof REQUIREMENTS)[number];

/** Something that the bundle does not prove, although nothing in it is wrong. */
export interface Gap {
  readonly requirement: Requirement;
  readonly detail: string;
}

/** PARTIAL: no faults, but not everything is proven. */
export const AUDIT_VERDICTS = ['OK', 'PARTIAL', 'FAILED'] as const;
export type AuditVerdict = (typeof AUDIT_VERDICTS)[number];

/** The result of a verification. */
export interface VerificationReport {
  readonly origin: string;
  readonly treeSize: number;
  /** The root of the recomputed tree, base64. */
  readonly rootHash: string;
  readonly entries: number;
  readonly checkpoints: number;
  readonly actions: number;
  /** The first faults found, at most a thousand. */
  readonly faults: readonly Fault[];
  /** The number of all faults; 0 means that everything agrees. */
  readonly faultCount: number;
  /** What was not proven. */
  readonly gaps: readonly Gap[];
  /** Notable facts that are not faults. */
  readonly remarks: readonly string[];
}

/**
 * Returns the verdict on a report: FAILED if there is a fault or a requirement is not met, PARTIAL if something is not
 * proven, otherwise OK.
 * @param required the requirements for which a gap is a failure
 */
export function verdictOf(
  { faultCount, gaps }: Pick<VerificationReport, 'faultCount' | 'gaps'>,
  required: readonly Requirement[] = [],
): AuditVerdict {
  if (faultCount > 0 || gaps.some(({ requirement }) => required.includes(requirement))) return 'FAILED';
  return gaps.length > 0 ? 'PARTIAL' : 'OK';
}
