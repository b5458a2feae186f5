import { generateKeyPairSync } from 'node:crypto';
import type { BundleRecord } from '../../../src/audit/bundle';
import { LogKey } from '../../../src/audit/log-key';
import type { FaultKind } from '../../../src/audit/verification';
import { leafHash, nodeHash } from '../../../src/domain/merkle';
import type { Sql } from '../../../src/persistence/sql/sql';
import { eraseOrigins } from '../../../src/persistence/audit/origins.store';
import { OPERATOR } from '../../support/database';
import { startGateway, type Gateway } from '../../support/gateway';
import { newPolicy } from '../../support/racing';
import {
  kindsOf,
  recordsAfter,
  recordsIn,
  sealingOf,
  testLogKey,
  trusting,
  verdictOn,
  type Sealing,
} from '../../support/sealed-log';

/** An owner of the database alters history; an outsider with the verifier finds it and what was done. */
let gateway: Gateway;
let sealing: Sealing;
/** What an outsider kept: the checkpoint before the last decisions, and the newest one. */
let kept: { readonly early: string; readonly late: string };
/** The receipts of user 42's approvals: the first is sealed, the last is not. */
const receipts: { readonly auditId: number; readonly note: string }[] = [];

beforeAll(async () => {
  gateway = await startGateway();
  sealing = sealingOf(gateway.database);
  const approve = async (id: number): Promise<void> => {
    const { body } = await gateway.rest('POST', `/api/v1/actions/${String(id)}/approve?receipt=true`, {
      user: 42,
    });
    receipts.push({ auditId: body.audit_receipt.audit_id, note: body.audit_receipt.signature });
  };
  await approve(12345);
  await gateway.rest('POST', '/api/v1/actions/12346/reject', { user: 42, body: { reason: 'no' } });
  await gateway.rest('POST', '/api/v1/actions/12351/approve', { user: 42 });
  await gateway.graphql(
    'mutation { changeApprovalPolicy(expectedVersion: 1, patch: { quorum: { medium: 2 } }, reason: "two") { version } }',
    { user: 1 },
  );
  await sealing.seal();
  const early = await latestNote();
  await gateway.rest('POST', '/api/v1/actions/12347/approve', { user: 42 });
  await gateway.rest('POST', '/api/v1/actions/12347/approve', { user: 2 });
  await gateway.rest('POST', '/api/v1/actions/12349/approve', { user: 42 });
  await gateway.rest('POST', '/api/v1/actions/bulk-approve', { user: 101, body: { action_ids: [22345] } });
  await sealing.seal();
  kept = { early, late: await latestNote() };
  await approve(12348);
});
afterAll(async () => {
  sealing.close();
  await gateway.close();
});

async function latestNote(): Promise<string> {
  const { body } = await gateway.graphql('{ auditCheckpoint { note } }', { user: 1 });
  return body.data.auditCheckpoint.note;
}

/** Reads in a transaction that is rolled back. */
const inView = <T>(read: (sql: Sql) => Promise<T>): Promise<T> =>
  gateway.database.owner.transactionIf(read, () => false);

const keptCheckpoints = (...notes: string[]) => ({
  checkpoints: notes.map((note) => ({ note, source: 'an auditor' })),
});
const keptReceipts = () => ({ receipts: receipts.map(({ note }) => ({ note, source: 'user 42' })) });

describe('an untouched log', () => {
  it('is intact, by itself and against everything that was kept', async () => {
    const records = await inView((sql) => recordsIn(sql));
    const report = await verdictOn(records, { ...keptCheckpoints(kept.early, kept.late), ...keptReceipts() });
    expect(report.faults).toEqual([]);
    expect(report.treeSize).toBeGreaterThan(10);
    expect(report.gaps).toEqual([
      {
        requirement: 'sealed',
        detail: expect.stringContaining('1 entries were not sealed yet, 1 of them with'),
      },
    ]);
  });
});

describe('an untouched log that is exported in part', () => {
  it('is intact whichever part it is: entries outside of it do not count as missing', async () => {
    const { length } = (await inView((sql) => recordsIn(sql))).filter(({ type }) => type === 'leaf');
    for (let from = 0; from <= length; from += 1) {
      const report = await verdictOn(await inView((sql) => recordsIn(sql, 1, { from, to: length })));
      expect([from, report.faults]).toEqual([from, []]);
    }
  });
});

