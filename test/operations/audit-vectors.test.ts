import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readNotes } from '../../src/audit/notes';
import { readBundle } from '../../src/audit/read-bundle';
import { FAULT_KINDS, verdictOf, type VerificationReport } from '../../src/audit/verification';
import { verifyBundle, type VerificationInput } from '../../src/audit/verify-bundle';
import { auditVectors, vectorFiles, type AuditVector } from '../support/audit-vectors';
import { bundleOf, fileOf, KEY } from '../support/audit-world';
import { cases } from '../support/runs';
import { python, secondVerifiers } from '../support/second-verifier';

/** What an auditor with the documents alone relies on: bundles, and the verdict of every verifier on each. */
const FOLDER = join(__dirname, '..', '..', 'docs', 'audit-vectors');
const VECTORS = auditVectors();
const named = VECTORS.map((vector) => [vector.file, vector] as const);
let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'countersign-vectors-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const inFolder = (name: string): string => join(FOLDER, name);
/** A vector's arguments, with the paths of its files. */
const argsOf = ({ args }: AuditVector): string[] =>
  args.split(' ').flatMap((arg) => (arg === '' ? [] : [arg.startsWith('--') ? arg : inFolder(arg)]));

/** What the command parses its arguments to. */
function inputOf(vector: AuditVector): VerificationInput {
  const args = argsOf(vector);
  const notes = (option: string) =>
    args.flatMap((arg, index) =>
      args[index - 1] === option
        ? (readNotes(readFileSync(arg, 'utf8')) ?? []).map((note) => ({ note, source: arg }))
        : [],
    );
  return {
    trustedKeys: args.includes('--key') ? KEY.keys : [],
    checkpoints: notes('--checkpoint'),
    receipts: notes('--receipt'),
  };
}

const verifyFile = (path: string, input: VerificationInput): Promise<VerificationReport> =>
  verifyBundle(readBundle(path), input);

describe('the vectors in docs/audit-vectors', () => {
  it('are what npm run audit:vectors writes', () => {
    const unpacked = (bytes: Buffer): Buffer => {
      try {
        return bytes[0] === 0x1f ? gunzipSync(bytes) : bytes;
      } catch {
        // Damaged on purpose: its name says how.
        return Buffer.from('damaged');
      }
    };
    const files = { ...vectorFiles(), 'README.md': null, 'index.json': null };
    expect(readdirSync(FOLDER).sort()).toEqual(
      [...VECTORS.map(({ file }) => file), ...Object.keys(files)].sort(),
    );
    for (const { file, bytes } of VECTORS)
      expect([file, unpacked(readFileSync(inFolder(file))).equals(unpacked(bytes))]).toEqual([file, true]);
    for (const [name, text] of Object.entries(vectorFiles()))
      expect(readFileSync(inFolder(name), 'utf8')).toBe(text);
    const index = JSON.parse(readFileSync(inFolder('index.json'), 'utf8')) as unknown;
    expect(index).toEqual(VECTORS.map(({ bytes: _, ...vector }) => vector));
  });

  it('contain at least one bundle for each kind of fault that a verifier can report', () => {
    const shown = new Set(VECTORS.map(({ because }) => because));
    // The archive beside a running gateway is no part of a bundle.
    expect(FAULT_KINDS.filter((kind) => !shown.has(kind))).toEqual(['ARCHIVE_DIFFERS']);
  });

  it.each(named)('%s: the verifier says what the index says', async (file, vector) => {
    const report = await verifyFile(inFolder(file), inputOf(vector));
    const because = [
      ...report.faults.map(({ kind }) => kind),
      ...report.gaps.map(({ requirement }) => requirement),
    ];
    expect([verdictOf(report), because]).toEqual([
      vector.verdict,
      vector.because === '' ? [] : expect.arrayContaining([vector.because]),
    ]);
  });

  it('get the same verdict, exit code and kind from the second verifier', () => {
    if (python === null) {
      console.warn('skipped the second verifier: there is no python3');
      return;
    }
    const verdicts = secondVerifiers(VECTORS.map((vector) => [inFolder(vector.file), ...argsOf(vector)]));
    const gaps = { '': 'OK', whole: 'not whole', sealed: 'not sealed', anchored: 'not anchored' };
    for (const [index, { file, exitCode, because }] of VECTORS.entries())
      expect([file, verdicts[index]]).toEqual([
        file,
        {
          status: exitCode,
          kinds: expect.arrayContaining([because in gaps ? gaps[because as keyof typeof gaps] : because]),
        },
      ]);
  });
});

