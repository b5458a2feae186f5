import { z } from 'zod';
import type { AuditActionType } from '../domain/audit-entry';
import { API_KEY_SCOPES, ROLES } from '../domain/role';
import { ERROR_CODES } from '../domain/refusal';
import { RISK_SCORE_SOURCES } from '../domain/risk-score';
import type { Entry } from './entry';
import { EXPORT_FORMATS } from './export-formats';
import { isTime } from './time';

const id = z.int().min(1);
const count = z.int().min(0);
const text = z.string();
const named = z.string().min(1);
const time = z.string().refine(isTime, 'is not a time');
const hash = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const score = z.number().min(0).max(100);
const level = z.int().min(0).max(10);
const object = z.record(z.string(), z.unknown());
const none = z.null();

/** The members of every entry. */
const COMMON = {
  v: z.literal(1),
  audit_id: id,
  organization_id: id,
  timestamp: time,
  actor_id: id.nullable(),
  on_behalf_of: id.nullable(),
  details: named,
  correlation_id: named,
  client_correlation_id: text.nullable(),
  ip_commitment: sha256.nullable(),
  user_agent_commitment: sha256.nullable(),
};

/** The members that an entry has only if its type says so. */
const ABSENT = {
  action_id: none,
  verdict: none,
  reason: none,
  refusal_code: none,
  risk_score: none,
  required_level: none,
  held_level: none,
  policy_version: none,
  approvals_received: none,
  approvals_required: none,
  data: none,
};

type Kind = 'user' | 'api_key' | 'policy' | 'system';
type Members = Readonly<Partial<Record<keyof typeof ABSENT, z.ZodType>>>;

/** Returns the schema of an entry type: its possible actors, and its members beyond the common ones. */
function entryType(name: AuditActionType, actors: readonly Kind[], members: Members): z.ZodType {
  return z
    .strictObject({
      ...COMMON,
      ...ABSENT,
      ...members,
      action_type: z.literal(name),
      actor_kind: z.enum(actors),
    })
    .refine(
      ({ actor_kind: kind, actor_id: actor, on_behalf_of: owner }) =>
        (kind === 'user' || kind === 'api_key') === (actor !== null) &&
        (kind === 'api_key') === (owner !== null),
      { message: 'actor_id and on_behalf_of do not match actor_kind' },
    );
}

const authority = { required_level: level.nullable(), held_level: level.nullable() };
/** The members of a reviewer's verdict. */
const decision = {
  ...authority,
  action_id: id,
  reason: text.nullable(),
  risk_score: score,
  policy_version: id,
  approvals_required: id,
  data: z.strictObject({ risk_limit: score }).nullable(),
};
const scoring = { risk_score_source: z.enum(RISK_SCORE_SOURCES), scoring_rule: id.nullable() };
const apiKey = z.strictObject({
  api_key_id: id,
  name: named,
  // Both are missing from the oldest entries.
  prefix: text.optional(),
  owner_id: id,
  scopes: z.array(z.enum(API_KEY_SCOPES)),
  expires_at: time.nullable().optional(),
});
const person = z.strictObject({
  name: named,
  role: z.enum(ROLES),
  approval_level: level.nullable(),
  max_risk_score: score.nullable(),
  active: z.boolean(),
});

/** The denied attempts of one minute that have no entry of their own. */
const omittedAttempts = z.strictObject({ omitted: id, from: time, to: time });

/** Returns whether a denial record either names the policy version of one attempt, or only counts attempts. */
function isOneAttemptOrMany(entry: unknown): boolean {
  const { data, policy_version: version, ...rest } = entry as Entry;
  if (!omittedAttempts.safeParse(data).success) return version !== null;
  const { action_id, reason, risk_score, required_level, held_level } = rest;
  return [version, action_id, reason, risk_score, required_level, held_level].every(
    (value) => value === null,
  );
}

/**
 * The schema of every entry type (docs/audit-format.md). A new `AuditActionType` has to be added here, to the table in
 * that document and to the second verifier.
 */