describe('an operator who erases the origins of requests', () => {
  it('breaks no proof, and is in the log for it', async () => {
    const entries = async (sql: Sql) =>
      sql.query(
        {
          name: 'origins',
          text: 'SELECT id FROM audit_log WHERE organization_id = 1 AND user_agent IS NOT NULL',
        },
        [],
      );
    const erased = await inView(async (sql) => {
      const before = (await entries(sql)).length;
      // A transaction within this one, which is rolled back.
      const owner = { transaction: <T>(work: (inner: Sql) => Promise<T>) => work(sql) };
      const count = await eraseOrigins(owner, 1, new Date(Date.now() + 60_000), OPERATOR);
      const [left, records] = [await entries(sql), await recordsIn(sql)];
      return { before, count, left: left.length, records };
    });
    expect(erased).toMatchObject({ count: erased.before, left: 0 });
    expect(erased.before).toBeGreaterThan(5);
    const report = await verdictOn(erased.records, { ...keptCheckpoints(kept.late), ...keptReceipts() });
    expect(report.faults).toEqual([]);
    expect(
      erased.records.filter((r) => r.type === 'unsealed' && r.canonical.includes('origins_erased')),
    ).toHaveLength(1);
  });
});

/** Entry ids are found by their content. */
const APPROVED = `(SELECT min(id) FROM audit_log WHERE action_id = 12345 AND action_type = 'action_approved')`;
const OPEN = 'ALTER TABLE audit_log DISABLE TRIGGER USER';
const OPEN_LEAVES = 'ALTER TABLE audit_leaf DISABLE TRIGGER audit_leaf_append_only';
const OPEN_CHECKPOINTS = 'ALTER TABLE audit_checkpoint DISABLE TRIGGER audit_checkpoint_append_only';
const TWICE = 'ALTER TABLE audit_leaf DROP CONSTRAINT audit_leaf_organization_id_audit_id_key';

/** Rewrites an entry's bytes and hashes, as an attacker who knows how they are made. */
const rewrite = (from: string, to: string): string[] => [
  OPEN,
  OPEN_LEAVES,
  `UPDATE audit_log SET canonical = convert_to(replace(convert_from(canonical, 'UTF8'), '${from}', '${to}'), 'UTF8')
   WHERE id = ${APPROVED}`,
  `UPDATE audit_log SET leaf_hash = sha256(decode('00', 'hex') || canonical) WHERE id = ${APPROVED}`,
  `UPDATE audit_leaf SET leaf_hash = (SELECT l.leaf_hash FROM audit_log l WHERE l.id = audit_id) WHERE audit_id = ${APPROVED}`,
];

