import { readNoteKey, type NoteKey } from '../domain/signed-note';
import type { BundleEnd, BundleHeader, BundleRecord } from './bundle';
import type { Entry } from './entry';
import type { UnreadableRecord } from './read-bundle';
import { OrderVerification } from './verify-order';
import { ReceiptVerification, type KeptReceipt } from './verify-receipts';
import type { Fault, VerificationReport } from './verification';
import { EntryVerification } from './verify-entries';
import { endFaults, gapsOf, headerFaults, type Counts } from './verify-frame';
import { TreeVerification, type KeptCheckpoint } from './verify-tree';

/** What a bundle is checked against. */
export interface VerificationInput {
  /**
   * Keys that the verifying party trusts. If there are none, the bundle's own keys are used and nothing is anchored.
   */
  readonly trustedKeys: readonly NoteKey[];
  /** Checkpoints kept from before the export. */
  readonly checkpoints: readonly KeptCheckpoint[];
  /** Receipts that approvers kept. */
  readonly receipts: readonly KeptReceipt[];
}

/** The progress of a verification. A fault is reported as soon as it is found. */
export interface ProgressStep {
  readonly entries: number;
  readonly of: number;
  readonly fault?: Fault;
}

export type Progress = (step: ProgressStep) => void;

type Found = Omit<VerificationReport, 'faults' | 'faultCount'>;

/** How many faults are kept and reported: a log whose start was cut off has one for every entry. */
const MAX_FAULTS = 1_000;
/** After how many entries progress is reported. */
const STEP = 10_000;

/**
 * Verifies a bundle in one pass: bytes, leaves, roots, signatures and earlier checkpoints, and that entries, policies
 * and end states of actions agree (docs/audit-format.md).
 * @param records the records as `readBundle` or the exporter yields them
 */
export async function verifyBundle(
  records: AsyncIterable<BundleRecord | UnreadableRecord>,
  input: VerificationInput,
  progress: Progress = () => undefined,
): Promise<VerificationReport> {
  const faults: Fault[] = [];
  let faultCount = 0;
  let verification: Verification | null = null;
  let entries = 0;
  const report = (fault: Fault): void => {
    faultCount += 1;
    if (faults.length >= MAX_FAULTS) return;
    faults.push(fault);
    progress({ entries, of: verification?.header.tree_size ?? 0, fault });
  };
  for await (const record of records) {
    if (verification === null) {
      if (record.type !== 'header') {
        report(
          record.type === 'unreadable'
            ? { kind: record.kind, detail: record.reason }
            : { kind: 'NOT_A_BUNDLE', detail: 'The file does not begin with the header of an audit bundle' },
        );
        break;
      }
      verification = new Verification(record, input, report);
    } else verification.take(record);
    if (record.type === 'leaf') {
      entries += 1;
      if (entries % STEP === 0) progress({ entries, of: verification.header.tree_size });
    }
  }
  if (verification === null && faults.length === 0)
    report({ kind: 'NOT_A_BUNDLE', detail: 'The file is empty' });
  const found = verification?.finish() ?? NOTHING;
  return { ...found, faults, faultCount };
}

const NOTHING: Found = {
  origin: '',
  treeSize: 0,
  rootHash: '',
  entries: 0,
  checkpoints: 0,
  actions: 0,
  gaps: [],
  remarks: [],
};

/** A verification in progress. */
class Verification {
  private readonly tree: TreeVerification;
  private readonly content: EntryVerification;
  private readonly order: OrderVerification;
  private readonly receipts: ReceiptVerification;
  private readonly counts: Counts = { policies: 0, leaves: 0, checkpoints: 0, unsealed: 0, actions: 0 };
  /** The unsealed entries that no kept checkpoint covers, and how many of them have a receipt. */
  private readonly unproven = { entries: 0, withReceipt: 0 };
  private readonly remarks: string[] = [];
  private end: BundleEnd | null = null;

  constructor(
    readonly header: BundleHeader,
    private readonly input: VerificationInput,
    private readonly report: (fault: Fault) => void,
  ) {
    const keys = this.keysFor(input);
    this.order = new OrderVerification(report);
    this.tree = new TreeVerification(header.origin, keys, input.checkpoints, report);
    this.content = new EntryVerification(header.organization_id, Date.parse(header.exported_at), report);
    this.receipts = new ReceiptVerification(header.origin, keys, input.receipts, report);
    for (const detail of headerFaults(header)) report({ kind: 'HEADER_DIFFERS', detail });
  }

