import { openNote, signNote, type NoteKey, type NoteSigner } from './signed-note';

/** What the log commits to: all leaves of a tree up to a size, by their root (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** Which log: no two organizations share one. */
  readonly origin: string;
  readonly treeSize: number;
  readonly rootHash: Buffer;
}

/** What an approver is handed with a decision: that the log will hold this leaf. */
export interface Receipt {
  readonly origin: string;
  readonly auditId: number;
  readonly leafHash: Buffer;
}

/** The origin of an organization's log: what every checkpoint of it begins with. */
export function originOf(logName: string, organizationId: number): string {
  return `${logName}/organizations/${String(organizationId)}`;
}

/** A checkpoint as a signed note. */
export function signCheckpoint({ origin, treeSize, rootHash }: Checkpoint, signer: NoteSigner): string {
  return signNote(`${origin}\n${String(treeSize)}\n${rootHash.toString('base64')}\n`, signer);
}

/** Reads a signed checkpoint; null where none of these keys signed it, or it says something else. */
export function openCheckpoint(
  note: string,
  keys: readonly NoteKey[],
): (Checkpoint & { key: NoteKey }) | null {
  const opened = openNote(note, keys);
  const [origin = '', size = '', root = '', ...rest] = opened?.text.split('\n') ?? [];
  const rootHash = readHash(root);
  // Further lines are extensions, which the format allows and this log does not write.
  if (opened === null || origin === '' || !isDecimal(size) || rootHash === null || rest.length !== 1)
    return null;
  return { origin, treeSize: Number(size), rootHash, key: opened.key };
}

/** A receipt as a signed note. Its second line keeps it from ever being taken for a checkpoint. */
export function signReceipt({ origin, auditId, leafHash }: Receipt, signer: NoteSigner): string {
  return signNote(`${origin}\nreceipt\n${String(auditId)}\n${leafHash.toString('base64')}\n`, signer);
}

/** Reads a signed receipt; null where none of these keys signed it, or it says something else. */
export function openReceipt(note: string, keys: readonly NoteKey[]): Receipt | null {
  const text = openNote(note, keys)?.text ?? '';
  const [origin = '', kind, id = '', leaf = '', ...rest] = text.split('\n');
  const leafHash = readHash(leaf);
  if (kind !== 'receipt' || !isDecimal(id) || leafHash === null || rest.length !== 1) return null;
  return { origin, auditId: Number(id), leafHash };
}

function readHash(base64: string): Buffer | null {
  const hash = Buffer.from(base64, 'base64');
  return hash.length === 32 && hash.toString('base64') === base64 ? hash : null;
}

function isDecimal(text: string): boolean {
  return /^(0|[1-9][0-9]{0,15})$/.test(text) && Number.isSafeInteger(Number(text));
}
