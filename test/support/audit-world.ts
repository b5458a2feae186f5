import { createPrivateKey } from 'node:crypto';
import type { BundleAction, BundleLeaf, BundleRecord } from '../../src/audit/bundle';
import { LogKey } from '../../src/audit/log-key';
import { leafHash, TreeEdge } from '../../src/domain/merkle';
import { DEFAULT_RULES, policyDifference, policySettings, type PolicyRules } from '../../src/domain/policy';

/** A small log that needs no database, the same each time: the basis of the test vectors. */

/** An Ed25519 key of a fixed seed, which signs test vectors and nothing else. */
export function vectorKey(seed: number): LogKey {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const key = Buffer.concat([prefix, Buffer.alloc(32, seed)]);
  return new LogKey('vectors.example', createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
}

export const KEY = vectorKey(1);
const ORIGIN = KEY.originOf(1);
const EXPORTED_AT = '2026-01-20T15:00:00.000Z';

/** An entry's members, without those that are null. */
export type Members = Readonly<Record<string, unknown>>;

const NOTHING: Members = {
  v: 1,
  audit_id: 0,
  organization_id: 1,
  action_type: '',
  timestamp: '',
  actor_kind: 'system',
  actor_id: null,
  on_behalf_of: null,
  action_id: null,
  verdict: null,
  reason: null,
  refusal_code: null,
  risk_score: null,
  required_level: null,
  held_level: null,
  policy_version: null,
  approvals_received: null,
  approvals_required: null,
  details: '',
  correlation_id: '',
  client_correlation_id: null,
  ip_commitment: null,
  user_agent_commitment: null,
  data: null,
};

/** An entry. By default its id is its place from 1, and its time a second later than that of the one before. */
export function entryOf(id: number, action_type: string, members: Members): Members {
  const timestamp = new Date(Date.parse('2026-01-20T14:00:00.000Z') + id * 1000).toISOString();
  const correlation_id = `action_20260120_1400${String(id).padStart(2, '0')}_00000000000000${String(id).padStart(2, '0')}`;
  const given = { audit_id: id, action_type, timestamp, details: `Entry ${String(id)}`, correlation_id };
  return { ...NOTHING, ...given, ...members };
}

const user = (id: number): Members => ({ actor_kind: 'user', actor_id: id });
const agent: Members = { actor_kind: 'api_key', actor_id: 7, on_behalf_of: 1 };
const rule = (actionType: string, score: number) => ({
  actionType,
  toolName: null,
  targetSystem: null,
  riskIndicator: null,
  score,
});

const FIRST_RULES: PolicyRules = {
  ...DEFAULT_RULES,
  quorum: { ...DEFAULT_RULES.quorum, high: 2 },
  autoApproveBelow: 20,
  scoringRules: [rule('read', 10), rule('write', 35), rule('deploy', 75)],
};
const SECOND_RULES: PolicyRules = { ...FIRST_RULES, quorum: { ...FIRST_RULES.quorum, low: 2 } };
export const POLICIES: readonly PolicyRules[] = [FIRST_RULES, SECOND_RULES];

const submitted = (
  action_id: number,
  type: string,
  risk_score: number,
  scoring: Members,
  version = 1,
): Members => ({
  ...agent,
  action_id,
  risk_score,
  policy_version: version,
  data: {
    agent_id: 'agent-7',
    action_type: type,
    tool_name: null,
    target_system: 'billing',
    submission_sha256: '5e'.repeat(32),
    ...scoring,
  },
});
const byRule = (place: number): Members => ({ risk_score_source: 'rule', scoring_rule: place });

/** The data of a reviewer's entry. */
export const decided = (
  by: number,
  action_id: number,
  verdict: 'approve' | 'reject',
  risk_score: number,
  [required_level, held_level]: readonly [number, number],
  [approvals_received, approvals_required]: readonly [number, number],
  policy_version = 1,
): Members => ({
  ...user(by),
  ...{ action_id, verdict, risk_score, required_level, held_level },
  ...{ policy_version, approvals_received, approvals_required },
});

/** The untouched log: every type of entry at least once. */
export const ENTRIES: readonly Members[] = [
  entryOf(1, 'policy_changed', {
    policy_version: 1,
    data: { version: 1, before: null, after: policySettings(FIRST_RULES) },
  }),
  entryOf(2, 'user_changed', {
    data: {
      user_id: 42,
      before: null,
      after: { name: 'Sue', role: 'manager', approval_level: 2, max_risk_score: null, active: true },
    },
  }),
  entryOf(3, 'api_key_created', {
    ...user(1),
    data: {
      ...{ api_key_id: 7, name: 'agent', prefix: 'csk_abcd', owner_id: 1, scopes: ['actions:submit'] },
      expires_at: null,
    },
  }),
  entryOf(4, 'action_submitted', {
    ...submitted(100, 'write', 35, byRule(2)),
    ip_commitment: 'ab'.repeat(32),
  }),
  entryOf(5, 'action_approved', decided(42, 100, 'approve', 35, [1, 2], [1, 1])),
  entryOf(6, 'action_submitted', submitted(101, 'read', 10, byRule(1))),
  entryOf(7, 'action_approved', {
    actor_kind: 'policy',
    ...{ action_id: 101, verdict: 'approve', reason: 'below 20', risk_score: 10, policy_version: 1 },
    ...{ timestamp: '2026-01-20T14:00:06.000Z', correlation_id: 'action_20260120_140006_0000000000000006' },
    data: byRule(1),
  }),
  entryOf(8, 'action_submitted', submitted(102, 'deploy', 75, byRule(3))),
  entryOf(9, 'vote_recorded', decided(2, 102, 'approve', 75, [3, 3], [1, 2])),
  entryOf(10, 'decision_refused', {
    ...decided(42, 102, 'approve', 75, [3, 2], [1, 2]),
    ...{ approvals_received: null, approvals_required: null, refusal_code: 'APPROVAL_LEVEL_REQUIRED' },
  }),
  entryOf(11, 'action_approved', decided(8, 102, 'approve', 75, [3, 4], [2, 2])),
  entryOf(12, 'action_submitted', submitted(103, 'write', 35, byRule(2))),
  entryOf(13, 'action_denied', { ...decided(42, 103, 'reject', 35, [1, 2], [0, 1]), reason: 'not today 🛑' }),
  entryOf(14, 'policy_changed', {
    ...user(1),
    ...{ reason: 'two pairs of eyes', policy_version: 2 },
    data: { version: 2, ...policyDifference(FIRST_RULES, SECOND_RULES) },
  }),
  entryOf(
    15,
    'action_submitted',
    submitted(104, 'write', 35.5, { risk_score_source: 'engine', scoring_rule: null }, 2),
  ),
  entryOf(16, 'action_expired', {
    ...{ action_id: 104, risk_score: 35.5, approvals_received: 0 },
    data: { expires_at: '2026-01-20T14:00:15.500Z' },
  }),
  entryOf(
    17,
    'action_submitted',
    submitted(105, 'unheard-of', 95, { risk_score_source: 'default', scoring_rule: null }, 2),
  ),
  entryOf(18, 'action_submitted', submitted(106, 'write', 35, byRule(2), 2)),
  entryOf(19, 'api_key_revoked', {
    ...user(1),
    data: {
      ...{ api_key_id: 7, name: 'agent', prefix: 'csk_abcd', owner_id: 1, scopes: ['actions:submit'] },
      expires_at: null,
    },
  }),
  entryOf(20, 'origins_erased', { data: { before: '2026-01-20T14:00:10.000Z', entries: 1 } }),
  entryOf(21, 'audit_exported', { ...user(1), data: { format: 'bundle', from: null, to: null } }),
];

/** Entries of a log in which a reviewer was denied very often, and an operator accepted a rollback. */
export const RARE_ENTRIES: readonly Members[] = [
  entryOf(22, 'decision_refused', {
    ...user(42),
    ...{ verdict: 'approve', refusal_code: 'ACTION_NOT_FOUND' },
    data: { omitted: 300, from: '2026-01-20T14:00:00.000Z', to: '2026-01-20T14:01:00.000Z' },
  }),
  entryOf(23, 'rollback_accepted', {
    reason: 'restored the backup of noon',
    data: {
      ...{ generation: 1, tree_size: 22, root_hash: Buffer.alloc(32, 1).toString('base64') },
      ...{ abandoned_size: 30, abandoned_root: Buffer.alloc(32, 2).toString('base64') },
    },
  }),
];

const pending = (id: number): BundleAction => ({
  type: 'action',
  id,
  status: 'pending_approval',
  decided_by_kind: null,
  decided_by: null,
  decided_at: null,
  approvals: 0,
  correlation_id: null,
});

/** An action as its final entry leaves it. */
export function actionAfter(status: BundleAction['status'], entry: Members): BundleAction {
  const kind = entry['actor_kind'] as 'user' | 'policy';
  return {
    type: 'action',
    id: Number(entry['action_id']),
    status,
    decided_by_kind: kind,
    decided_by: kind === 'user' ? Number(entry['actor_id']) : null,
    decided_at: String(entry['timestamp']),
    approvals: Number(entry['approvals_received'] ?? 0),
    correlation_id: String(entry['correlation_id']),
  };
}

const entry = (id: number): Members => ENTRIES[id - 1] ?? NOTHING;

export const ACTIONS: readonly BundleAction[] = [
  actionAfter('approved', entry(5)),
  actionAfter('approved', entry(7)),
  actionAfter('approved', entry(11)),
  actionAfter('denied', entry(13)),
  { ...pending(104), status: 'expired' },
  pending(105),
  pending(106),
];

/** The contents of a bundle. */
export interface World {
  readonly entries: readonly Members[];
  /** Entries behind the tree. */
  readonly unsealed: readonly Members[];
  readonly actions: readonly BundleAction[];
  readonly policies: readonly PolicyRules[];
  /** The sizes of the trees that were signed. */
  readonly checkpoints: readonly number[];
  readonly key: LogKey;
}

const CLEAN: World = {
  entries: ENTRIES,
  unsealed: [],
  actions: ACTIONS,
  policies: POLICIES,
  checkpoints: [5, 13, 21],
  key: KEY,
};

/** A canonical text's record, at an index of the tree. */
function leafOf(canonical: string, index: number, audit_id: number): BundleLeaf {
  const leaf_hash = leafHash(Buffer.from(canonical)).toString('base64');
  return { type: 'leaf', index, audit_id, leaf_hash, canonical };
}

/** The bundle of a world, sealed: an owner of the database has the sealer sign what they put there. */
export function bundleOf(changes: Partial<World> = {}): BundleRecord[] {
  const world = { ...CLEAN, ...changes };
  const { entries, unsealed, actions, policies, checkpoints, key } = world;
  const edge = new TreeEdge();
  const leaves = entries.flatMap((members, index): BundleRecord[] => {
    const leaf = leafOf(JSON.stringify(members), index, Number(members['audit_id']));
    edge.append(Buffer.from(leaf.leaf_hash, 'base64'));
    const isSigned = checkpoints.includes(index + 1);
    return isSigned ? [leaf, { type: 'checkpoint', note: key.signRoot(1, index + 1, edge.root) }] : [leaf];
  });
  return [
    {
      type: 'header',
      format: 'countersign-audit-bundle',
      v: 1,
      origin: ORIGIN,
      organization_id: 1,
      exported_at: EXPORTED_AT,
      tree_size: entries.length,
      from: 0,
      to: entries.length,
      keys: key.keysText.trim().split('\n'),
    },
    ...policies.map((rules, index): BundleRecord => ({ type: 'policy', version: index + 1, rules })),
    ...leaves,
    ...unsealed.map((members): BundleRecord => {
      const canonical = JSON.stringify(members);
      const { audit_id, leaf_hash } = leafOf(canonical, 0, Number(members['audit_id']));
      return { type: 'unsealed', audit_id, leaf_hash, canonical, queued: true };
    }),
    ...actions,
    {
      type: 'end',
      policies: policies.length,
      leaves: entries.length,
      checkpoints: leaves.length - entries.length,
      unsealed: unsealed.length,
      actions: actions.length,
    },
  ];
}

/** Records as a file has them. */
export function fileOf(records: readonly object[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}
