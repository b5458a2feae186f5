import { generateKeyPairSync } from 'node:crypto';
import { openCheckpoint, originOf, signCheckpoint } from '../../src/domain/checkpoint';
import { openReceipt, signReceipt } from '../../src/domain/receipt';
import { noteKeyText, openNote, readNoteKey, signNote, type NoteSigner } from '../../src/domain/signed-note';
import { splitNotes } from '../../src/audit/notes';

/** Signed notes, checkpoints and receipts: what was signed is read back, and nothing else. */
function signer(name: string): NoteSigner {
  return { name, ...generateKeyPairSync('ed25519') };
}

const log = signer('log.example');
const other = signer('log.example');
const HASH = Buffer.alloc(32, 7);
const ORIGIN = originOf('log.example', 1);
const note = signCheckpoint({ origin: ORIGIN, treeSize: 12, rootHash: HASH }, log);

describe('a signed note', () => {
  it('is opened by a holder of its key, with its text and the key that signed', () => {
    expect(openNote(note, [other, log])).toEqual({
      text: `${ORIGIN}\n12\n${HASH.toString('base64')}\n`,
      key: log,
    });
  });

  it.each([
    ['by nobody who has another key of the same name', note, [other]],
    ['by nobody without keys', note, []],
    ['by nobody once a letter of its text is changed', note.replace('12', '13'), [log]],
    ['by nobody without its signature', note.slice(0, note.indexOf('\u2014')), [log]],
    ['by nobody where its signature is cut', note.replace(/.{8}\n$/u, '\n'), [log]],
    [
      'by nobody where the name of the key is another',
      note.replace('\u2014 log.example', '\u2014 log.test'),
      [log],
    ],
    ['by nobody where the last newline is missing', note.slice(0, -1), [log]],
    ['by nobody where it is no note', 'nothing', [log]],
  ])('is opened %s', (_what, text, keys) => {
    expect(openNote(text, keys)).toBeNull();
  });

  it('with further signatures is opened with the known key', () => {
    const [, line = ''] = signNote('a\n', other).split('\n\n');
    expect(openNote(`${note}${line}`, [log])?.key).toBe(log);
  });

  it('cannot be made from a text with a missing final newline or a control character', () => {
    expect(() => signNote('no newline', log)).toThrow();
    expect(() => signNote('a\tb\n', log)).toThrow();
    expect(() => signNote('a\n', { ...log, name: 'two words' })).toThrow();
  });
});

describe('a public key', () => {
  it('is read back from its text', () => {
    const key = readNoteKey(noteKeyText(log));
    expect(key?.name).toBe('log.example');
    expect(key !== null && openNote(note, [key]) !== null).toBe(true);
  });

  it.each([
    '',
    'log.example',
    'log.example+00000000+AAAA',
    noteKeyText(log).replace('+', '+0').replace('0', ''),
  ])('is not read from an invalid text: %j', (text) => {
    const changed = text === noteKeyText(log) ? text.replace(/\+[0-9a-f]{8}\+/, '+00000000+') : text;
    expect(readNoteKey(changed)).toBeNull();
  });
});

describe('a checkpoint', () => {
  it('is read back', () => {
    expect(openCheckpoint(note, [log])).toEqual({ origin: ORIGIN, treeSize: 12, rootHash: HASH, key: log });
  });

  it('is never read as a receipt, nor a receipt as a checkpoint', () => {
    const entry = { auditId: 12, leafHash: HASH };
    const receipt = signReceipt(ORIGIN, entry, log);
    expect(openReceipt(receipt, [log])).toEqual({ origin: ORIGIN, entries: [entry] });
    expect(openCheckpoint(receipt, [log])).toBeNull();
    expect(openReceipt(note, [log])).toBeNull();
  });

  it.each([
    ['a size with a leading zero', `${ORIGIN}\n012\n${HASH.toString('base64')}\n`],
    ['a negative size', `${ORIGIN}\n-1\n${HASH.toString('base64')}\n`],
    ['a root that is too short', `${ORIGIN}\n12\nAAAA\n`],
    ['no root', `${ORIGIN}\n12\n`],
    ['more lines than three', `${ORIGIN}\n12\n${HASH.toString('base64')}\nmore\n`],
  ])('with %s is invalid, even with a valid signature', (_what, text) => {
    expect(openCheckpoint(signNote(text, log), [log])).toBeNull();
  });

  it('is found in an archive, among others or alone', () => {
    const second = signCheckpoint({ origin: ORIGIN, treeSize: 13, rootHash: HASH }, log);
    expect(splitNotes(`${note}\n${second}\n`)).toEqual([note, second]);
    expect(splitNotes(note)).toEqual([note]);
    expect(splitNotes('nothing\n')).toEqual([]);
  });
});
