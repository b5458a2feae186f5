import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

/** A possible signer of a note: a name and an Ed25519 public key (C2SP signed-note). */
export interface NoteKey {
  /** Without spaces and plus signs. */
  readonly name: string;
  readonly publicKey: KeyObject;
}

/** A key that can sign. */
export interface NoteSigner extends NoteKey {
  readonly privateKey: KeyObject;
}

const ED25519 = Buffer.from([1]);
const DASH = '\u2014';
const NAME = /^[^\s+]+$/u;
const ID_LENGTH = 4;
const SIGNATURE_LENGTH = 64;

/** Returns the 32 bytes of an Ed25519 public key. */
function rawKey(publicKey: KeyObject): Buffer {
  return Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
}

const keyIds = new WeakMap<NoteKey, Buffer>();

/** Returns the first four bytes of SHA-256(name || newline || 0x01 || key), with which a signature line begins. */
function keyId(key: NoteKey): Buffer {
  const known = keyIds.get(key);
  if (known !== undefined) return known;
  const { name, publicKey } = key;
  const hash = createHash('sha256').update(`${name}\n`).update(ED25519).update(rawKey(publicKey)).digest();
  const id = hash.subarray(0, ID_LENGTH);
  keyIds.set(key, id);
  return id;
}

/** Returns a key in the form that verifiers are configured with: `name+id+base64`. */
export function noteKeyText(key: NoteKey): string {
  const body = Buffer.concat([ED25519, rawKey(key.publicKey)]).toString('base64');
  return `${key.name}+${keyId(key).toString('hex')}+${body}`;
}

/** Reads `name+id+base64`; null if the form is wrong or the id does not belong to the key. */
export function readNoteKey(text: string): NoteKey | null {
  const [, name = '', id = '', body = ''] =
    /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/u.exec(text) ?? [];
  const bytes = Buffer.from(body, 'base64');
  if (bytes.length !== 33 || bytes[0] !== 1) return null;
  const x = bytes.subarray(1).toString('base64url');
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x },
    format: 'jwk',
  });
  const key = { name, publicKey };
  return keyId(key).toString('hex') === id ? key : null;
}

/** Returns whether two keys are equal, names included. */
export function isSameNoteKey(one: NoteKey, other: NoteKey): boolean {
  return noteKeyText(one) === noteKeyText(other);
}

/**
 * Signs a text. The note is the text, an empty line and the signature line.
 * @param text lines that each end in a newline, none of them empty
 * @throws {Error} if the text or the signer's name has the wrong form
 */
export function signNote(text: string, signer: NoteSigner): string {
  if (!isText(text) || !NAME.test(signer.name))
    throw new Error('This cannot be the text or the name of a note');
  const signature = Buffer.concat([keyId(signer), sign(null, Buffer.from(text), signer.privateKey)]);
  return `${text}\n${DASH} ${signer.name} ${signature.toString('base64')}\n`;
}

/**
 * Returns the text of a note and the first of these keys that signed it; null if none of them did or it is not a note.
 */
export function openNote(note: string, keys: readonly NoteKey[]): { text: string; key: NoteKey } | null {
  const end = note.lastIndexOf('\n\n') + 1;
  const [text, lines] = [note.slice(0, end), note.slice(end + 1)];
  if (!isText(text) || !lines.endsWith('\n')) return null;
  for (const line of lines.slice(0, -1).split('\n')) {
    const [dash, name, base64 = '', ...rest] = line.split(' ');
    const bytes = Buffer.from(base64, 'base64');
    if (dash !== DASH || rest.length > 0 || bytes.toString('base64') !== base64) return null;
    const key = keys.find(
      (known) => known.name === name && keyId(known).equals(bytes.subarray(0, ID_LENGTH)),
    );
    if (key === undefined) continue;
    if (bytes.length !== ID_LENGTH + SIGNATURE_LENGTH) return null;
    // A wrong signature under a known key invalidates the note, whatever other signatures it has.
    return verify(null, Buffer.from(text), key.publicKey, bytes.subarray(ID_LENGTH)) ? { text, key } : null;
  }
  return null;
}

/** Returns whether a text consists of lines without control characters, each ended by a newline. */
function isText(text: string): boolean {
  return text.endsWith('\n') && text.isWellFormed() && !/[\0-\x09\x0b-\x1f]/.test(text);
}
