import { gzipSync } from 'node:zlib';
import type { BundleRecord } from '../../src/audit/bundle';
import type { AuditVerdict, FaultKind } from '../../src/audit/verification';
import { EMPTY_ROOT, leafHash } from '../../src/domain/merkle';
import {
  ACTIONS,
  actionAfter,
  bundleOf,
  decided,
  ENTRIES,
  RARE_ENTRIES,
  entryOf,
  fileOf,
  KEY,
  POLICIES,
  vectorKey,
  type Members,
  type World,
} from './audit-world';

/** A bundle, what it is compared with, and the verdict of every verifier. */
export interface AuditVector {
  /** The bundle's file name. */
  readonly file: string;
  readonly what: string;
  readonly bytes: Buffer;
  /** Further arguments of `countersign-verify`, with names of files beside the bundle. */
  readonly args: string;
  readonly verdict: AuditVerdict;
  readonly exitCode: 0 | 1 | 3;
  /** A fault that has to be among those found, or the requirement that is not met; empty for OK. */
  readonly because: FaultKind | 'whole' | 'sealed' | 'anchored' | '';
}

const KEYS = '--key keys';
const clean = (): BundleRecord[] => bundleOf();
const entry = (id: number): Members => ENTRIES[id - 1] ?? {};

/** Files that vectors are compared with. */
export function vectorFiles(): Readonly<Record<string, string>> {
  const note = (records: readonly BundleRecord[], index: number): string => {
    const notes = records.flatMap((record) => (record.type === 'checkpoint' ? [record.note] : []));
    return notes.at(index) ?? '';
  };
  const later = bundleOf({ entries: [...ENTRIES, LATE_VOTE], checkpoints: [22] });
  const leaf = (members: Members): Buffer => leafHash(Buffer.from(JSON.stringify(members)));
  const promised = (id: number) => ({ auditId: id, leafHash: leaf(entry(id)) });
  const late = { auditId: 22, leafHash: leaf(LATE_VOTE) };
  return {
    keys: KEY.keysText,
    'early.checkpoints': `${note(clean(), 0)}\n${note(clean(), 1)}\n`,
    'later.checkpoints': note(later, -1),
    'fork.checkpoints': KEY.signRoot(1, 13, Buffer.alloc(32, 1)),
    'empty.checkpoints': KEY.signRoot(1, 0, EMPTY_ROOT),
    'empty-forged.checkpoints': KEY.signRoot(1, 0, Buffer.alloc(32, 1)),
    receipts: `${KEY.signReceipt(1, promised(5))}\n${KEY.signReceipt(1, promised(13))}\n`,
    'bulk.receipts': KEY.signBulkReceipt(1, [promised(5), promised(13)]),
    'late-bulk.receipts': KEY.signBulkReceipt(1, [promised(5), late]),
    'late.receipts': KEY.signReceipt(1, late),
    'forged.receipts': vectorKey(2).signReceipt(1, promised(5)),
  };
}

/** An unsealed vote in a clean bundle. */
const LATE_VOTE = entryOf(22, 'vote_recorded', decided(42, 106, 'approve', 35, [1, 2], [1, 2], 2));
const WITH_LATE_VOTE: Partial<World> = {
  unsealed: [LATE_VOTE],
  actions: ACTIONS.map((action) => (action.id === 106 ? { ...action, approvals: 1 } : action)),
};

/** The clean log with the entry of this id changed, and sealed so. */
function sealedWith(id: number, changes: Members): BundleRecord[] {
  return bundleOf({
    entries: ENTRIES.map((members, index) => (index === id - 1 ? { ...members, ...changes } : members)),
  });
}

/** The clean log followed by these entries, sealed so, and these states of actions. */
function sealedAnd(entries: readonly Members[], ...states: World['actions']): BundleRecord[] {
  return bundleOf({
    entries: [...ENTRIES, ...entries],
    checkpoints: [5, 13, 21, ENTRIES.length + entries.length],
    actions: ACTIONS.map((action) => states.find(({ id }) => id === action.id) ?? action),
  });
}

/** The records with those of a type changed, as an attacker without the key does. */
function edited<Type extends BundleRecord['type']>(
  type: Type,
  change: (record: Extract<BundleRecord, { type: Type }>, index: number) => readonly object[],
  records: readonly BundleRecord[] = clean(),
): object[] {
  let index = -1;
  return records.flatMap((record): readonly object[] => {
    if (record.type !== type) return [record];
    index += 1;
    return change(record as Extract<BundleRecord, { type: Type }>, index);
  });
}

