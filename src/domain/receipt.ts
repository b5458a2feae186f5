import { isDecimal, readHash } from './checkpoint';
import { openNote, signNote, type NoteKey, type NoteSigner } from './signed-note';

/** An entry that the log has promised to hold. */
export interface PromisedEntry {
  readonly auditId: number;
  readonly leafHash: Buffer;
}

/** The promise to a reviewer that the log will hold these leaves. */
export interface Receipt {
  /** The origin of the log's checkpoints. */
  readonly origin: string;
  readonly entries: readonly PromisedEntry[];
}

/**
 * Returns the receipt of one decision as a signed note (docs/audit-format.md#checkpoints-and-receipts). Its second line
 * makes it impossible to take it for a checkpoint.
 */
export function signReceipt(
  origin: string,
  { auditId, leafHash }: PromisedEntry,
  signer: NoteSigner,
): string {
  return signNote(`${origin}\nreceipt\n${String(auditId)}\n${leafHash.toString('base64')}\n`, signer);
}

/**
 * Returns the receipt of a bulk as a signed note: one signature over all of its entries, smallest id first.
 * @param entries at least one, no id twice
 */
export function signBulkReceipt(
  origin: string,
  entries: readonly PromisedEntry[],
  signer: NoteSigner,
): string {
  const lines = entries
    .toSorted((one, other) => one.auditId - other.auditId)
    .map(({ auditId, leafHash }) => `${String(auditId)} ${leafHash.toString('base64')}\n`);
  return signNote(`${origin}\nreceipts\n${lines.join('')}`, signer);
}

/** Reads a signed receipt of either form; null if none of these keys signed it, or it is not a receipt. */
export function openReceipt(note: string, keys: readonly NoteKey[]): Receipt | null {
  const [origin = '', kind, ...lines] = openNote(note, keys)?.text.split('\n') ?? [];
  // The text ends in a newline, so the last part is empty.
  if (lines.pop() !== '') return null;
  if (kind === 'receipt') return lines.length === 2 ? receiptOf(origin, [lines.join(' ')]) : null;
  return kind === 'receipts' ? receiptOf(origin, lines) : null;
}

function receiptOf(origin: string, lines: readonly string[]): Receipt | null {
  const entries: PromisedEntry[] = [];
  for (const line of lines) {
    const [id = '', hash = '', ...rest] = line.split(' ');
    const leafHash = readHash(hash);
    if (!isDecimal(id) || leafHash === null || rest.length > 0) return null;
    if (Number(id) <= (entries.at(-1)?.auditId ?? -1)) return null;
    entries.push({ auditId: Number(id), leafHash });
  }
  return entries.length > 0 ? { origin, entries } : null;
}