/** [what was done, how, the verifier's first fault, what it is compared with] */
const MATRIX: readonly (readonly [string, readonly string[], FaultKind, 'nothing' | 'late' | 'receipts'])[] =
  [
    [
      'edits a byte with the trigger switched off',
      [OPEN, `UPDATE audit_log SET canonical = set_byte(canonical, 40, 65) WHERE id = ${APPROVED}`],
      'ROW_ALTERED',
      'nothing',
    ],
    ['edits a byte and hashes anew', rewrite('by user 42', 'by user 43'), 'ROOT_DIFFERS', 'nothing'],
    ['edits only white space and hashes anew', rewrite('"v":1,', '"v": 1,'), 'NOT_CANONICAL', 'nothing'],
    [
      'edits only the order of keys and hashes anew',
      rewrite('"verdict":"approve","reason":null', '"reason":null,"verdict":"approve"'),
      'NOT_CANONICAL',
      'nothing',
    ],
    [
      'edits a column and leaves the bytes',
      [OPEN, `UPDATE audit_log SET details = 'Action 12345 approved by user 2' WHERE id = ${APPROVED}`],
      'ROW_ALTERED',
      'nothing',
    ],
    [
      'deletes an entry in the middle',
      [OPEN, `DELETE FROM audit_log WHERE id = ${APPROVED}`],
      'ENTRY_MISSING',
      'nothing',
    ],
    [
      'deletes an entry in the middle with its leaf',
      [
        OPEN,
        OPEN_LEAVES,
        `DELETE FROM audit_leaf WHERE audit_id = ${APPROVED}`,
        `DELETE FROM audit_log WHERE id = ${APPROVED}`,
      ],
      'INDEX_GAP',
      'nothing',
    ],
    [
      'deletes an entry in the middle and closes the gap',
      [
        OPEN,
        OPEN_LEAVES,
        `CREATE TEMPORARY TABLE gone AS SELECT leaf_index, audit_id FROM audit_leaf WHERE audit_id = ${APPROVED}`,
        'DELETE FROM audit_leaf WHERE audit_id IN (SELECT audit_id FROM gone)',
        `UPDATE audit_leaf SET leaf_index = leaf_index + 1000000 WHERE organization_id = 1 AND leaf_index > (SELECT leaf_index FROM gone)`,
        `UPDATE audit_leaf SET leaf_index = leaf_index - 1000001 WHERE organization_id = 1 AND leaf_index >= 1000000`,
        'DELETE FROM audit_log WHERE id IN (SELECT audit_id FROM gone)',
      ],
      'ROOT_DIFFERS',
      'nothing',
    ],
    [
      'deletes the tail and the checkpoint over it',
      [
        OPEN,
        OPEN_LEAVES,
        OPEN_CHECKPOINTS,
        `CREATE TEMPORARY TABLE cut AS SELECT min(tree_size) AS size FROM audit_checkpoint WHERE organization_id = 1`,
        `CREATE TEMPORARY TABLE gone AS SELECT audit_id FROM audit_leaf WHERE organization_id = 1 AND leaf_index >= (SELECT size FROM cut)`,
        'DELETE FROM audit_checkpoint WHERE organization_id = 1 AND tree_size > (SELECT size FROM cut)',
        'DELETE FROM audit_leaf WHERE audit_id IN (SELECT audit_id FROM gone)',
        'DELETE FROM audit_log WHERE id IN (SELECT audit_id FROM gone)',
      ],
      'TRUNCATED',
      'late',
    ],
    [
      'deletes everything',
      [
        OPEN,
        OPEN_LEAVES,
        OPEN_CHECKPOINTS,
        'DELETE FROM audit_pending',
        'DELETE FROM audit_checkpoint',
        'DELETE FROM audit_leaf',
        'DELETE FROM audit_log',
      ],
      'TRUNCATED',
      'late',
    ],
    [
      'inserts an entry that is back-dated, and queues it to be sealed',
      [
        `INSERT INTO audit_log SELECT (jsonb_populate_record(l, jsonb_build_object('id', 999999, 'timestamp', '2020-01-01T00:00:00Z'))).*
       FROM audit_log l WHERE id = ${APPROVED}`,
        OPEN,
        `UPDATE audit_log SET canonical = convert_to(regexp_replace(replace(convert_from(canonical, 'UTF8'),
         '"audit_id":' || ${APPROVED}, '"audit_id":999999'), '"timestamp":"[^"]*"', '"timestamp":"2020-01-01T00:00:00.000Z"'), 'UTF8')
       WHERE id = 999999`,
        `UPDATE audit_log SET leaf_hash = sha256(decode('00', 'hex') || canonical) WHERE id = 999999`,
        'INSERT INTO audit_pending VALUES (1, 999999)',
      ],
      'BACK_DATED',
      'nothing',
    ],
    [
      'puts an entry into the middle of the tree',
      [
        OPEN_LEAVES,
        `INSERT INTO audit_log SELECT (jsonb_populate_record(l, '{"id":999999}')).* FROM audit_log l WHERE id = ${APPROVED}`,
        'UPDATE audit_leaf SET leaf_index = leaf_index + 1000000 WHERE organization_id = 1 AND leaf_index >= 4',
        'UPDATE audit_leaf SET leaf_index = leaf_index - 999999 WHERE organization_id = 1 AND leaf_index >= 1000000',
        'INSERT INTO audit_leaf SELECT 1, 4, id, leaf_hash FROM audit_log WHERE id = 999999',
      ],
      'ROOT_DIFFERS',
      'nothing',
    ],
    [
      'swaps two entries in the tree',
      [
        OPEN_LEAVES,
        TWICE,
        `UPDATE audit_leaf a SET audit_id = b.audit_id, leaf_hash = b.leaf_hash FROM audit_leaf b
       WHERE a.organization_id = 1 AND b.organization_id = 1 AND (a.leaf_index, b.leaf_index) IN ((3, 4), (4, 3))`,
      ],
      'ROOT_DIFFERS',
      'nothing',
    ],
    [
      'puts one entry into the tree twice',
      [
        OPEN_LEAVES,
        TWICE,
        `UPDATE audit_leaf a SET audit_id = b.audit_id, leaf_hash = b.leaf_hash FROM audit_leaf b
       WHERE a.organization_id = 1 AND b.organization_id = 1 AND a.leaf_index = 4 AND b.leaf_index = 3`,
      ],
      'DUPLICATE_ENTRY',
      'nothing',
    ],
    [
      'rewrites an entry that is not sealed yet, hashes and all',
      [
        OPEN,
        `UPDATE audit_log SET correlation_id = 'action_20200101_000000_0000000000000000', canonical = convert_to(regexp_replace(
         convert_from(canonical, 'UTF8'), 'action_[0-9]{8}_[0-9]{6}_[0-9a-f]{16}', 'action_20200101_000000_0000000000000000'), 'UTF8')
       WHERE action_id = 12348`,
        `UPDATE audit_log SET leaf_hash = sha256(decode('00', 'hex') || canonical) WHERE action_id = 12348`,
        `UPDATE actions SET correlation_id = 'action_20200101_000000_0000000000000000' WHERE id = 12348`,
      ],
      'RECEIPT_NOT_HONOURED',
      'receipts',
    ],
    [
      'deletes an entry that is not sealed yet',
      [
        OPEN,
        'DELETE FROM audit_pending WHERE audit_id = (SELECT id FROM audit_log WHERE action_id = 12348)',
        'DELETE FROM audit_log WHERE action_id = 12348',
      ],
      'DECIDED_WITHOUT_AUDIT',
      'nothing',
    ],
    ['drops a row of the queue', ['DELETE FROM audit_pending'], 'NEVER_SEALED', 'nothing'],
    [
      "puts another organization's entry into the tree",
      [
        OPEN_LEAVES,
        TWICE,
        OPEN,
        `UPDATE audit_log a SET canonical = b.canonical, leaf_hash = b.leaf_hash FROM audit_log b
       WHERE a.id = ${APPROVED} AND b.id = (SELECT id FROM audit_log WHERE action_id = 22345)`,
        `UPDATE audit_leaf SET leaf_hash = (SELECT l.leaf_hash FROM audit_log l WHERE l.id = audit_id) WHERE audit_id = ${APPROVED}`,
      ],
      'OTHER_ORGANIZATION',
      'nothing',
    ],
    [
      'approves an action without an entry',
      [
        `UPDATE actions SET status = 'approved', decided_by_kind = 'user', decided_by = 2, decided_at = now(), correlation_id = 'none'
       WHERE id = 12350`,
      ],
      'DECIDED_WITHOUT_AUDIT',
      'nothing',
    ],
    [
      'names another decider',
      ['UPDATE actions SET decided_by = 2 WHERE id = 12345'],
      'DECISION_DIFFERS',
      'nothing',
    ],
    [
      'takes a decision back',
      [
        `UPDATE actions SET status = 'pending_approval', decided_by_kind = NULL, decided_by = NULL, decided_at = NULL, correlation_id = NULL
       WHERE id = 12345`,
      ],
      'AUDITED_WITHOUT_DECISION',
      'nothing',
    ],
    [
      'counts a vote more',
      ['UPDATE actions SET approvals = 2 WHERE id = 12349'],
      'DECISION_DIFFERS',
      'nothing',
    ],
    ['puts another policy in force', [newPolicy({ approvalLevels: false })], 'POLICY_DIFFERS', 'nothing'],
    [
      'rewrites an earlier policy',
      [
        'ALTER TABLE approval_policies DISABLE TRIGGER approval_policies_append_only',
        `UPDATE approval_policies SET document = jsonb_set(document, '{requiredLevels,low}', '3') WHERE organization_id = 1 AND version = 1`,
      ],
      'POLICY_DIFFERS',
      'nothing',
    ],
  ];

