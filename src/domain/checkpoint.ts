import { openNote, signNote, type NoteKey, type NoteSigner } from './signed-note';

/** What the log commits to: the size of a tree and the root over all its leaves (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** The log's name. No two organizations share one. */
  readonly origin: string;
  readonly treeSize: number;
  readonly rootHash: Buffer;
  /** Only in a checkpoint by which an operator accepted a rollback of the database. */
  readonly generation?: Generation;
}

/** What an accepted rollback started, and what it abandoned. */
export interface Generation {
  /** Counted from 1; the log before the first accepted rollback is generation 0. */
  readonly number: number;
  /** The newest archived checkpoint that the database no longer holds, or else the checkpoint's own size and root. */
  readonly abandonedSize: number;
  readonly abandonedRoot: Buffer;
}

/** Returns the origin of an organization's log, the first line of all its checkpoints. */
export function originOf(logName: string, organizationId: number): string {
  return `${logName}/organizations/${String(organizationId)}`;
}

/** Returns a checkpoint as a signed note. */
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

/** Reads a signed checkpoint; null if none of these keys signed it, or it is not a checkpoint. */
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
  // Further lines are extensions. This log writes one kind.
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

/** Reads a hash in base64; null for anything else. */
export function readHash(base64: string): Buffer | null {
  const hash = Buffer.from(base64, 'base64');
  return hash.length === 32 && hash.toString('base64') === base64 ? hash : null;
}

/** Returns whether a text is an integer from 0 to 2^53-1 in plain decimal digits. */
export function isDecimal(text: string): boolean {
  return /^(0|[1-9][0-9]{0,15})$/.test(text) && Number.isSafeInteger(Number(text));
}
