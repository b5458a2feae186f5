import { openReceipt } from '../domain/receipt';
import type { NoteKey } from '../domain/signed-note';
import type { Fault } from './verification';

/** A receipt that an approver kept. */
export interface KeptReceipt {
  readonly note: string;
  /** Where the receipt came from, for the report. */
  readonly source: string;
}

/** Checks that the log holds the entries that its receipts promised. */
export class ReceiptVerification {
  /** The receipts without a matching entry so far, by audit id and leaf hash. */
  private readonly promised = new Map<string, { readonly auditId: number; readonly source: string }>();

  constructor(
    origin: string,
    keys: readonly NoteKey[],
    kept: readonly KeptReceipt[],
    private readonly report: (fault: Fault) => void,
  ) {
    for (const { note, source } of kept) {
      const receipt = openReceipt(note, keys);
      if (receipt?.origin !== origin)
        report({ kind: 'RECEIPT_NOT_SIGNED', detail: `The receipt from ${source} is not from this log` });
      else
        for (const { auditId, leafHash } of receipt.entries)
          this.promised.set(nameOf(auditId, leafHash.toString('base64')), { auditId, source });
    }
  }

  /** Marks an entry as found. @returns whether a receipt promised it */
  honour(auditId: number, leafHash: string): boolean {
    return this.promised.size > 0 && this.promised.delete(nameOf(auditId, leafHash));
  }

  /** Reports the receipts without an entry. Call after the last entry. */
  finish(): void {
    for (const { auditId, source } of this.promised.values())
      this.report({
        kind: 'RECEIPT_NOT_HONOURED',
        detail: `The entry of the receipt from ${source} is not in the log as the receipt promises`,
        auditId,
      });
  }
}

function nameOf(auditId: number, leafHash: string): string {
  return `${String(auditId)} ${leafHash}`;
}
