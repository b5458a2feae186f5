import { openReceipt } from '../domain/checkpoint';
import { parseEntry } from './entry';
import { readNoteKey, type NoteKey } from '../domain/signed-note';
import type { BundleEnd, BundleHeader, BundleRecord } from './bundle';
import type { UnreadableRecord } from './read-bundle';
import type { Fault, VerificationReport } from './verification';
import { EntryVerification } from './verify-entries';
import { TreeVerification, type KeptCheckpoint } from './verify-tree';

/** What a bundle is held against. */
export interface VerificationInput {
  /** Keys that the one who verifies trusts; where there are none, the bundle's own count, and a remark says so. */
  readonly trustedKeys: readonly NoteKey[];
  readonly checkpoints: readonly KeptCheckpoint[];
  /** Receipts that approvers kept. */
  readonly receipts: readonly {
    readonly note: string;
    readonly source: string;
  }[];
}

/** How far a verification is; a fault as soon as it is found. */
export interface ProgressStep {
  readonly entries: number;
  readonly of: number;
  readonly fault?: Fault;
}

export type Progress = (step: ProgressStep) => void;

type Found = Omit<VerificationReport, 'faults' | 'faultCount'>;

/** How many faults are kept and told: a log that was cut at its start has one for every entry. */
const MAX_FAULTS = 1_000;
/** After how many entries progress is told. */
const STEP = 10_000;

/**
 * Verifies a bundle record by record: bytes, leaves, roots, signatures, what was kept earlier, and that entries,
 * policies and end-states of actions agree (docs/audit-format.md). Reads it once, in its order.
 * @param records as `readBundle` or the exporter gives them
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
        report({
          kind: 'NOT_A_BUNDLE',
          detail: 'This does not begin as an audit bundle',
        });
        break;
      }
      verification = new Verification(record, input, report);
    } else verification.take(record);
    if (record.type === 'leaf') {
      entries += 1;
      if (entries % STEP === 0) progress({ entries, of: verification.header.tree_size });
    }
  }
  if (verification === null && faults.length === 0) report({ kind: 'NOT_A_BUNDLE', detail: 'This is empty' });
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
  remarks: [],
};

/** A verification under way. */
class Verification {
  private readonly tree: TreeVerification;
  private readonly content: EntryVerification;
  private readonly counts = {
    policies: 0,
    leaves: 0,
    checkpoints: 0,
    unsealed: 0,
    actions: 0,
  };
  private readonly receipts: Map<number, { leafHash: Buffer; source: string }>;
  private readonly remarks: string[] = [];
  private end: BundleEnd | null = null;

  constructor(
    readonly header: BundleHeader,
    input: VerificationInput,
    private readonly report: (fault: Fault) => void,
  ) {
    const keys = this.keysFor(input);
    this.tree = new TreeVerification(header.origin, keys, input.checkpoints, report);
    this.content = new EntryVerification(header.organization_id, this.isWhole, report);
    this.receipts = this.openReceipts(input, keys);
  }

  take(record: BundleRecord | UnreadableRecord): void {
    if (this.end !== null)
      this.report({
        kind: 'INCOMPLETE_BUNDLE',
        detail: 'Something comes after the end',
      });
    switch (record.type) {
      case 'policy':
        this.counts.policies += 1;
        this.content.addPolicy(record);
        break;
      case 'leaf':
        this.counts.leaves += 1;
        this.tree.add(record);
        this.honour(record.audit_id, record.leaf_hash);
        this.noteRollback(record.canonical);
        if (record.canonical !== null)
          this.content.add({ ...record, canonical: record.canonical, leafIndex: record.index });
        else if (record.index >= this.header.from && record.index < this.header.to)
          this.report({
            kind: 'ENTRY_MISSING',
            detail: `Audit entry ${String(record.audit_id)} is in the tree, and its row is gone`,
            leafIndex: record.index,
            auditId: record.audit_id,
          });
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
        if (this.isWhole) this.content.checkAction(record);
        break;
      case 'end':
        this.end = record;
        break;
      case 'header':
        this.report({ kind: 'NOT_A_BUNDLE', detail: 'There is a second beginning' });
        break;
      case 'unreadable':
        this.report({ kind: 'NOT_A_BUNDLE', detail: `Line ${String(record.line)}: ${record.reason}` });
    }
  }