describe('an owner of the database who tampers with it', () => {
  it.each(MATRIX)('%s: found', async (_what, statements, expected, against) => {
    const records = await recordsAfter(gateway.database, statements);
    const input = {
      nothing: {},
      late: keptCheckpoints(kept.late),
      receipts: keptReceipts(),
    }[against];
    expect(kindsOf(await verdictOn(records, input))).toContain(expected);
  });
});

const bytes = (base64 = ''): Buffer => Buffer.from(base64, 'base64');

/** The records with one of them changed. */
const changed = (
  records: readonly BundleRecord[],
  change: (record: BundleRecord) => BundleRecord,
): BundleRecord[] => records.map(change);

describe('an attacker who presents other checkpoints', () => {
  const clean = (): Promise<BundleRecord[]> => inView((sql) => recordsIn(sql));
  const forger = new LogKey('test.example', generateKeyPairSync('ed25519').privateKey);

  it.each([
    ['signed by another key', 'CHECKPOINT_NOT_SIGNED', () => forger.signRoot(1, 3, Buffer.alloc(32))],
    ['of another origin', 'CHECKPOINT_OF_OTHER_ORIGIN', () => testLogKey().signRoot(2, 3, Buffer.alloc(32))],
    ['that was current before', 'CHECKPOINT_REPLAYED', () => kept.early],
  ] as const)('%s: found', async (_what, expected, forged) => {
    const records = await clean();
    const last = records.findLastIndex(({ type }) => type === 'checkpoint');
    const forgedRecords = changed(records, (record) =>
      record === records[last] ? { type: 'checkpoint', note: forged() } : record,
    );
    expect(kindsOf(await verdictOn(forgedRecords))).toContain(expected);
  });

  it('restores an older database: found by a holder of what was signed since, also once it has grown again', async () => {
    const whole = await clean();
    const size = Number(kept.early.split('\n')[1]);
    const leaves = whole.filter((record) => record.type === 'leaf');
    const older = whole.filter(
      (r) => (r.type !== 'leaf' || r.index < size) && (r.type !== 'checkpoint' || r.note === kept.early),
    );
    expect(kindsOf(await verdictOn(older, keptCheckpoints(kept.late)))).toContain('TRUNCATED');
    // Other entries instead of the last ones, in a tree of the size that was kept.
    const [first] = leaves;
    const grown = whole.map((record) =>
      record.type === 'leaf' && record.index >= size && first !== undefined
        ? { ...first, index: record.index }
        : record,
    );
    expect(kindsOf(await verdictOn(grown, keptCheckpoints(kept.late)))).toContain('FORKED');
  });

  it('passes off an inner node of the tree as a leaf: found', async () => {
    const records = await clean();
    const [one, two] = records.filter((record) => record.type === 'leaf');
    const node = nodeHash(bytes(one?.leaf_hash), bytes(two?.leaf_hash)).toString('base64');
    const forged = records.flatMap((record) => {
      if (record === two) return [];
      return record === one ? [{ ...one, leaf_hash: node, canonical: null }] : [record];
    });
    expect(kindsOf(await verdictOn(forged))).toEqual(
      expect.arrayContaining(['ENTRY_MISSING', 'INDEX_GAP', 'INCOMPLETE_BUNDLE']),
    );
  });

  it('signs two histories of one size: found by a holder of the other one', async () => {
    const records = await clean();
    const size = Number(kept.early.split('\n')[1]);
    const fork = testLogKey().signRoot(1, size, Buffer.alloc(32, 1));
    expect(kindsOf(await verdictOn(records, keptCheckpoints(fork)))).toEqual(['FORKED']);
    expect(kindsOf(await verdictOn([], keptCheckpoints(kept.early, fork)))).toEqual(['NOT_A_BUNDLE']);
  });

  it('presents a receipt that was never given: found', async () => {
    const forged = forger.signReceipt(1, { auditId: 1, leafHash: leafHash(Buffer.from('nothing')) });
    const report = await verdictOn(await clean(), { receipts: [{ note: forged, source: 'a forger' }] });
    expect(kindsOf(report)).toEqual(['RECEIPT_NOT_SIGNED']);
  });

  it.each([
    ['leaves out the end', (records: BundleRecord[]) => records.slice(0, -1)],
    [
      'leaves out an action',
      (records: BundleRecord[]) => records.filter((r) => r.type !== 'action' || r.id !== 12300),
    ],
    ['cuts it in the middle', (records: BundleRecord[]) => records.slice(0, 12)],
  ])('%s: found', async (_what, cut) => {
    expect(kindsOf(await verdictOn(cut(await clean())))).toContain('INCOMPLETE_BUNDLE');
  });

  it('is not anchored where no key is given, which the report says', async () => {
    const report = await verdictOn(await clean(), { ...trusting(), trustedKeys: [] });
    expect(report.faults).toEqual([]);
    expect(report.gaps.map(({ requirement }) => requirement)).toContain('anchored');
  });
});