/** How many of the values each member is changed to. */
const VALUES = cases(2, Infinity);

/** Another value instead of this one: everything that JSON can hold, similar and different. */
function mutationsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return [[], null, [...(value as unknown[]), 'x'], [1]];
  if (typeof value === 'number') return [value + 1, value - 1, -1, 1.5, null, String(value), 2 ** 53];
  if (typeof value === 'string')
    return [
      `${value}x`,
      value.slice(1),
      value.replace(/[a-z0-9]/, (one) => (one === 'a' ? 'b' : 'a')),
      '',
      null,
      0,
    ];
  if (typeof value === 'boolean') return [!value, null];
  return value === null ? [1, 'user', '2026-01-20T14:30:00.000Z'] : [null, {}];
}

/** The record with each of its members, and each of theirs, changed, removed, or joined by another. */
function* mutantsOf(record: object): Generator<{ readonly at: string; readonly record: object }, void> {
  for (const [name, value] of Object.entries(record) as [string, unknown][]) {
    for (const other of mutationsOf(value).slice(0, VALUES))
      yield { at: `${name} = ${JSON.stringify(other)}`, record: { ...record, [name]: other } };
    yield {
      at: `without ${name}`,
      record: Object.fromEntries(Object.entries(record).filter(([one]) => one !== name)),
    };
    if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
    for (const inner of mutantsOf(value))
      yield { at: `${name}.${inner.at}`, record: { ...record, [name]: inner.record } };
  }
  yield { at: 'another member', record: { ...record, other: 1 } };
}

/**
 * What nothing in a bundle proves, and what means the same: a policy setting that is left out has its default
 * (docs/audit-format.md, "What is not covered").
 */
