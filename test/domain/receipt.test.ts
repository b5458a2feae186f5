import { generateKeyPairSync } from 'node:crypto';
import { openCheckpoint, originOf } from '../../src/domain/checkpoint';
import { openReceipt, signBulkReceipt, signReceipt } from '../../src/domain/receipt';
import { signNote, type NoteSigner } from '../../src/domain/signed-note';

/** Receipts: what the log promised is read back, and nothing else. */
const log: NoteSigner = { name: 'log.example', ...generateKeyPairSync('ed25519') };
const other: NoteSigner = { name: 'log.example', ...generateKeyPairSync('ed25519') };
const ORIGIN = originOf('log.example', 1);
const entry = (auditId: number) => ({ auditId, leafHash: Buffer.alloc(32, auditId) });
const line = (auditId: number): string =>
  `${String(auditId)} ${entry(auditId).leafHash.toString('base64')}\n`;

it('the receipt of a decision is read back', () => {
  const note = signReceipt(ORIGIN, entry(12), log);
  expect(openReceipt(note, [log])).toEqual({ origin: ORIGIN, entries: [entry(12)] });
});

it('the receipt of a bulk has one signature over all of its entries, smallest id first', () => {
  const note = signBulkReceipt(ORIGIN, [entry(14), entry(12), entry(13)], log);
  expect(note.startsWith(`${ORIGIN}\nreceipts\n${line(12)}${line(13)}${line(14)}\n`)).toBe(true);
  expect(note.match(/^\u2014 /gm)).toHaveLength(1);
  expect(openReceipt(note, [log])).toEqual({ origin: ORIGIN, entries: [entry(12), entry(13), entry(14)] });
});

it('a receipt is no checkpoint', () => {
  for (const note of [signReceipt(ORIGIN, entry(12), log), signBulkReceipt(ORIGIN, [entry(12)], log)])
    expect(openCheckpoint(note, [log])).toBeNull();
});

it('a receipt that another key signed, or that was altered, is none', () => {
  const note = signBulkReceipt(ORIGIN, [entry(12), entry(13)], log);
  expect(openReceipt(note, [other])).toBeNull();
  expect(openReceipt(note.replace('13 ', '14 '), [log])).toBeNull();
  expect(openReceipt(note.replace(line(13), ''), [log])).toBeNull();
});

it.each([
  ['no entry', `${ORIGIN}\nreceipts\n`],
  ['an id twice', `${ORIGIN}\nreceipts\n${line(12)}${line(12)}`],
  ['ids out of order', `${ORIGIN}\nreceipts\n${line(13)}${line(12)}`],
  ['an id with a leading zero', `${ORIGIN}\nreceipts\n0${line(12)}`],
  ['a hash that is too short', `${ORIGIN}\nreceipts\n12 AAAA\n`],
  ['more than id and hash in a line', `${ORIGIN}\nreceipts\n12 ${line(12)}`],
  ['two entries in the form for one', `${ORIGIN}\nreceipt\n${line(12)}${line(13)}`],
  ['id and hash in one line in the form for one', `${ORIGIN}\nreceipt\n${line(12)}`],
  ['another kind', `${ORIGIN}\npromise\n${line(12)}`],
])('a signed note with %s is no receipt', (_what, text) => {
  expect(openReceipt(signNote(text, log), [log])).toBeNull();
});
