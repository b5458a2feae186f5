import { noteKeyText, readNoteKey, type NoteKey } from '../domain/signed-note';
import type { BundleEnd, BundleHeader, BundleRecord } from './bundle';
import type { Entry } from './entry';
import type { UnreadableRecord } from './read-bundle';
import { isTime } from './time';
import { OrderVerification } from './verify-order';
import { ReceiptVerification, type KeptReceipt } from './verify-receipts';
import type { Fault, Gap, VerificationReport } from './verification';
import { EntryVerification } from './verify-entries';
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
  private readonly counts = { policies: 0, leaves: 0, checkpoints: 0, unsealed: 0, actions: 0 };
  /** The unsealed entries that no kept checkpoint covers, and how many of them have a receipt. */
  private readonly unproven = { entries: 0, withReceipt: 0 };
  private readonly remarks: string[] = [];
  private readonly gaps: Gap[] = [];
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
    this.checkHeader();
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
    this.checkEnd();
    this.findGaps();
    const { leaves, checkpoints, actions, unsealed } = this.counts;
    return {
      origin: this.header.origin,
      treeSize: this.tree.size,
      rootHash: this.tree.rootHash.toString('base64'),
      entries: leaves + unsealed,
      checkpoints,
      actions,
      gaps: this.gaps,
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

  private checkHeader(): void {
    const { origin, organization_id: id, exported_at: at, from, to, tree_size: size } = this.header;
    const differs = (detail: string): void => {
      this.report({ kind: 'HEADER_DIFFERS', detail });
    };
    if (!origin.endsWith(`/organizations/${String(id)}`))
      differs(`Organization ${String(id)} is not that of ${origin}`);
    if (!isTime(at)) differs(`The time of the export is not a time: ${at.slice(0, 100)}`);
    if (from > to || to > size)
      differs(`A tree of ${String(size)} leaves has no leaves from ${String(from)} to ${String(to)}`);
  }

  private checkEnd(): void {
    const { end, counts, header } = this;
    const isComplete =
      end !== null &&
      Object.entries(counts).every(
        ([kind, count]) => (end as unknown as Record<string, unknown>)[kind] === count,
      );
    if (!isComplete)
      this.report({
        kind: 'INCOMPLETE_BUNDLE',
        detail: 'The bundle does not hold as many records as its last record says',
      });
    if (counts.leaves !== header.tree_size)
      this.report({
        kind: 'INCOMPLETE_BUNDLE',
        detail: `The header says ${String(header.tree_size)} leaves, but the bundle holds ${String(counts.leaves)}`,
      });
    for (const key of this.tree.signedBy)
      if (!header.keys.includes(key))
        this.report({
          kind: 'HEADER_DIFFERS',
          detail: `A checkpoint is signed by a key that the header does not name: ${key}`,
        });
  }

  private findGaps(): void {
    const { missing, policyCount, pendingWithoutEntry } = this.content;
    const { entries, withReceipt } = this.unproven;
    const gap = (requirement: Gap['requirement'], detail: string): void => {
      this.gaps.push({ requirement, detail });
    };
    if (missing > 0)
      gap(
        'whole',
        `${String(missing)} entries are included by their hash only: their content, and what follows from it, was not checked`,
      );
    if (policyCount === 0) gap('whole', 'No policy is included: no decision was checked against one');
    if (entries > 0)
      gap(
        'sealed',
        `${String(entries)} entries were not sealed yet, ${String(withReceipt)} of them with a receipt: only their form was checked`,
      );
    if (this.input.trustedKeys.length === 0)
      gap('anchored', 'No key was given: the keys that the bundle names were trusted');
    else if (this.tree.signedBy.size === 0)
      gap('anchored', 'No checkpoint by a key that you trust is included');
    if (pendingWithoutEntry > 0)
      this.remarks.push(`${String(pendingWithoutEntry)} pending actions have no entry: nothing proves them`);
    const foreign = this.header.keys.filter(
      (key) =>
        this.input.trustedKeys.length > 0 &&
        !this.input.trustedKeys.some((known) => noteKeyText(known) === key),
    );
    for (const key of foreign) this.remarks.push(`The bundle names a key that you did not give: ${key}`);
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
