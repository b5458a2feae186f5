import { z } from 'zod';
import { number, restTime, word } from '../../api/rest-notation';
import { ACTION_STATUSES } from '../../domain/action';
import { actionNotFound, RefusedError } from '../../domain/refusal';
import { RISK_LEVELS } from '../../domain/risk';
import { json } from '../openapi/described';
import { field, ID, PLAIN_TEXT, TEXT, TIME } from '../openapi/vocabulary';
import type {
  ActionDetailsFragment,
  GetActionQuery,
  GetActionStatusQuery,
  GetApprovalQuery,
  ListActionsQuery,
} from '../operations.types';
import { ACTION_ID_PARAMS, choice, PAGE, reads, text } from '../parameters';
import type { Asked, Endpoint, WriteAnswer } from '../route';
import { APPROVAL_WORDS, DECISION, DECISION_WORDS } from '../sdk-words';

/** Reading actions: one, its status, a list of them. */

/** Reads `{action_id}`. */
const ONE = reads(z.object({ params: ACTION_ID_PARAMS }), ({ params }) => ({ id: params.action_id }));

const AGENT_ID = text(PLAIN_TEXT);

/** Reads `?limit&offset&status_filter&agent_id`. Empty parameters count as absent. */
const LIST = reads(
  z.object({
    query: z.object({
      ...PAGE,
      status_filter: choice(z.enum(ACTION_STATUSES).optional(), ACTION_STATUSES),
      agent_id: AGENT_ID,
    }),
  }),
  ({ query }) => listVariables({ ...query, status: query.status_filter }),
);

/** Reads `?limit&offset&status&agent_id`. The vendor's SDK sends the status `pending` (docs/legacy-sdk.md#calls). */
const ACTIVITY = reads(
  z.object({
    query: z.object({
      ...PAGE,
      status: choice(z.enum(['pending', ...ACTION_STATUSES]).optional(), ACTION_STATUSES),
      agent_id: AGENT_ID,
    }),
  }),
  ({ query }) =>
    listVariables({ ...query, status: query.status === 'pending' ? 'pending_approval' : query.status }),
);

interface ListQuery {
  readonly limit: number;
  readonly offset: number;
  readonly status: string | undefined;
  readonly agent_id: string | null;
}

function listVariables({ limit, offset, status, agent_id }: ListQuery): Readonly<Record<string, unknown>> {
  const filter = {
    status: status === undefined ? null : [status.toUpperCase()],
    agentId: agent_id && [agent_id],
  };
  return { first: limit, offset, filter };
}

export const ACTION = z
  .object({
    action_id: field('id', ID),
    id: ID.meta({ description: 'The same as `action_id`.' }),
    agent_id: field('agentId', TEXT),
    agent_name: field('agentName', TEXT.nullable()),
    action_type: field('actionType', TEXT),
    description: field('description', TEXT.nullable()),
    tool_name: field('toolName', TEXT.nullable()),
    target_system: field('targetSystem', TEXT.nullable()),
    target_resource: field('targetResource', TEXT.nullable()),
    status: z
      .enum([...ACTION_STATUSES, 'pending'])
      .meta({ description: '`pending` occurs on the paths of the vendor’s SDK only.' }),
    risk_score: field('riskScore', z.number()),
    risk_level: field('riskLevel', z.enum(RISK_LEVELS)),
    required_approval_level: field('requiredApprovalLevel', z.int()),
    submitted_by: field('submittedBy.id', ID),
    created_at: field('submittedAt', TIME),
    updated_at: field('updatedAt', TIME),
    decided_by: field('decidedBy.id', ID.nullable()),
    decided_at: field('decidedAt', TIME.nullable()),
    reason: field('reason', TEXT.nullable()),
    correlation_id: field('correlationId', TEXT.nullable()),
  })
  .meta({ id: 'Action', graphql: 'Action' });

