import { POLICY_WARNING_CODES } from '../../domain/policy-warnings';
import type { GraphQLObjectType, GraphQLSchema } from 'graphql';
import { ACTION_STATUSES } from '../../domain/action';
import { ERROR_CODES } from '../../domain/refusal';
import { LIMIT, OFFSET } from '../requests';
import { json, type DescribedResponse } from './described';
import {
  COUNT,
  ID,
  listOf,
  object,
  objectOf,
  oneOf,
  orNull,
  ref,
  TEXT,
  TIME,
  type Schema,
} from './json-schema';
import { ERROR_PROPERTIES, factsSchema } from './refusals';

const ACTION = json('The action.', ref('Action'));
const DENIED = json('The action is denied.', ref('Rejection'));
const DECIDED_BULK = json('The result for each action.', ref('BulkDecision'));
const REFUSED_BULK = json(
  'An atomic bulk was refused because one of its items was, and nothing was decided. Or an earlier request with the same idempotency key is still in progress.',
  {
    anyOf: [
      ref('RefusedBulk'),
      { ...ref('Error'), properties: { error_code: { const: 'IDEMPOTENCY_CONFLICT' } } },
    ],
  },
);
const BULK = { 200: DECIDED_BULK, 409: REFUSED_BULK };

/** The decision as the vendor's SDK reads it. */
const DECISION = oneOf(['pending', 'allowed', 'denied']);

/** The successful responses of each operation of operations.graphql, and the 409 of a bulk, by HTTP status. */
const RESPONSES: Readonly<Record<string, Readonly<Record<number, DescribedResponse>>>> = {
  ApproveAction: {
    200: json('The action is approved.', ref('Approval')),
    202: json('The approval was counted, and more approvals are required.', ref('Vote')),
  },
  RejectAction: { 200: DENIED },
  BulkApproveActions: BULK,
  BulkRejectActions: BULK,
  SubmitAction: { 200: json('The action is pending, or the policy approved it.', ref('Submission')) },
  GetAction: { 200: ACTION },
  GetActionStatus: { 200: json('The status of the action.', ref('ActionStatus')) },
  GetApproval: { 200: json('The decision on the action.', ref('ApprovalCheck')) },
  ListActions: { 200: json('The actions, newest first.', listOf(ref('Action'))) },
  ListAuditLogs: { 200: json('A page of entries, newest first.', ref('AuditLogPage')) },
  ListLegacyAuditLog: { 200: json('A page of entries, newest first.', ref('LegacyAuditLogPage')) },
};

/** Returns the responses of an operation. @throws {Error} if the operation has no description */
export function responsesOf(operation: string): Readonly<Record<number, DescribedResponse>> {
  const responses = RESPONSES[operation];
  if (responses === undefined) throw new Error(`rest/openapi/responses.ts does not describe ${operation}`);
  return responses;
}

/** Returns the named schemas. Types, nullability and descriptions come from the GraphQL types behind them. */
export function components(schema: GraphQLSchema): Readonly<Record<string, Schema>> {
  const type = (name: string): GraphQLObjectType => schema.getType(name) as GraphQLObjectType;
  return {
    Action: actionSchema(type('Action')),
    ActionStatus: actionStatusSchema(type('Action')),
    ApprovalCheck: approvalCheckSchema(type('Action')),
    ...decisionSchemas(type('ActionDecision')),
    AuditReceipt: objectOf(type('AuditReceipt'), {
      audit_id: 'auditId',
      leaf_hash: 'leafHash',
      signature: 'signature',
    }),
    Submission: submissionSchema(type('ActionSubmission'), type('MatchedScoringRule'), type('PolicyWarning')),
    ...bulkSchemas(type('BulkDecision'), type('Refusal')),
    AuditRecord: auditRecordSchema(type('AuditLog')),
    AuditLogPage: object({
      limit: LIMIT,
      offset: OFFSET,
      next_cursor: { ...orNull(TEXT), description: 'Null on the last page.' },
      logs: listOf(ref('AuditRecord')),
      'total?': { ...orNull(COUNT), description: 'Exact up to 10,000.' },
      'total_capped?': { type: ['boolean', 'null'], description: 'Whether there are more than `total`.' },
    }),
    LegacyAuditLogPage: legacyAuditLogSchema(type('AuditLog')),
    Error: object(ERROR_PROPERTIES),
    Facts: factsSchema(),
  };
}

function actionSchema(action: GraphQLObjectType): Schema {
  return objectOf(action, {
    action_id: 'id',
    id: { ...ID, description: 'The same as `action_id`.' },
    agent_id: 'agentId',
    agent_name: 'agentName',
    action_type: 'actionType',
    description: 'description',
    tool_name: 'toolName',
    target_system: 'targetSystem',
    target_resource: 'targetResource',
    status: {
      ...oneOf([...ACTION_STATUSES, 'pending']),
      description: '`pending` occurs on the paths of the vendor’s SDK only.',
    },
    risk_score: 'riskScore',
    risk_level: 'riskLevel',
    required_approval_level: 'requiredApprovalLevel',
    submitted_by: 'submittedBy.id',
    created_at: 'submittedAt',
    updated_at: 'updatedAt',
    decided_by: 'decidedBy.id',
    decided_at: 'decidedAt',
    reason: 'reason',
    correlation_id: 'correlationId',
  });
}