  finish(): Found {
    this.tree.finish();
    if (this.isWhole) this.content.finish();
    else
      this.remarks.push(
        'Only a part came with its bytes: decisions and actions were not held against each other',
      );
    this.checkEnd();
    for (const [auditId, { source }] of this.receipts)
      this.report({
        kind: 'RECEIPT_NOT_HONOURED',
        detail: `The entry of the receipt from ${source} is not in the log as it was promised`,
        auditId,
      });
    const { leaves, checkpoints, actions, unsealed } = this.counts;
    if (unsealed > 0) this.remarks.push(`${String(unsealed)} entries were not sealed yet`);
    return {
      origin: this.header.origin,
      treeSize: this.tree.size,
      rootHash: this.tree.rootHash.toString('base64'),
      entries: leaves + unsealed,
      checkpoints,
      actions,
      remarks: this.remarks,
    };
  }

  /** A rollback that an operator accepted is told for ever. */
  private noteRollback(canonical: string | null): void {
    // Most entries are spared the parser.
    if (canonical?.includes('"action_type":"rollback_accepted"') !== true) return;
    const entry = parseEntry(canonical);
    if (entry?.action_type !== 'rollback_accepted') return;
    const data = entry.data ?? {};
    this.remarks.push(
      `A rollback was accepted at ${entry.timestamp} by audit entry ${String(entry.audit_id)}: generation ${String(data['generation'])} goes on from tree size ${String(data['tree_size'])} (root ${String(data['root_hash'])}), size ${String(data['abandoned_size'])} (root ${String(data['abandoned_root'])}) was given up`,
    );
  }

  /** Whether every entry came with its bytes, so that what was audited can be compared with what is. */
  private get isWhole(): boolean {
    return this.header.from === 0 && this.header.to >= this.header.tree_size;
  }

  private takeUnsealed(record: Extract<BundleRecord, { type: 'unsealed' }>): void {
    if (!record.queued)
      this.report({
        kind: 'NEVER_SEALED',
        detail: `Audit entry ${String(record.audit_id)} is neither in the tree nor waiting for it`,
        auditId: record.audit_id,
      });
    this.tree.checkBytes(record);
    this.honour(record.audit_id, record.leaf_hash);
    this.content.add(record);
  }

  private checkEnd(): void {
    const { end, counts } = this;
    const isComplete =
      end !== null &&
      Object.entries(counts).every(
        ([kind, count]) => (end as unknown as Record<string, unknown>)[kind] === count,
      );
    if (!isComplete)
      this.report({
        kind: 'INCOMPLETE_BUNDLE',
        detail: 'The bundle does not hold as many records as its end says',
      });
    if (counts.leaves !== this.header.tree_size)
      this.report({
        kind: 'INCOMPLETE_BUNDLE',
        detail: `The bundle begins by saying ${String(this.header.tree_size)} leaves and holds ${String(counts.leaves)}`,
      });
  }

  private keysFor({ trustedKeys }: VerificationInput): readonly NoteKey[] {
    if (trustedKeys.length > 0) return trustedKeys;
    this.remarks.push('No key was given: the keys that the bundle names were taken for true');
    return this.header.keys.flatMap((text) => {
      const key = readNoteKey(text);
      if (key === null)
        this.report({
          kind: 'UNKNOWN_KEY',
          detail: `This is no public key: ${text}`,
        });
      return key ?? [];
    });
  }

  private openReceipts(
    { receipts }: VerificationInput,
    keys: readonly NoteKey[],
  ): Map<number, { leafHash: Buffer; source: string }> {
    const opened = new Map<number, { leafHash: Buffer; source: string }>();
    for (const { note, source } of receipts) {
      const receipt = openReceipt(note, keys);
      if (receipt?.origin !== this.header.origin)
        this.report({
          kind: 'RECEIPT_NOT_SIGNED',
          detail: `The receipt from ${source} is not one of this log`,
        });
      else opened.set(receipt.auditId, { leafHash: receipt.leafHash, source });
    }
    return opened;
  }

  private honour(auditId: number, leafHash: string): void {
    const receipt = this.receipts.get(auditId);
    if (receipt?.leafHash.toString('base64') === leafHash) this.receipts.delete(auditId);
  }
}