export const ACTION_STATUS = z
  .object({
    action_id: field('id', ID),
    status: field('status', z.enum(ACTION_STATUSES)),
    risk_score: field('riskScore', z.number()),
    timestamp: field('updatedAt', TIME),
    decision_ready: z.boolean().meta({ description: 'Whether the action is no longer pending.' }),
    decision: DECISION,
    risk_level: field('riskLevel', z.enum(RISK_LEVELS)),
    reason: field('reason', TEXT.nullable()),
    correlation_id: field('correlationId', TEXT.nullable()),
  })
  .meta({ id: 'ActionStatus', graphql: 'Action' });

const CHECKED = { action_id: field('id', ID) };
const CHECKED_AT = field('decidedAt', TIME.nullable());
/** The outcome of an approval request, as the vendor's SDK reads it. */
export const APPROVAL_CHECK = z
  .union([
    z.object({ ...CHECKED, status: z.literal('pending') }).meta({ graphql: 'Action' }),
    z
      .object({
        ...CHECKED,
        status: z.literal('approved'),
        approved_by: field('decidedBy.id', ID.nullable()),
        decided_at: CHECKED_AT,
      })
      .meta({ graphql: 'Action' }),
    z
      .object({
        ...CHECKED,
        status: z.literal('denied'),
        rejected_by: field('decidedBy.id', ID.nullable()),
        decided_at: CHECKED_AT,
        rejection_reason: field('reason', TEXT.nullable()),
      })
      .meta({ graphql: 'Action' }),
  ])
  .meta({ id: 'ApprovalCheck' });

type ActionBody = z.output<typeof ACTION>;

/** Writes an action. @throws {RefusedError} ACTION_NOT_FOUND */
const writeAction: WriteAnswer<GetActionQuery, ActionBody> = ({ action: found }, asked) => {
  const action = found ?? notFound(asked);
  const body = actionBody(action);
  return {
    status: 200,
    body: asked.isVendorSdk ? { ...body, status: APPROVAL_WORDS[action.status] } : body,
  };
};

/** Writes the status of an action, for clients that poll for a decision. @throws {RefusedError} ACTION_NOT_FOUND */
const writeActionStatus: WriteAnswer<GetActionStatusQuery, z.output<typeof ACTION_STATUS>> = (
  data,
  asked,
) => {
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
const writeApproval: WriteAnswer<GetApprovalQuery, z.output<typeof APPROVAL_CHECK>> = (data, asked) => {
  const action = data.action ?? notFound(asked);
  const status = APPROVAL_WORDS[action.status];
  const action_id = Number(action.id);
  if (status === 'pending') return { status: 200, body: { action_id, status } };
  const by = number(action.decidedBy?.id ?? null);
  const at = action.status === 'EXPIRED' ? action.expiresAt : action.decidedAt;
  const decided_at = at && restTime(at);
  const body =
    status === 'approved'
      ? { action_id, status, approved_by: by, decided_at }
      : { action_id, status, rejected_by: by, decided_at, rejection_reason: reasonOf(action) };
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
const writeActionList: WriteAnswer<ListActionsQuery, readonly ActionBody[]> = ({ actions }) => ({
  status: 200,
  body: actions.edges.map(({ node }) => actionBody(node)),
});

/** Refuses the request for an action that the caller cannot see. @throws {RefusedError} ACTION_NOT_FOUND, always */
function notFound({ variables }: Asked): never {
  throw new RefusedError(actionNotFound(Number(variables['id'])));
}

function actionBody(action: ActionDetailsFragment): ActionBody {
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

const ACTIONS = json('The actions, newest first.', z.array(ACTION));

export const READ_ACTION: Endpoint = {
  ...ONE,
  write: writeAction,
  responses: { 200: json('The action.', ACTION) },
};
export const READ_STATUS: Endpoint = {
  ...ONE,
  write: writeActionStatus,
  responses: { 200: json('The status of the action.', ACTION_STATUS) },
};
export const READ_APPROVAL: Endpoint = {
  ...ONE,
  write: writeApproval,
  responses: { 200: json('The decision on the action.', APPROVAL_CHECK) },
};
export const LIST_ACTIONS: Endpoint = { ...LIST, write: writeActionList, responses: { 200: ACTIONS } };
export const LIST_ACTIVITY: Endpoint = { ...ACTIVITY, write: writeActionList, responses: { 200: ACTIONS } };
