import type { AuditLogEntry } from '../domain/audit-entry';
import { restTime } from '../api/rest-notation';

/** The fields of an entry that its record shows. The time is text if the entry was read through the schema. */
type RecordFields = Pick<
  AuditLogEntry,
  | 'id'
  | 'actionType'
  | 'details'
  | 'ipAddress'
  | 'userAgent'
  | 'correlationId'
  | 'actionId'
  | 'reason'
  | 'refusalCode'
  | 'clientCorrelationId'
> & { readonly timestamp: Date | string };

/** The keys of a record, in order. */
export const AUDIT_RECORD_KEYS = [
  'audit_id',
  'action_type',
  'user_id',
  'organization_id',
  'timestamp',
  'details',
  'ip_address',
  'user_agent',
  'correlation_id',
  'action_id',
  'reason',
  'refusal_code',
  'client_correlation_id',
] as const;

/**
 * Returns an entry as an audit record, with its keys in order (docs/rest-api.md#audit-records).
 * @param userId null if the actor is not a user
 */
export function auditRecordBody(
  organizationId: number,
  userId: number | null,
  entry: RecordFields,
): Readonly<Record<(typeof AUDIT_RECORD_KEYS)[number], unknown>> {
  return {
    audit_id: entry.id,
    action_type: entry.actionType,
    user_id: userId,
    organization_id: organizationId,
    timestamp: restTime(entry.timestamp),
    details: entry.details,
    ip_address: entry.ipAddress,
    user_agent: entry.userAgent,
    correlation_id: entry.correlationId,
    action_id: entry.actionId,
    reason: entry.reason,
    refusal_code: entry.refusalCode,
    client_correlation_id: entry.clientCorrelationId,
  };
}
