import {
  actionNotFound,
  FACTS_OF,
  NULLABLE_FACTS,
  RefusedError,
  type FactName,
  type Refusal,
} from '../domain/refusal';
import { auditRecordBody } from './audit-record';
import { errorBody } from '../api/error-body';
import { factsFromSchema, factsInSnakeCase } from '../api/facts';
import type {
  ActionDetailsFragment,
  BulkFragment,
  DecisionFragment,
  GetActionQuery,
  GetActionStatusQuery,
  GetApprovalQuery,
  ListActionsQuery,
  ListAuditLogsQuery,
  ListLegacyAuditLogQuery,
} from './operations.types';
import { HTTP_STATUS } from '../api/status';
import { restTime } from '../api/time';

/** A route's response without its headers. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** What a response may depend on besides the operation's data. */
export interface Asked {
  readonly organizationId: number;
  readonly correlationId: string;
  readonly now: Date;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Whether the client is the vendor's SDK, which knows fewer status values (docs/legacy-sdk.md#status-values). */
  readonly isVendorSdk: boolean;
}

/** Writes an operation's data as the documented REST body. */
export type WriteAnswer<Data> = (data: Data, asked: Asked) => Answer;

/** Writes a decision: 200 if decided, 202 if more approvals are required (docs/rest-api.md#approve-and-reject). */
export const writeDecision: WriteAnswer<{ decision: DecisionFragment }> = ({ decision }) => {
  const isWaiting = decision.status === 'PENDING_APPROVAL';
  return { status: isWaiting ? 202 : 200, body: decisionBody(decision) };
};

/**
 * Writes a bulk decision: 200, with an outcome per item (docs/rest-api.md#bulk-decisions). A refused atomic bulk is a
 * 409 with the same results.
 */
export const writeBulkDecision: WriteAnswer<{ bulk: BulkFragment }> = ({ bulk }, { correlationId, now }) => {
  const { requested, succeeded, failed } = bulk;
  const results = bulk.results.map(({ actionId, decision, refusal }) =>
    decision ? decisionBody(decision) : refusedItem(Number(actionId), refusal),
  );
  if (bulk.mode === 'ATOMIC' && failed > 0)
    return {
      status: HTTP_STATUS.BULK_REFUSED,
      body: { ...errorBody(BULK_REFUSED, correlationId, now), requested, succeeded, failed, results },
    };
  return {
    status: 200,
    body: {
      status: bulk.verdict === 'APPROVE' ? 'approved' : 'denied',
      requested,
      succeeded,
      failed,
      correlation_id: bulk.correlationId,
      results,
    },
  };
};

const BULK_REFUSED: Refusal = {
  code: 'BULK_REFUSED',
  detail: 'Nothing was decided, since not everything could be: see the results',
};

/** Writes an action. @throws {RefusedError} ACTION_NOT_FOUND */
export const writeAction: WriteAnswer<GetActionQuery> = ({ action: found }, asked) => {
  const action = found ?? notFound(asked);
  const body = actionBody(action);
  return {
    status: 200,
    body: asked.isVendorSdk ? { ...body, status: APPROVAL_WORDS[action.status] } : body,
  };
};

/** Writes the status of an action, for clients that poll for a decision. @throws {RefusedError} ACTION_NOT_FOUND */
export const writeActionStatus: WriteAnswer<GetActionStatusQuery> = (data, asked) => {
  const action = data.action ?? notFound(asked);
  const status = word(action.status);
  return {
    status: 200,
    body: {
      action_id: Number(action.id),
      status,
      risk_score: action.riskScore,
      timestamp: restTime(action.updatedAt),
      decision_ready: status !== 'pending_approval',
      decision: DECISION_WORDS[action.status],
      risk_level: word(action.riskLevel),
      reason: reasonOf(action),
      correlation_id: action.correlationId,
    },
  };
};

/** Writes the outcome of an approval request for the vendor's SDK. @throws {RefusedError} ACTION_NOT_FOUND */
export const writeApproval: WriteAnswer<GetApprovalQuery> = (data, asked) => {
  const action = data.action ?? notFound(asked);
  const status = APPROVAL_WORDS[action.status];
  const common = { action_id: Number(action.id), status };
  if (status === 'pending') return { status: 200, body: common };
  const by = number(action.decidedBy?.id ?? null);
  const at = action.status === 'EXPIRED' ? action.expiresAt : action.decidedAt;
  const decided_at = at && restTime(at);
  const body =
    status === 'approved'
      ? { ...common, approved_by: by, decided_at }
      : { ...common, rejected_by: by, decided_at, rejection_reason: reasonOf(action) };
  return { status: 200, body };
};

/** Returns the reason for an action's status, a sentence if it expired (docs/legacy-sdk.md#status-values). */
function reasonOf({
  status,
  reason,
  expiresAt,
}: Pick<NonNullable<GetActionStatusQuery['action']>, 'status' | 'reason' | 'expiresAt'>): string | null {
  if (status !== 'EXPIRED' || expiresAt === null) return reason;
  return `Expired at ${restTime(expiresAt)} without a decision`;
}

/** Writes a list of actions, newest first, as a bare array. */
export const writeActionList: WriteAnswer<ListActionsQuery> = ({ actions }) => ({
  status: 200,
  body: actions.edges.map(({ node }) => actionBody(node)),
});