const UNCOVERED = [
  /^header: exported_at = /,
  /^header: keys = \["vectors/,
  /^policy: rules\.(.+\.)?(without \w+|\w+ = \{\})$/,
];

describe('an attacker who edits a bundle', () => {
  it('cannot change any member of any record unnoticed, except for what is documented', async () => {
    const records: readonly object[] = bundleOf();
    const path = join(scratch, 'mutant.jsonl');
    const believed: string[] = [];
    let tried = 0;
    for (const [index, record] of records.entries())
      for (const mutant of mutantsOf(record)) {
        if (JSON.stringify(mutant.record) === JSON.stringify(record)) continue;
        writeFileSync(path, fileOf(records.map((one, place) => (place === index ? mutant.record : one))));
        const report = await verifyFile(path, { trustedKeys: KEY.keys, checkpoints: [], receipts: [] });
        const at = `${(record as { type: string }).type}: ${mutant.at}`;
        tried += 1;
        if (verdictOf(report) === 'OK' && !UNCOVERED.some((known) => known.test(at))) believed.push(at);
      }
    expect(believed).toEqual([]);
    expect(tried).toBeGreaterThan(cases(500, 1_000));
  });

  it('cannot remove, repeat or move any record', async () => {
    const records: readonly object[] = bundleOf();
    const path = join(scratch, 'moved.jsonl');
    const believed: string[] = [];
    for (const [index, record] of records.entries()) {
      const others = records.filter((_, place) => place !== index);
      const mutants = [
        others,
        [...records.slice(0, index), record, ...records.slice(index)],
        [...others, record],
      ];
      for (const [kind, mutant] of mutants.entries()) {
        if (fileOf(mutant) === fileOf(records)) continue;
        writeFileSync(path, fileOf(mutant));
        const report = await verifyFile(path, { trustedKeys: KEY.keys, checkpoints: [], receipts: [] });
        if (verdictOf(report) !== 'FAILED') believed.push(`${String(kind)} of ${String(index)}`);
      }
    }
    expect(believed).toEqual([]);
  });
});

describe('an auditor at the command line', () => {
  const verify = (...args: string[]) => {
    const command = join(__dirname, '..', '..', 'bin', 'countersign-verify.cjs');
    const { stdout, status } = spawnSync(process.execPath, [command, ...args], { encoding: 'utf8' });
    return { stdout, status };
  };
  const file = (name: string, text: string): string => {
    writeFileSync(join(scratch, name), text);
    return join(scratch, name);
  };
  const CLEAN = inFolder('clean.jsonl');
  const KEYS = inFolder('keys');

  it.each([
    ['OK is 0', [CLEAN, '--key', KEYS], 0, 'OK'],
    ['a fault is 1', [inFolder('voted-twice.jsonl'), '--key', KEYS], 1, 'FAILED'],
    ['a part is 3', [inFolder('part.jsonl'), '--key', KEYS], 3, 'PARTIAL'],
    [
      'a part is 1 where the whole is required',
      [inFolder('part.jsonl'), '--key', KEYS, '--require', 'whole,sealed'],
      1,
      'FAILED',
    ],
    ['no key is 3', [CLEAN], 3, 'PARTIAL'],
    ['no key is 1 where an anchor is required', [CLEAN, '--require', 'anchored'], 1, 'FAILED'],
    ['no key is 0 where that is accepted', [CLEAN, '--unanchored'], 0, 'OK'],
    ['no file is 1', [inFolder('absent')], 1, 'FAILED'],
  ] as const)('gets an exit code and one JSON document: %s', (_what, args, exitCode, verdict) => {
    const { stdout, status } = verify(...args, '--json');
    expect([status, JSON.parse(stdout)]).toEqual([exitCode, expect.objectContaining({ verdict, exitCode })]);
  });

  it.each([
    ['no bundle', () => []],
    ['an unknown option', () => [CLEAN, '--kye', KEYS]],
    ['an unknown requirement', () => [CLEAN, '--require', 'everything']],
    ['an empty key file', () => [CLEAN, '--key', file('no-keys', '')]],
    ['a blank key file', () => [CLEAN, '--key', file('blank-keys', '\n')]],
    [
      'a key file with something else in it',
      () => [CLEAN, '--key', file('odd-keys', `${KEY.keysText}hello\n`)],
    ],
    [
      'a checkpoint that is no note',
      () => [CLEAN, '--key', KEYS, '--checkpoint', file('no-note', 'hello\n')],
    ],
    [
      'garbage behind a checkpoint',
      () => [
        CLEAN,
        '--key',
        KEYS,
        '--checkpoint',
        file('odd-note', `${vectorFiles()['fork.checkpoints'] ?? ''}\nhello\n`),
      ],
    ],
    ['an empty receipt file', () => [CLEAN, '--key', KEYS, '--receipt', file('no-receipt', '')]],
    [
      'garbage before a receipt',
      () => [
        CLEAN,
        '--key',
        KEYS,
        '--receipt',
        file('odd-receipt', `\n\n${vectorFiles()['late.receipts'] ?? ''}`),
      ],
    ],
  ])('is told that the call is wrong, as JSON where that was requested: %s', (_what, args) => {
    const { stdout, status } = verify(...args(), '--json');
    expect([status, JSON.parse(stdout)]).toEqual([
      2,
      { verdict: 'WRONG_CALL', exitCode: 2, error: expect.any(String) },
    ]);
  });
});