export const ENTRY_TYPES: Readonly<Record<AuditActionType, z.ZodType>> = {
  action_submitted: entryType('action_submitted', ['user', 'api_key'], {
    action_id: id,
    risk_score: score,
    policy_version: id,
    data: z.strictObject({
      agent_id: named,
      action_type: named,
      tool_name: text.nullable(),
      target_system: text.nullable(),
      submission_sha256: sha256,
      ...scoring,
    }),
  }),
  action_approved: z.discriminatedUnion('actor_kind', [
    approvalBy('user', { ...decision, approvals_received: id }),
    approvalBy('policy', {
      action_id: id,
      reason: named,
      risk_score: score,
      policy_version: id,
      data: z.strictObject(scoring),
    }),
  ]),
  action_denied: entryType('action_denied', ['user'], {
    ...decision,
    verdict: z.literal('reject'),
    approvals_received: count,
  }),
  vote_recorded: entryType('vote_recorded', ['user'], {
    ...decision,
    verdict: z.literal('approve'),
    approvals_received: id,
  }),
  decision_refused: entryType('decision_refused', ['user', 'api_key'], {
    ...authority,
    action_id: id.nullable(),
    verdict: z.enum(['approve', 'reject']),
    reason: text.nullable(),
    refusal_code: z.enum(ERROR_CODES),
    risk_score: score.nullable(),
    policy_version: id.nullable(),
    data: z.union([z.strictObject({ risk_limit: score }), omittedAttempts]).nullable(),
  }).refine(isOneAttemptOrMany, { message: 'it is neither one denied attempt nor a count of them' }),
  action_expired: entryType('action_expired', ['system'], {
    action_id: id,
    risk_score: score,
    approvals_received: count,
    data: z.strictObject({ expires_at: time }),
  }),
  policy_changed: entryType('policy_changed', ['user', 'system'], {
    reason: text.nullable(),
    policy_version: id.nullable(),
    data: z.strictObject({ version: id.optional(), before: object.nullable(), after: object }),
  }),
  user_changed: entryType('user_changed', ['user', 'system'], {
    reason: text.nullable(),
    data: z.strictObject({ user_id: id, before: person.nullable(), after: person }),
  }),
  api_key_created: entryType('api_key_created', ['user', 'system'], { data: apiKey }),
  api_key_revoked: entryType('api_key_revoked', ['user', 'system'], {
    reason: text.nullable(),
    data: apiKey,
  }),
  audit_exported: entryType('audit_exported', ['user'], {
    data: z.strictObject({ format: z.enum(EXPORT_FORMATS), from: time.nullable(), to: time.nullable() }),
  }),
  origins_erased: entryType('origins_erased', ['system'], {
    data: z.strictObject({ before: time, entries: count }),
  }),
  rollback_accepted: entryType('rollback_accepted', ['system'], {
    reason: named,
    data: z.strictObject({
      generation: id,
      tree_size: count,
      root_hash: hash,
      abandoned_size: count,
      abandoned_root: hash,
    }),
  }),
};

/** Returns the schema of an approval. Approvals by policies and by users have different members. */
function approvalBy(kind: 'user' | 'policy', members: Members): z.ZodObject {
  return z.strictObject({
    ...COMMON,
    ...ABSENT,
    ...members,
    action_type: z.literal('action_approved'),
    actor_kind: z.literal(kind),
    actor_id: kind === 'user' ? id : none,
    on_behalf_of: none,
    verdict: z.literal('approve'),
  });
}

/** Returns how an entry violates the schema of its type, in one line; null if it does not. */
export function entryFault(entry: Entry): string | null {
  const { action_type: type } = entry;
  const schema = Object.hasOwn(ENTRY_TYPES, type) ? ENTRY_TYPES[type as keyof typeof ENTRY_TYPES] : null;
  if (schema === null) return `there is no type ${JSON.stringify(type.slice(0, 100))}`;
  const { error } = schema.safeParse(entry);
  return error === undefined
    ? null
    : error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`.slice(0, 200)).join('; ');
}
