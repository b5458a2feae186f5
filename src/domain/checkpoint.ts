import { openNote, signNote, type NoteKey, type NoteSigner } from './signed-note';

/** What the log commits to: all leaves of a tree up to a size, by their root (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** Which log: no two organizations share one. */
  readonly origin: string;
  readonly treeSize: number;
  readonly rootHash: Buffer;
  /** Only of a checkpoint with which an operator accepted that the database was rolled back. */
  readonly generation?: Generation;
}

/** What an accepted rollback began, and what it gave up. */
export interface Generation {
  /** Counted from 1; the log before the first accepted rollback is generation 0. */
  readonly number: number;
  /** The newest checkpoint that was archived and that the database no longer holds, or the same as the checkpoint's own. */
  readonly abandonedSize: number;
  readonly abandonedRoot: Buffer;
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
export function signCheckpoint(
  { origin, treeSize, rootHash, generation }: Checkpoint,
  signer: NoteSigner,
): string {
  const extension = generation === undefined ? '' : extensionOf(generation);
  return signNote(`${origin}\n${String(treeSize)}\n${rootHash.toString('base64')}\n${extension}`, signer);
}

function extensionOf({ number, abandonedSize, abandonedRoot }: Generation): string {
  return `generation ${String(number)}\nabandoned ${String(abandonedSize)} ${abandonedRoot.toString('base64')}\n`;
}

/** Reads a signed checkpoint; null where none of these keys signed it, or it says something else. */
export function openCheckpoint(
  note: string,
  keys: readonly NoteKey[],
): (Checkpoint & { key: NoteKey }) | null {
  const opened = openNote(note, keys);
  const [origin = '', size = '', root = '', ...rest] = opened?.text.split('\n') ?? [];
  const rootHash = readHash(root);
  if (opened === null || origin === '' || !isDecimal(size) || rootHash === null) return null;
  const checkpoint = { origin, treeSize: Number(size), rootHash, key: opened.key };
  if (rest.length === 1) return checkpoint;
  // Further lines are extensions, of which this log writes one kind.
  const generation = readGeneration(rest);
  return generation === null ? null : { ...checkpoint, generation };
}

function readGeneration(lines: readonly string[]): Generation | null {
  const [first = '', second = '', end, ...rest] = lines;
  const [generation, number = '', ...more] = first.split(' ');
  const [abandoned, size = '', root = '', ...further] = second.split(' ');
  const abandonedRoot = readHash(root);
  const isExtension =
    generation === 'generation' && abandoned === 'abandoned' && end === '' && rest.length === 0;
  if (!isExtension || more.length > 0 || further.length > 0) return null;
  if (!isDecimal(number) || !isDecimal(size) || abandonedRoot === null) return null;
  return { number: Number(number), abandonedSize: Number(size), abandonedRoot };
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
