import type { Refusal } from '../domain/refusal';
import { actionNotFound, RefusedError } from '../domain/refusal';
import { auditRecordBody } from './audit-record';
import { errorBody, factsInSnakeCase } from './error-body';
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
import { HTTP_STATUS } from './status';
import { restTime } from './time';

/** What a route answers with, short of headers. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** What an answer may need beside the data. */
export interface Asked {
  readonly organizationId: number;
  readonly correlationId: string;
  readonly now: Date;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Whether the vendor's SDK asks, which knows fewer words (docs/legacy-sdk.md#the-words-of-the-sdk). */
  readonly isVendorSdk: boolean;
}

/** Writes an operation's data as the documented REST body. */
export type WriteAnswer<Data> = (data: Data, asked: Asked) => Answer;

/** 200 once decided; 202 while more approvals are required (docs/rest-api.md#approve-and-reject). */
export const writeDecision: WriteAnswer<{ decision: DecisionFragment }> = ({ decision }) => {
  const isWaiting = decision.status === 'PENDING_APPROVAL';
  return { status: isWaiting ? 202 : 200, body: decisionBody(decision) };
};

/**
 * 200: each item carries its own outcome (docs/rest-api.md#bulk-decisions). 409 with the same results for an all-or-none bulk that was
 * refused.
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

/** One action. @throws {RefusedError} ACTION_NOT_FOUND */
export const writeAction: WriteAnswer<GetActionQuery> = ({ action: found }, asked) => {
  const action = found ?? notFound(asked);
  const body = actionBody(action);
  return {
    status: 200,
    body: asked.isVendorSdk ? { ...body, status: APPROVAL_WORDS[action.status] } : body,
  };
};

/** What somebody who waits for a decision asks for. @throws {RefusedError} ACTION_NOT_FOUND */
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

/** What became of a request for approval, for the vendor's SDK. @throws {RefusedError} ACTION_NOT_FOUND */
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

/** Why it stands as it does; whoever waits for an expired action is told that too (docs/legacy-sdk.md#the-words-of-the-sdk). */
function reasonOf({
  status,
  reason,
  expiresAt,
}: Pick<NonNullable<GetActionStatusQuery['action']>, 'status' | 'reason' | 'expiresAt'>): string | null {
  if (status !== 'EXPIRED' || expiresAt === null) return reason;
  return `Expired at ${restTime(expiresAt)} without a decision`;
}

/** A bare array, newest first. */
export const writeActionList: WriteAnswer<ListActionsQuery> = ({ actions }) => ({
  status: 200,
  body: actions.edges.map(({ node }) => actionBody(node)),
});

/** A page of audit records (docs/rest-api.md#audit-records). */
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

/** The audit log as the vendor's SDK reads it, newest first; pages count from 1 (docs/legacy-sdk.md#calls). */
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

/** An action's status in the three words that the vendor's SDK knows (docs/legacy-sdk.md#the-words-of-the-sdk). */
const APPROVAL_WORDS = {
  PENDING_APPROVAL: 'pending',
  APPROVED: 'approved',
  DENIED: 'denied',
  EXPIRED: 'denied',
} as const;

/** What the vendor's SDK reads; only allowed and denied end its wait, so an expired action is denied (docs/legacy-sdk.md#the-words-of-the-sdk). */
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

/** The facts of a refusal that came through the schema, where what a code has no use for is null. */
function contextOf(refusal: RefusedItem): object | null {
  const facts = {
    currentStatus: refusal.currentStatus && word(refusal.currentStatus),
    decidedBy: number(refusal.decidedBy),
    decidedAt: refusal.decidedAt && restTime(refusal.decidedAt),
    requiredLevel: refusal.requiredLevel,
    heldLevel: refusal.heldLevel,
    riskScore: refusal.riskScore,
    riskLimit: refusal.riskLimit,
    requiredRoles: refusal.requiredRoles && refusal.requiredRoles.map(word),
    heldRole: refusal.heldRole && word(refusal.heldRole),
    submittedBy: number(refusal.submittedBy),
    riskLevel: refusal.riskLevel && word(refusal.riskLevel),
    approvalsReceived: refusal.approvalsReceived,
    approvalsRequired: refusal.approvalsRequired,
  };
  // That nobody decided what is no longer pending is a fact as well.
  const isOfState = refusal.code === 'INVALID_STATE';
  const context = Object.entries(facts).filter(
    ([name, value]) => value !== null || (isOfState && name.startsWith('decided')),
  );
  return context.length === 0 ? null : factsInSnakeCase(Object.fromEntries(context));
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

/** An enum's value as REST writes it. */
export function word(value: string): string {
  return value.toLowerCase();
}

function number(id: string | null): number | null {
  return id === null ? null : Number(id);
}

function notFound({ variables }: Asked): never {
  throw new RefusedError(actionNotFound(Number(variables['id'])));
}
