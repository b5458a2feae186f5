/** What can be wrong with an audit log, each with a name of its own. */
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

/** One thing that is wrong. */
export interface Fault {
  readonly kind: FaultKind;
  readonly detail: string;
  /** Where, as far as there is a place. */
  readonly leafIndex?: number;
  readonly auditId?: number;
  readonly actionId?: number;
}

/** What can be asked of a verification beyond that nothing is wrong. */
export const REQUIREMENTS = ['whole', 'sealed', 'anchored'] as const;
export type Requirement = (typeof REQUIREMENTS)[number];

/** Something that the bundle does not prove, though nothing in it is wrong. */
export interface Gap {
  readonly requirement: Requirement;
  readonly detail: string;
}

/** PARTIAL: nothing is wrong, and not everything is proven. */
export const AUDIT_VERDICTS = ['OK', 'PARTIAL', 'FAILED'] as const;
export type AuditVerdict = (typeof AUDIT_VERDICTS)[number];

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
  /** What was not proven. */
  readonly gaps: readonly Gap[];
  /** What does not speak against the log, and should be known. */
  readonly remarks: readonly string[];
}

/**
 * The one word for a report: FAILED where something is wrong or a requirement is not met, PARTIAL where something was
 * not proven, else OK.
 * @param required of which requirements a gap is a failure
 */
export function verdictOf(
  { faultCount, gaps }: Pick<VerificationReport, 'faultCount' | 'gaps'>,
  required: readonly Requirement[] = [],
): AuditVerdict {
  if (faultCount > 0 || gaps.some(({ requirement }) => required.includes(requirement))) return 'FAILED';
  return gaps.length > 0 ? 'PARTIAL' : 'OK';
}
