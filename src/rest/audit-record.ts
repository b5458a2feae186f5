import { z } from 'zod';
import type { AuditLogEntry } from '../domain/audit-entry';
import { ERROR_CODES } from '../domain/refusal';
import { restTime } from '../api/rest-notation';
import { field, ID, TEXT, TIME } from './openapi/vocabulary';

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

/** A record of the audit log. */
export const AUDIT_RECORD = z
  .object({
    audit_id: field('id', ID),
    action_type: field('actionType', TEXT),
    user_id: ID.nullable().meta({ description: 'Null if the actor is not a user.' }),
    organization_id: ID,
    timestamp: field('timestamp', TIME),
    details: field('details', TEXT),
    ip_address: field('ipAddress', TEXT.nullable()),
    user_agent: field('userAgent', TEXT.nullable()),
    correlation_id: field('correlationId', TEXT),
    action_id: field('actionId', ID.nullable()),
    reason: field('reason', TEXT.nullable()),
    refusal_code: field('refusalCode', z.enum(ERROR_CODES).nullable()),
    client_correlation_id: field('clientCorrelationId', TEXT.nullable()),
  })
  .meta({ id: 'AuditRecord', graphql: 'AuditLog' });

/** The keys of a record, in order. */
export const AUDIT_RECORD_KEYS = Object.keys(AUDIT_RECORD.shape);

/**
 * Returns an entry as an audit record, with its keys in order (docs/rest-api.md#audit-records).
 * @param userId null if the actor is not a user
 */
export function auditRecordBody(
  organizationId: number,
  userId: number | null,
  entry: RecordFields,
): z.output<typeof AUDIT_RECORD> {
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