const changed = (type: BundleRecord['type'], changes: object, records?: readonly BundleRecord[]): object[] =>
  edited(type, (record, index) => [index === 0 ? { ...record, ...changes } : record], records);

const second = decided(2, 106, 'approve', 35, [1, 3], [2, 2], 2);
const confirmed = [LATE_VOTE, entryOf(23, 'action_approved', second)];

/** [file, what was done, records or bytes, expected fault, arguments] */
type Row = readonly [string, string, readonly object[] | string | Buffer, FaultKind, string?];

const replaced = (from: string | RegExp, to: string): string => fileOf(clean()).replace(from, to);

const FAULTS = (): readonly Row[] => [
  [
    'name-twice',
    'A name is there twice: programs take one or the other',
    replaced('"v":1,', '"v":1,"v":1,'),
    'NOT_A_BUNDLE',
  ],
  [
    'unknown-name',
    'A record has a name that the format does not know',
    changed('action', { note: 'x' }),
    'NOT_A_BUNDLE',
  ],
  ['white-space', 'A record has white space', replaced('"v":1,', '"v": 1,'), 'NOT_A_BUNDLE'],
  ['carriage-return', 'Lines end in CR LF', replaced(/\n/g, '\r\n'), 'NOT_A_BUNDLE'],
  ['byte-order-mark', 'The file begins with a byte order mark', `\ufeff${fileOf(clean())}`, 'NOT_A_BUNDLE'],
  ['not-utf8', 'A byte is no UTF-8', withOtherBytes(fileOf(clean()), '🛑', [0xff]), 'NOT_A_BUNDLE'],
  ['not-a-bundle', 'The file is something else', 'hello\n', 'NOT_A_BUNDLE'],
  ['empty', 'The file is empty', '', 'NOT_A_BUNDLE'],
  ['gzip-cut', 'The packed file is cut off', gzipSync(fileOf(clean())).subarray(0, -20), 'GZIP_DAMAGED'],
  [
    'gzip-trailing',
    'Something follows the packed file',
    Buffer.concat([gzipSync(fileOf(clean())), Buffer.alloc(8)]),
    'GZIP_DAMAGED',
  ],
  [
    'line-too-long',
    'A line is longer than 4 MB',
    gzipSync(`${fileOf(clean().slice(0, 1))}"${'a'.repeat(4 * 1024 * 1024)}"\n`),
    'LINE_TOO_LONG',
  ],
  ['without-end', 'The end is missing', clean().slice(0, -1), 'INCOMPLETE_BUNDLE'],
  ['cut-line', 'The last line has no end', fileOf(clean()).slice(0, -1), 'INCOMPLETE_BUNDLE'],
  ['wrong-count', 'The end counts one action less', changed('end', { actions: 6 }), 'INCOMPLETE_BUNDLE'],
  [
    'actions-out-of-order',
    'Two actions have changed places',
    edited('action', (record, index) =>
      index === 0 ? [ACTIONS[1] ?? record] : index === 1 ? [ACTIONS[0] ?? record] : [record],
    ),
    'OUT_OF_ORDER',
  ],
  [
    'policies-last',
    'The policies come behind the actions',
    [
      ...edited('policy', () => []).slice(0, -1),
      ...clean().filter(({ type }) => type === 'policy'),
      ...clean().slice(-1),
    ],
    'OUT_OF_ORDER',
  ],
  [
    'header-from',
    'The header denies the first entry, and an action is edited',
    edited('header', (header) => [{ ...header, from: 1 }]).map((record) =>
      'decided_by' in record && record.decided_by === 42 ? { ...record, decided_by: 2 } : record,
    ),
    'HEADER_DIFFERS',
  ],
  [
    'header-organization',
    "The header names another organization than the log's",
    changed('header', { organization_id: 2 }),
    'HEADER_DIFFERS',
  ],
  [
    'unknown-key',
    'The header names a key that is none',
    changed('header', { keys: ['vectors.example+00000000+AAAA'] }),
    'UNKNOWN_KEY',
  ],
  ['index-gap', 'A leaf is gone', edited('leaf', (leaf, index) => (index === 6 ? [] : [leaf])), 'INDEX_GAP'],
  [
    'entry-twice',
    'An entry is in the tree twice',
    bundleOf({ entries: [...ENTRIES.slice(0, -1), entry(20)] }),
    'DUPLICATE_ENTRY',
  ],
  [
    'entry-missing',
    "An entry's row is gone",
    edited('leaf', (leaf, index) => [index === 12 ? { ...leaf, canonical: null } : leaf]),
    'ENTRY_MISSING',
  ],
  ['bytes-altered', 'An entry is edited', replaced('not today', 'never ever'), 'BYTES_ALTERED'],
  [
    'not-canonical',
    "An entry's keys are in another order, and it is sealed so",
    bundleOf({
      entries: ENTRIES.map((members, index) =>
        index === 12 ? Object.fromEntries(Object.entries(members).reverse()) : members,
      ),
    }),
    'NOT_CANONICAL',
  ],
  [
    'unknown-type',
    'A sealed entry is of a type that there is not',
    sealedWith(20, { action_type: 'log_erased' }),
    'INVALID_ENTRY',
  ],
  [
    'vote-by-key',
    'A sealed vote is given by an API key',
    sealedWith(9, { actor_kind: 'api_key', actor_id: 7, on_behalf_of: 2 }),
    'INVALID_ENTRY',
  ],
  ['vote-to-reject', 'A sealed vote says reject', sealedWith(9, { verdict: 'reject' }), 'INVALID_ENTRY'],
  [
    'wrong-data',
    'A sealed entry has data that its type does not have',
    sealedWith(20, { data: { before: 'yesterday', entries: -1 } }),
    'INVALID_ENTRY',
  ],
  [
    'wrong-entry',
    "A leaf's audit id is another than its entry's",
    edited('leaf', (leaf, index) => [index === 18 ? { ...leaf, audit_id: 99 } : leaf]),
    'WRONG_ENTRY',
  ],
  [
    'other-organization',
    "Another organization's entry is sealed",
    sealedWith(20, { organization_id: 2 }),
    'OTHER_ORGANIZATION',
  ],
  [
    'row-altered',
    "A row says something else than its entry's bytes",
    edited('leaf', (leaf, index) => [index === 12 ? { ...leaf, altered: ['reason'] } : leaf]),
    'ROW_ALTERED',
  ],
  [
    'back-dated',
    'A sealed entry claims to be a day older',
    sealedWith(20, { timestamp: '2026-01-19T14:00:20.000Z' }),
    'BACK_DATED',
  ],
  [
    'post-dated',
    'A sealed entry claims to be a day younger',
    sealedWith(20, { timestamp: '2026-01-21T14:00:20.000Z' }),
    'POST_DATED',
  ],
  [
    'other-signer',
    'The checkpoints are signed by a key that nobody trusts',
    bundleOf({ key: vectorKey(2) }),
    'CHECKPOINT_NOT_SIGNED',
  ],
  [
    'other-origin',
    'A checkpoint is of another log',
    changed('checkpoint', { note: KEY.signRoot(2, 5, Buffer.alloc(32)) }),
    'CHECKPOINT_OF_OTHER_ORIGIN',
  ],
  [
    'replayed-checkpoint',
    'A checkpoint comes twice',
    edited('checkpoint', (record, index) => (index === 0 ? [record, record] : [record])),
    'CHECKPOINT_REPLAYED',
  ],
  [
    'root-differs',
    'An entry is edited, hash and all',
    edited('leaf', (leaf, index) => [index === 12 ? rehashed(leaf, 'not today', 'never ever') : leaf]),
    'ROOT_DIFFERS',
  ],
  [
    'empty-root-differs',
    'A checkpoint of size 0 has another root than the empty tree',
    edited(
      'header',
      (header) => [
        header,
        ...clean().filter(({ type }) => type === 'policy'),
        { type: 'checkpoint', note: KEY.signRoot(1, 0, Buffer.alloc(32, 1)) },
      ],
      clean().filter(({ type }) => type !== 'policy'),
    ),
    'ROOT_DIFFERS',
  ],
  [
    'forked',
    'A checkpoint that was kept has another root',
    clean(),
    'FORKED',
    '--checkpoint fork.checkpoints',
  ],
  [
    'forked-empty',
    'A kept checkpoint of size 0 has another root than the empty tree',
    clean(),
    'FORKED',
    '--checkpoint empty-forged.checkpoints',
  ],
  [
    'not-checkpointed',
    'The last checkpoint is missing',
    edited('checkpoint', (record, index) => (index === 2 ? [] : [record])),
    'NOT_CHECKPOINTED',
  ],
  [
    'truncated',
    'The newest entries are cut off with their checkpoint',
    clean(),
    'TRUNCATED',
    '--checkpoint later.checkpoints',
  ],
  [
    'never-sealed',
    'An entry is neither sealed nor queued',
    edited('unsealed', (record) => [{ ...record, queued: false }], bundleOf(WITH_LATE_VOTE)),
    'NEVER_SEALED',
  ],
  [
    'forged-receipt',
    'A receipt is signed by another key',
    clean(),
    'RECEIPT_NOT_SIGNED',
    '--receipt forged.receipts',
  ],
  [
    'broken-bulk-promise',
    'One of the entries of which somebody has a receipt of a bulk is missing',
    clean(),
    'RECEIPT_NOT_HONOURED',
    '--receipt late-bulk.receipts',
  ],
  [
    'broken-promise',
    'An entry of which somebody has a receipt is missing',
    clean(),
    'RECEIPT_NOT_HONOURED',
    '--receipt late.receipts',
  ],
  [
    'decided-twice',
    'An action is denied and then approved',
    sealedAnd([entryOf(22, 'action_approved', decided(42, 103, 'approve', 35, [1, 2], [1, 1], 2))]),
    'DECIDED_TWICE',
  ],
  [
    'decided-without-audit',
    'An action is approved, and no entry says so',
    changedAction(106, {
      status: 'approved',
      decided_by_kind: 'user',
      decided_by: 42,
      decided_at: '2026-01-20T14:30:00.000Z',
      approvals: 1,
      correlation_id: 'x',
    }),
    'DECIDED_WITHOUT_AUDIT',
  ],
  [
    'audited-without-decision',
    'A decided action is pending',
    changedAction(100, {
      status: 'pending_approval',
      decided_by_kind: null,
      decided_by: null,
      decided_at: null,
      approvals: 0,
      correlation_id: null,
    }),
    'AUDITED_WITHOUT_DECISION',
  ],
  [
    'decision-differs',
    'An action names another decider',
    changedAction(100, { decided_by: 2 }),
    'DECISION_DIFFERS',
  ],
  [
    'action-missing',
    'An action that was submitted is not there',
    bundleOf({ actions: ACTIONS.filter(({ id }) => id !== 106) }),
    'ACTION_MISSING',
  ],
  [
    'other-score',
    'A sealed decision has another score than the submission',
    sealedWith(5, { risk_score: 20 }),
    'SUBMISSION_DIFFERS',
  ],
  [
    'score-of-no-rule',
    'A sealed submission has a score that its rule does not give',
    sealedWith(18, { risk_score: 21 }),
    'SUBMISSION_DIFFERS',
  ],
  [
    'own-action',
    'The owner of the key that submitted it approves',
    sealedWith(11, { actor_id: 1 }),
    'OWN_ACTION',
  ],
  ['level-too-low', 'A sealed vote is below the level', sealedWith(9, { held_level: 2 }), 'LEVEL_TOO_LOW'],
  [
    'quorum-not-met',
    'A sealed approval has one of two votes',
    sealedWith(11, { approvals_received: 1 }),
    'QUORUM_NOT_MET',
  ],
  ['voted-twice', 'One person is both votes', sealedWith(11, { actor_id: 2 }), 'VOTED_TWICE'],
  [
    'policy-differs',
    'A policy is another than its entry says',
    bundleOf({ policies: POLICIES.map((rules) => ({ ...rules, autoApproveBelow: 90 })) }),
    'POLICY_DIFFERS',
  ],
  [
    'policy-before',
    'A change of policy tells another setting before it',
    sealedWith(14, { data: { version: 2, before: { 'quorum.low': 3 }, after: { 'quorum.low': 2 } } }),
    'POLICY_DIFFERS',
  ],
  [
    'superseded-policy',
    'A decision that is not sealed names a policy that was replaced',
    unsealedBy(decided(42, 106, 'approve', 35, [1, 2], [1, 1], 1)),
    'POLICY_NOT_IN_FORCE',
  ],
  [
    'without-policy',
    'A policy approves what it does not',
    sealedWith(7, { data: { risk_score_source: 'rule', scoring_rule: 2 } }),
    'APPROVED_WITHOUT_POLICY',
  ],
  ['no-policies', 'The policies are left out', bundleOf({ policies: [] }), 'POLICY_DIFFERS'],
];