/** Writes a page of audit records (docs/rest-api.md#audit-records). */
export const writeAuditLogList: WriteAnswer<ListAuditLogsQuery> = (
  { auditLogs },
  { organizationId, variables },
) => {
  const { edges, pageInfo, totalCount, totalCountCapped } = auditLogs;
  return {
    status: 200,
    body: {
      limit: variables['first'],
      offset: variables['offset'],
      next_cursor: pageInfo.hasNextPage ? pageInfo.endCursor : null,
      logs: edges.map(({ node }) =>
        auditRecordBody(organizationId, node.actorKind === 'USER' ? number(node.actorId) : null, {
          ...node,
          id: Number(node.id),
          actionId: number(node.actionId),
        }),
      ),
      ...(totalCount !== undefined && { total: totalCount, total_capped: totalCountCapped }),
    },
  };
};

/** Writes a page of the audit log for the vendor's SDK, newest first. Pages start at 1 (docs/legacy-sdk.md#calls). */
export const writeLegacyAuditLog: WriteAnswer<ListLegacyAuditLogQuery> = ({ auditLogs }, { variables }) => {
  const { first, offset } = variables as { first: number; offset: number };
  return {
    status: 200,
    body: {
      total: auditLogs.totalCount,
      page: Math.floor(offset / first) + 1,
      page_size: first,
      logs: auditLogs.edges.map(({ node }) => ({
        id: Number(node.id),
        event_type: node.actionType,
        timestamp: restTime(node.timestamp),
        actor: node.actorId === null ? word(node.actorKind) : `${word(node.actorKind)}:${node.actorId}`,
        resource: node.actionId === null ? null : `action:${node.actionId}`,
        action: node.verdict === null ? node.actionType : word(node.verdict),
        outcome: node.refusalCode === null ? 'success' : 'refused',
        details: node.details,
      })),
    },
  };
};

/** Maps an action's status to the three that the vendor's SDK knows (docs/legacy-sdk.md#status-values). */
const APPROVAL_WORDS = {
  PENDING_APPROVAL: 'pending',
  APPROVED: 'approved',
  DENIED: 'denied',
  EXPIRED: 'denied',
} as const;

/**
 * Maps an action's status to the `decision` that the vendor's SDK reads. Only allowed and denied end its wait, so an
 * expired action is denied (docs/legacy-sdk.md#status-values).
 */
export const DECISION_WORDS = {
  PENDING_APPROVAL: 'pending',
  APPROVED: 'allowed',
  DENIED: 'denied',
  EXPIRED: 'denied',
} as const;

function decisionBody(decision: DecisionFragment): Readonly<Record<string, unknown>> {
  const common = { action_id: Number(decision.actionId), status: word(decision.status) };
  const { auditId, leafHash, signature } = decision.receipt;
  const receipt = { audit_id: Number(auditId), leaf_hash: leafHash, signature };
  const trailer = { correlation_id: decision.correlationId, audit_receipt: receipt };
  const by = Number(decision.decidedBy.id);
  const at = restTime(decision.decidedAt);
  if (decision.status === 'PENDING_APPROVAL')
    return {
      ...common,
      approvals_received: decision.approvalsReceived,
      approvals_required: decision.approvalsRequired,
      ...trailer,
    };
  if (decision.verdict === 'APPROVE') return { ...common, approved_by: by, approved_at: at, ...trailer };
  const reason = decision.reason === null ? {} : { reason: decision.reason };
  return { ...common, rejected_by: by, rejected_at: at, ...reason, ...trailer };
}

type RefusedItem = NonNullable<BulkFragment['results'][number]['refusal']>;

function refusedItem(actionId: number, refusal: RefusedItem | null): object {
  if (!refusal) throw new Error('A bulk item has neither a decision nor a refusal');
  const { code, detail, status } = refusal;
  const context = contextOf(refusal);
  return { action_id: actionId, error_code: code, detail, status, ...(context && { context }) };
}

/** Returns the `context` of a refusal from the schema: the facts of its code; null if it has none. */
function contextOf(refusal: RefusedItem): object | null {
  const facts = (FACTS_OF[refusal.code] ?? [])
    .map((name) => [name, (refusal as Readonly<Partial<Record<FactName, unknown>>>)[name] ?? null] as const)
    // Null is a fact only where no user decided the action.
    .filter(([name, value]) => value !== null || NULLABLE_FACTS.includes(name));
  if (facts.length === 0) return null;
  return factsInSnakeCase(factsFromSchema(Object.fromEntries(facts)));
}

function actionBody(action: ActionDetailsFragment): Readonly<Record<string, unknown>> {
  const id = Number(action.id);
  return {
    action_id: id,
    id,
    agent_id: action.agentId,
    agent_name: action.agentName,
    action_type: action.actionType,
    description: action.description,
    tool_name: action.toolName,
    target_system: action.targetSystem,
    target_resource: action.targetResource,
    status: word(action.status),
    risk_score: action.riskScore,
    risk_level: word(action.riskLevel),
    required_approval_level: action.requiredApprovalLevel,
    submitted_by: Number(action.submittedBy.id),
    created_at: restTime(action.submittedAt),
    updated_at: restTime(action.updatedAt),
    decided_by: number(action.decidedBy?.id ?? null),
    decided_at: action.decidedAt && restTime(action.decidedAt),
    reason: action.reason,
    correlation_id: action.correlationId,
  };
}

/** Converts an enum value of GraphQL to REST. */
export function word(value: string): string {
  return value.toLowerCase();
}

function number(id: string | null): number | null {
  return id === null ? null : Number(id);
}

function notFound({ variables }: Asked): never {
  throw new RefusedError(actionNotFound(Number(variables['id'])));
}