function actionStatusSchema(action: GraphQLObjectType): Schema {
  return objectOf(action, {
    action_id: 'id',
    status: 'status',
    risk_score: 'riskScore',
    timestamp: 'updatedAt',
    decision_ready: { type: 'boolean', description: 'Whether the action is no longer pending.' },
    decision: DECISION,
    risk_level: 'riskLevel',
    reason: 'reason',
    correlation_id: 'correlationId',
  });
}

function approvalCheckSchema(action: GraphQLObjectType): Schema {
  const of = (status: string, more: Readonly<Record<string, string>>): Schema =>
    objectOf(action, { action_id: 'id', status: { type: 'string', const: status }, ...more });
  return {
    anyOf: [
      of('pending', {}),
      of('approved', { approved_by: 'decidedBy.id', decided_at: 'decidedAt' }),
      of('denied', { rejected_by: 'decidedBy.id', decided_at: 'decidedAt', rejection_reason: 'reason' }),
    ],
  };
}

function decisionSchemas(decision: GraphQLObjectType): Readonly<Record<string, Schema>> {
  const of = (status: string, more: Readonly<Record<string, string | Schema>>): Schema =>
    objectOf(decision, {
      action_id: 'actionId',
      status: { type: 'string', const: status },
      ...more,
      correlation_id: 'correlationId',
      audit_receipt: ref('AuditReceipt'),
    });
  return {
    Approval: of('approved', { approved_by: 'decidedBy.id', approved_at: 'decidedAt' }),
    Rejection: of('denied', { rejected_by: 'decidedBy.id', rejected_at: 'decidedAt', 'reason?': TEXT }),
    Vote: of('pending_approval', {
      approvals_received: 'approvalsReceived',
      approvals_required: 'approvalsRequired',
    }),
  };
}

function bulkSchemas(bulk: GraphQLObjectType, refusal: GraphQLObjectType): Readonly<Record<string, Schema>> {
  const counts = { requested: 'requested', succeeded: 'succeeded', failed: 'failed' };
  const counted = objectOf(bulk, counts).properties ?? {};
  return {
    BulkDecision: objectOf(bulk, {
      status: {
        ...oneOf(['approved', 'denied']),
        description: 'The requested verdict, regardless of the results.',
      },
      ...counts,
      correlation_id: 'correlationId',
      results: listOf({ anyOf: ['Approval', 'Rejection', 'Vote', 'RefusedItem'].map(ref) }),
    }),
    RefusedItem: objectOf(refusal, {
      action_id: ID,
      error_code: oneOf(ERROR_CODES),
      detail: 'detail',
      status: 'status',
      'context?': ref('Facts'),
    }),
    RefusedBulk: object({
      ...ERROR_PROPERTIES,
      error_code: { type: 'string', const: 'BULK_REFUSED' },
      ...counted,
      results: listOf(ref('RefusedItem')),
    }),
  };
}

function submissionSchema(
  submission: GraphQLObjectType,
  rule: GraphQLObjectType,
  warning: GraphQLObjectType,
): Schema {
  return objectOf(submission, {
    action_id: 'actionId',
    status: 'status',
    decision: DECISION,
    risk_score: 'riskScore',
    risk_level: 'riskLevel',
    reason: 'reason',
    correlation_id: 'correlationId',
    risk_score_source: 'riskScoreSource',
    'matched_rule?': objectOf(rule, {
      position: 'position',
      'action_type?': TEXT,
      'tool_name?': TEXT,
      'target_system?': TEXT,
      'risk_indicator?': TEXT,
      score: 'score',
    }),
    policy_version: 'policyVersion',
    submitted_at: 'submittedAt',
    'expires_at?': TIME,
    'warnings?': listOf(
      objectOf(warning, { code: { type: 'string', enum: [...POLICY_WARNING_CODES] }, detail: 'detail' }),
    ),
  });
}

function auditRecordSchema(entry: GraphQLObjectType): Schema {
  return objectOf(entry, {
    audit_id: 'id',
    action_type: 'actionType',
    user_id: { ...orNull(ID), description: 'Null if the actor is not a user.' },
    organization_id: ID,
    timestamp: 'timestamp',
    details: 'details',
    ip_address: 'ipAddress',
    user_agent: 'userAgent',
    correlation_id: 'correlationId',
    action_id: 'actionId',
    reason: 'reason',
    refusal_code: 'refusalCode',
    client_correlation_id: 'clientCorrelationId',
  });
}

function legacyAuditLogSchema(entry: GraphQLObjectType): Schema {
  const record = objectOf(entry, {
    id: 'id',
    event_type: 'actionType',
    timestamp: TIME,
    actor: { ...TEXT, description: '`user:42`, `api_key:7`, `policy` or `system`.' },
    resource: { ...orNull(TEXT), description: '`action:12345`.' },
    action: { ...TEXT, description: 'The verdict, or the event type if there is no verdict.' },
    outcome: oneOf(['success', 'refused']),
    details: 'details',
  });
  return object({
    total: { ...COUNT, description: 'Exact up to 10,000.' },
    page: { type: 'integer', minimum: 1 },
    page_size: LIMIT,
    logs: listOf(record),
  });
}
