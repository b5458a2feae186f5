import type { AuditLogEntry } from '../../domain/audit-entry';
import { table } from '../sql/table';

export const AUDIT_LOG = table<AuditLogEntry>(
  'audit_log',
  {
    organizationId: { name: 'organization_id', type: 'bigint', primary: true },
    id: { type: 'bigint', primary: true },
    actionType: { name: 'action_type', type: 'text' },
    timestamp: { type: 'timestamptz', precision: 3 },
    actorKind: { name: 'actor_kind', type: 'text' },
    actorId: { name: 'actor_id', type: 'bigint', nullable: true },
    onBehalfOf: { name: 'on_behalf_of', type: 'bigint', nullable: true },
    actionId: { name: 'action_id', type: 'bigint', nullable: true },
    verdict: { type: 'text', nullable: true },
    reason: { type: 'text', nullable: true },
    refusalCode: { name: 'refusal_code', type: 'text', nullable: true },
    riskScore: { name: 'risk_score', type: 'double precision', nullable: true },
    requiredLevel: { name: 'required_level', type: 'smallint', nullable: true },
    heldLevel: { name: 'held_level', type: 'smallint', nullable: true },
    policyVersion: { name: 'policy_version', type: 'integer', nullable: true },
    approvalsReceived: { name: 'approvals_received', type: 'integer', nullable: true },
    approvalsRequired: { name: 'approvals_required', type: 'integer', nullable: true },
    details: { type: 'text' },
    correlationId: { name: 'correlation_id', type: 'text' },
    clientCorrelationId: { name: 'client_correlation_id', type: 'text', nullable: true },
    ipAddress: { name: 'ip_address', type: 'text', nullable: true },
    userAgent: { name: 'user_agent', type: 'text', nullable: true },
    data: { type: 'jsonb', nullable: true },
  },
  {
    heavy: ['details', 'reason', 'data'],
    shown: [
      ...([
        'actionType',
        'verdict',
        'reason',
        'refusalCode',
        'riskScore',
        'requiredLevel',
        'heldLevel',
      ] as const),
      ...(['policyVersion', 'approvalsReceived', 'approvalsRequired', 'details', 'correlationId'] as const),
      ...(['clientCorrelationId', 'ipAddress', 'userAgent', 'data', 'organizationId'] as const),
    ],
    behind: { actorKind: ['actor'], actorId: ['actor'], onBehalfOf: ['actor'], actionId: ['action'] },
  },
);
