import type { Action } from '../../domain/action';
import { effectiveStatusSql, effectiveUpdateSql } from './expiry';
import { table } from '../sql/table';

export const ACTIONS = table<Action>(
  'actions',
  {
    organizationId: { name: 'organization_id', type: 'bigint', primary: true },
    id: { type: 'bigint', primary: true },
    agentId: { name: 'agent_id', type: 'text' },
    agentName: { name: 'agent_name', type: 'text', nullable: true },
    actionType: { name: 'action_type', type: 'text' },
    description: { type: 'text', nullable: true },
    toolName: { name: 'tool_name', type: 'text', nullable: true },
    targetSystem: { name: 'target_system', type: 'text', nullable: true },
    targetResource: { name: 'target_resource', type: 'text', nullable: true },
    parameters: { type: 'jsonb' },
    context: { type: 'jsonb', nullable: true },
    riskIndicators: { name: 'risk_indicators', type: 'jsonb', nullable: true },
    riskScore: { name: 'risk_score', type: 'double precision' },
    status: { type: 'text' },
    version: { type: 'integer' },
    approvals: { type: 'integer' },
    submittedById: { name: 'submitted_by', type: 'bigint' },
    submittedByApiKeyId: { name: 'submitted_by_api_key', type: 'bigint', nullable: true },
    apiKeyCreatedById: { name: 'api_key_created_by', type: 'bigint', nullable: true },
    submittedAt: { name: 'submitted_at', type: 'timestamptz', precision: 3 },
    updatedAt: { name: 'updated_at', type: 'timestamptz', precision: 3 },
    expiresAt: { name: 'expires_at', type: 'timestamptz', precision: 3, nullable: true },
    decidedByKind: { name: 'decided_by_kind', type: 'text', nullable: true },
    decidedById: { name: 'decided_by', type: 'bigint', nullable: true },
    decidedAt: { name: 'decided_at', type: 'timestamptz', precision: 3, nullable: true },
    reason: { type: 'text', nullable: true },
    correlationId: { name: 'correlation_id', type: 'text', nullable: true },
  },
  {
    derived: {
      status: (alias) => effectiveStatusSql(alias),
      updatedAt: (alias) => effectiveUpdateSql(alias),
    },
    heavy: ['description', 'targetResource', 'parameters', 'context', 'riskIndicators', 'reason'],
    shown: [
      ...(['agentId', 'agentName', 'actionType', 'description', 'toolName', 'targetSystem'] as const),
      ...(['targetResource', 'parameters', 'context', 'riskIndicators', 'submittedAt', 'updatedAt'] as const),
      ...(['decidedAt', 'reason', 'correlationId', 'expiresAt'] as const),
      ...(['organizationId', 'version', 'submittedByApiKeyId', 'decidedByKind'] as const),
    ],
  },
);