function changedAction(id: number, changes: Partial<World['actions'][number]>): BundleRecord[] {
  return bundleOf({
    actions: ACTIONS.map((action) => (action.id === id ? { ...action, ...changes } : action)),
  });
}

/** A text as UTF-8, with other bytes in the place of one part. */
function withOtherBytes(text: string, part: string, bytes: readonly number[]): Buffer {
  const [before = ''] = text.split(part, 1);
  return Buffer.concat([
    Buffer.from(before),
    Buffer.from(bytes),
    Buffer.from(text.slice(before.length + part.length)),
  ]);
}

function rehashed(leaf: object & { canonical: string | null }, from: string, to: string): object {
  const canonical = (leaf.canonical ?? '').replace(from, to);
  return { ...leaf, canonical, leaf_hash: leafHash(Buffer.from(canonical)).toString('base64') };
}

/** The clean log with an unsealed approval of action 106. */
function unsealedBy(members: Members): BundleRecord[] {
  const forged = entryOf(22, 'action_approved', members);
  const actions = ACTIONS.map((action) => (action.id === 106 ? actionAfter('approved', forged) : action));
  return bundleOf({ unsealed: [forged], actions });
}

/** Every vector, in the order of the index. */
export function auditVectors(): readonly AuditVector[] {
  const vector = (
    [file, what, content]: readonly [string, string, readonly object[] | string | Buffer],
    [verdict, because]: readonly [AuditVerdict, AuditVector['because']],
    args: string,
  ): AuditVector => {
    const bytes = Buffer.isBuffer(content)
      ? content
      : Buffer.from(typeof content === 'string' ? content : fileOf(content));
    const name = `${file}.jsonl${bytes[0] === 0x1f ? '.gz' : ''}`;
    const exitCode = ({ OK: 0, FAILED: 1, PARTIAL: 3 } as const)[verdict];
    return { file: name, what, bytes, args, verdict, exitCode, because };
  };
  const kept = `${KEYS} --checkpoint early.checkpoints --receipt receipts`;
  const part = edited('header', (header) => [{ ...header, from: 5 }]).map((record) =>
    'index' in record && Number(record.index) < 5 ? { ...record, canonical: null } : record,
  );
  const emptyTree = bundleOf({ entries: [], checkpoints: [], policies: [], actions: [] });
  const signedEmptyTree = emptyTree.flatMap((record): object[] =>
    record.type === 'header'
      ? [record, { type: 'checkpoint', note: KEY.signRoot(1, 0, EMPTY_ROOT) }]
      : [{ ...record, checkpoints: 1 }],
  );
  return [
    vector(['clean', 'Nobody touched it', clean()], ['OK', ''], KEYS),
    vector(['clean-kept', 'Held against what was kept', clean()], ['OK', ''], kept),
    vector(
      ['clean-bulk-receipt', 'Held against the receipt of a bulk', clean()],
      ['OK', ''],
      `${KEYS} --receipt bulk.receipts`,
    ),
    vector(['clean-packed', 'Packed', gzipSync(fileOf(clean()))], ['OK', ''], KEYS),
    vector(
      ['clean-empty-tree', 'Held against a checkpoint of the empty tree', clean()],
      ['OK', ''],
      `${KEYS} --checkpoint empty.checkpoints`,
    ),
    vector(
      [
        'denials-and-rollback',
        'Denied attempts are counted, and a rollback was accepted',
        sealedAnd(RARE_ENTRIES),
      ],
      ['OK', ''],
      KEYS,
    ),
    vector(
      ['confirmed', 'Two of two approve', sealedAnd(confirmed, actionAfter('approved', confirmed[1] ?? {}))],
      ['OK', ''],
      KEYS,
    ),
    vector(
      [
        'sealed-since',
        'The last vote is not sealed in the bundle, and a later checkpoint covers it',
        bundleOf(WITH_LATE_VOTE),
      ],
      ['OK', ''],
      `${KEYS} --checkpoint later.checkpoints`,
    ),
    vector(['no-key', 'No key is given', clean()], ['PARTIAL', 'anchored'], ''),
    vector(
      ['nothing-signed', 'The log is empty: nothing is signed', emptyTree],
      ['PARTIAL', 'anchored'],
      KEYS,
    ),
    vector(
      ['nothing-said', 'The log is empty and signed, and no policy came along', signedEmptyTree],
      ['PARTIAL', 'whole'],
      KEYS,
    ),
    vector(['part', 'Only a part has its bytes', part], ['PARTIAL', 'whole'], KEYS),
    vector(['unsealed', 'A vote is not sealed', bundleOf(WITH_LATE_VOTE)], ['PARTIAL', 'sealed'], KEYS),
    vector(
      ['unsealed-receipt', 'A vote is not sealed, and has a receipt', bundleOf(WITH_LATE_VOTE)],
      ['PARTIAL', 'sealed'],
      `${KEYS} --receipt late.receipts`,
    ),
    ...FAULTS().map(([file, what, content, kind, args]) =>
      vector([file, what, content], ['FAILED', kind], args === undefined ? KEYS : `${KEYS} ${args}`),
    ),
  ];
}