  take(record: BundleRecord | UnreadableRecord): void {
    if (record.type !== 'unreadable') this.order.add(record);
    switch (record.type) {
      case 'policy':
        this.counts.policies += 1;
        this.content.addPolicy(record);
        break;
      case 'leaf':
        this.counts.leaves += 1;
        this.takeLeaf(record);
        break;
      case 'checkpoint':
        this.counts.checkpoints += 1;
        this.tree.check(record);
        break;
      case 'unsealed':
        this.counts.unsealed += 1;
        this.takeUnsealed(record);
        break;
      case 'action':
        this.counts.actions += 1;
        this.content.checkAction(record);
        break;
      case 'end':
        this.end = record;
        break;
      case 'header':
        this.report({ kind: 'NOT_A_BUNDLE', detail: 'There is a second header' });
        break;
      case 'unreadable':
        this.report({ kind: record.kind, detail: record.reason });
    }
  }

  finish(): Found {
    this.tree.finish();
    this.content.finish();
    this.receipts.finish();
    for (const fault of endFaults(this.header, this.end, this.counts, this.tree.signedBy)) this.report(fault);
    const { gaps, remarks } = gapsOf(this.header, this.input.trustedKeys, {
      ...this.unproven,
      missing: this.content.missing,
      policies: this.content.policyCount,
      pendingWithoutEntry: this.content.pendingWithoutEntry,
      isSigned: this.tree.signedBy.size > 0,
    });
    this.remarks.push(...remarks);
    const { leaves, checkpoints, actions, unsealed } = this.counts;
    return {
      origin: this.header.origin,
      treeSize: this.tree.size,
      rootHash: this.tree.rootHash.toString('base64'),
      entries: leaves + unsealed,
      checkpoints,
      actions,
      gaps,
      remarks: this.remarks,
    };
  }

  private takeLeaf(record: Extract<BundleRecord, { type: 'leaf' }>): void {
    const { index, audit_id: auditId, canonical } = record;
    this.tree.add(record);
    this.receipts.honour(auditId, record.leaf_hash);
    this.noteRollback(this.content.add({ ...record, leafIndex: index }));
    const isAsked = index >= this.header.from && index < this.header.to;
    const at = { leafIndex: index, auditId };
    const entry = `Audit entry ${String(auditId)}`;
    if (isAsked && canonical === null)
      this.report({
        kind: 'ENTRY_MISSING',
        detail: `${entry} is in the tree, but its row is missing`,
        ...at,
      });
    if (!isAsked && canonical !== null)
      this.report({
        kind: 'HEADER_DIFFERS',
        detail: `${entry} is outside the range of the header, but includes its bytes`,
        ...at,
      });
  }

  /** An accepted rollback is reported in every later verification. */
  private noteRollback(entry: Entry | null): void {
    if (entry?.action_type !== 'rollback_accepted') return;
    const data = entry.data ?? {};
    this.remarks.push(
      `A rollback was accepted at ${entry.timestamp} by audit entry ${String(entry.audit_id)}: generation ${String(data['generation'])} goes on from tree size ${String(data['tree_size'])} (root ${String(data['root_hash'])}), size ${String(data['abandoned_size'])} (root ${String(data['abandoned_root'])}) was abandoned`,
    );
  }

  private takeUnsealed(record: Extract<BundleRecord, { type: 'unsealed' }>): void {
    const auditId = record.audit_id;
    if (!record.queued)
      this.report({
        kind: 'NEVER_SEALED',
        detail: `Audit entry ${String(auditId)} is neither in the tree nor queued for it`,
        auditId,
      });
    const hasReceipt = this.receipts.honour(auditId, record.leaf_hash);
    const entry = this.content.add(record);
    // The export's own entry is never sealed in that export.
    if (entry?.action_type !== 'audit_exported') {
      this.unproven.entries += 1;
      this.unproven.withReceipt += hasReceipt ? 1 : 0;
    }
    if (this.tree.addUnsealed(record)) Object.assign(this.unproven, { entries: 0, withReceipt: 0 });
  }

  private keysFor({ trustedKeys }: VerificationInput): readonly NoteKey[] {
    const named = this.header.keys.flatMap((text) => {
      const key = readNoteKey(text);
      if (key === null)
        this.report({ kind: 'UNKNOWN_KEY', detail: `This is not a public key: ${text.slice(0, 200)}` });
      return key ?? [];
    });
    return trustedKeys.length > 0 ? trustedKeys : named;
  }
}
