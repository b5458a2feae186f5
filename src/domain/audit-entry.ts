import { hash } from 'node:crypto';
import type { Verdict } from './action';
import type { Principal } from './principal';
import type { ErrorCode } from './refusal';

/** The types of audit entries (docs/audit-log.md#entry-types). */
export type AuditActionType =
  | 'action_submitted'
  | 'action_approved'
  | 'action_denied'
  | 'vote_recorded'
  | 'decision_refused'
  | 'action_expired'
  | 'policy_changed'
  | 'user_changed'
  | 'api_key_created'
  | 'api_key_revoked'
  | 'audit_exported'
  | 'origins_erased'
  | 'rollback_accepted';

/** The actor of an audit entry. Every entry has one. */
export interface AuditActor {
  readonly kind: 'user' | 'api_key' | 'policy' | 'system';
  /** The user's or API key's id; null for policy and system. */
  readonly id: number | null;
  /** For an API key, its owner's user id. */
  readonly onBehalfOf: number | null;
}

/** The origin of a request, as the audit log records it. */
export interface RequestOrigin {
  readonly correlationId: string;
  readonly clientCorrelationId: string | null;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
}

/** An audit entry without the values that only the database knows: its id, its time and the votes counted so far. */
export interface AuditEntryDraft {
  readonly organizationId: number;
  readonly actionType: AuditActionType;
  readonly actor: AuditActor;
  readonly details: string;
  readonly origin: RequestOrigin;
  readonly actionId?: number | null;
  readonly verdict?: Verdict | null;
  readonly reason?: string | null;
  readonly refusalCode?: ErrorCode | null;
  readonly riskScore?: number | null;
  readonly requiredLevel?: number | null;
  readonly heldLevel?: number | null;
  readonly policyVersion?: number | null;
  readonly approvalsRequired?: number | null;
  /** Further facts for types that need them, as a JSON object. */
  readonly data?: Readonly<Record<string, unknown>> | null;
}

/** A value of which the canonical bytes hold only a commitment, so that it can be erased without breaking a proof. */
export interface Commitment {
  readonly value: string;
  readonly salt: Buffer;
}

/** Returns the actor that represents a principal in the audit log. */
export function auditActorOf(principal: Principal): AuditActor {
  return principal.kind === 'user'
    ? { kind: 'user', id: principal.user.id, onBehalfOf: null }
    : { kind: 'api_key', id: principal.apiKeyId, onBehalfOf: principal.ownerId };
}

/** The actor of what the gateway does by itself or at an operator's command line. */
export const SYSTEM_ACTOR: AuditActor = { kind: 'system', id: null, onBehalfOf: null };

/** The actor of what an organization's policy does by itself. */
export const POLICY_ACTOR: AuditActor = { kind: 'policy', id: null, onBehalfOf: null };

/** Returns SHA-256(salt || value) in lower-case hex; null where there is no value. */
function commitmentOf(commitment: Commitment | null): string | null {
  if (commitment === null) return null;
  return hash('sha256', Buffer.concat([commitment.salt, Buffer.from(commitment.value)]), 'hex');
}

/** The fields between the timestamp and `approvals_received`, in order. */
const BEFORE_APPROVALS = [
  'actor_kind',
  'actor_id',
  'on_behalf_of',
  'action_id',
  'verdict',
  'reason',
  'refusal_code',
  'risk_score',
  'required_level',
  'held_level',
  'policy_version',
] as const;

/** The fields between `approvals_received` and the commitments, in order. */
const AFTER_APPROVALS = ['approvals_required', 'details', 'correlation_id', 'client_correlation_id'] as const;

/** The names of an entry's fields, except those that only the database knows and those behind a commitment. */
type EntryField =
  'action_type' | (typeof BEFORE_APPROVALS)[number] | (typeof AFTER_APPROVALS)[number] | 'data';

/** Returns a draft's fields under the names that the canonical bytes and the table share. */
function entryFields(draft: AuditEntryDraft): Readonly<Record<EntryField, unknown>> {
  return {
    action_type: draft.actionType,
    actor_kind: draft.actor.kind,
    actor_id: draft.actor.id,
    on_behalf_of: draft.actor.onBehalfOf,
    action_id: draft.actionId,
    verdict: draft.verdict,
    reason: draft.reason,
    refusal_code: draft.refusalCode,
    risk_score: draft.riskScore,
    required_level: draft.requiredLevel,
    held_level: draft.heldLevel,
    policy_version: draft.policyVersion,
    approvals_required: draft.approvalsRequired,
    details: draft.details,
    correlation_id: draft.origin.correlationId,
    client_correlation_id: draft.origin.clientCorrelationId,
    data: draft.data,
  };
}

/** A serialized entry, built once for both the stored row and the hash. */
export interface EntryText {
  /** The draft's fields as members of a JSON object, without its braces. */
  readonly members: string;
  /** The canonical bytes, split at the three values that only the database knows. */
  readonly pieces: readonly [string, string, string, string];
}

/**
 * Serializes an entry. Its canonical bytes, format `"v":1` (docs/audit-format.md#an-entry), are pieces[0] + audit_id +
 * pieces[1] + timestamp + pieces[2] + approvals_received + pieces[3], in UTF-8: JSON without white space, keys in this
 * fixed order, absent values as null, the timestamp in UTC as `YYYY-MM-DDTHH:MM:SS.mmmZ`.
 */
export function entryText(
  draft: AuditEntryDraft,
  ip: Commitment | null,
  userAgent: Commitment | null,
): EntryText {
  const fields = entryFields(draft);
  const actionType = json(fields.action_type);
  const before = members(fields, BEFORE_APPROVALS);
  const after = members(fields, AFTER_APPROVALS);
  const data = json(fields.data);
  const commitments = `"ip_commitment":${json(commitmentOf(ip))},"user_agent_commitment":${json(commitmentOf(userAgent))}`;
  return {
    members: `"action_type":${actionType},${before},${after},"data":${data}`,
    pieces: [
      '{"v":1,"audit_id":',
      `,"organization_id":${json(draft.organizationId)},"action_type":${actionType},"timestamp":"`,
      `",${before},"approvals_received":`,
      `,${after},${commitments},"data":${data}}`,
    ],
  };
}

/** Returns `"key":value` for each of these fields, joined by commas. */
function members(fields: Readonly<Record<EntryField, unknown>>, names: readonly EntryField[]): string {
  return names.map((name) => `"${name}":${json(fields[name])}`).join(',');
}

/** Returns a value as JSON; undefined becomes null. */
function json(value: unknown): string {
  return JSON.stringify(value ?? null);
}

/** An audit entry as it is read back, by a reader who may see it. */
export interface AuditLogEntry {
  readonly organizationId: number;
  readonly id: number;
  readonly actionType: string;
  readonly timestamp: Date;
  readonly actorKind: AuditActor['kind'];
  readonly actorId: number | null;
  readonly onBehalfOf: number | null;
  readonly actionId: number | null;
  readonly verdict: Verdict | null;
  readonly reason: string | null;
  readonly refusalCode: ErrorCode | null;
  readonly riskScore: number | null;
  readonly requiredLevel: number | null;
  readonly heldLevel: number | null;
  readonly policyVersion: number | null;
  readonly approvalsReceived: number | null;
  readonly approvalsRequired: number | null;
  readonly details: string;
  readonly correlationId: string;
  readonly clientCorrelationId: string | null;
  /** Only for readers who administer security; null for others (docs/authentication.md#who-reads-what). */
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  /** Facts specific to the type, such as the values before and after a change. */
  readonly data: Readonly<Record<string, unknown>> | null;
}
