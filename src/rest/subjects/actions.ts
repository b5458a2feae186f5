import type { GraphQLObjectType, GraphQLSchema } from 'graphql';
import { number, restTime, word } from '../../api/rest-notation';
import { ACTION_STATUSES } from '../../domain/action';
import { parseId, type Parsed } from '../../domain/parsing';
import { actionNotFound, RefusedError } from '../../domain/refusal';
import { json } from '../openapi/described';
import {
  ID,
  listOf,
  objectOf,
  objectType,
  oneOf,
  PLAIN_TEXT,
  ref,
  type Schema,
} from '../openapi/json-schema';
import type {
  ActionDetailsFragment,
  GetActionQuery,
  GetActionStatusQuery,
  GetApprovalQuery,
  ListActionsQuery,
} from '../operations.types';
import { all, PAGE, page, text } from '../parameters';
import type { Asked, Endpoint, ReadVariables, RestRequest, WriteAnswer } from '../route';
import { APPROVAL_WORDS, DECISION, DECISION_WORDS } from '../sdk-words';

/** Reading actions: one, its status, a list of them. */

/** Reads `{action_id}`. */
const readActionId: ReadVariables = ({ params }) =>
  all({ id: parseId(params['action_id'], ['path', 'action_id']) });

/** Reads `?limit&offset&status_filter&agent_id`. Empty parameters count as absent. */
const readActionList: ReadVariables = ({ query }) => actionList(query, 'status_filter', (word) => word);

/** Reads `?limit&offset&status&agent_id`. The vendor's SDK sends the status `pending` (docs/legacy-sdk.md#calls). */
const readActivityList: ReadVariables = ({ query }) =>
  actionList(query, 'status', (word) => (word === 'pending' ? 'pending_approval' : word));

function actionList(
  query: RestRequest['query'],
  statusName: string,
  statusOf: (word: string) => string,
): ReturnType<ReadVariables> {
  const word = text(query, statusName);
  const status = word && statusOf(word);
  const agentId = text(query, 'agent_id');
  const list = all({
    ...page(query),
    status: status === null || isStatus(status) ? { value: status } : unknownStatus(statusName),
  });
  if (list.faults !== undefined) return list;
  const { first, offset } = list.value;
  const filter = { status: status && [status.toUpperCase()], agentId: agentId && [agentId] };
  return { value: { first, offset, filter } };
}

function isStatus(status: string): boolean {
  return (ACTION_STATUSES as readonly string[]).includes(status);
}

function unknownStatus(name: string): Parsed<string | null> {
  const msg = `must be one of ${ACTION_STATUSES.join(', ')}`;
  return { faults: [{ loc: ['query', name], msg, type: 'enum' }] };
}

/** Writes an action. @throws {RefusedError} ACTION_NOT_FOUND */
const writeAction: WriteAnswer<GetActionQuery> = ({ action: found }, asked) => {
  const action = found ?? notFound(asked);
  const body = actionBody(action);
  return {
    status: 200,
    body: asked.isVendorSdk ? { ...body, status: APPROVAL_WORDS[action.status] } : body,
  };
};

/** Writes the status of an action, for clients that poll for a decision. @throws {RefusedError} ACTION_NOT_FOUND */
const writeActionStatus: WriteAnswer<GetActionStatusQuery> = (data, asked) => {
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
const writeApproval: WriteAnswer<GetApprovalQuery> = (data, asked) => {
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
const writeActionList: WriteAnswer<ListActionsQuery> = ({ actions }) => ({
  status: 200,
  body: actions.edges.map(({ node }) => actionBody(node)),
});

/** Refuses the request for an action that the caller cannot see. @throws {RefusedError} ACTION_NOT_FOUND, always */
function notFound({ variables }: Asked): never {
  throw new RefusedError(actionNotFound(Number(variables['id'])));
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

/** Returns the named schemas of actions. */
export function actionSchemas(schema: GraphQLSchema): Readonly<Record<string, Schema>> {
  const action = objectType(schema, 'Action');
  return {
    Action: actionSchema(action),
    ActionStatus: actionStatusSchema(action),
    ApprovalCheck: approvalCheckSchema(action),
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

const endpoint = (
  write: WriteAnswer<never>,
  description: string,
  schema: Schema,
  read = readActionId,
  query?: Readonly<Record<string, Schema>>,
): Endpoint => ({
  read,
  write,
  request: query === undefined ? {} : { query },
  responses: { 200: json(description, schema) },
});
const AGENT = { agent_id: PLAIN_TEXT };

export const READ_ACTION = endpoint(writeAction, 'The action.', ref('Action'));
export const READ_STATUS = endpoint(writeActionStatus, 'The status of the action.', ref('ActionStatus'));
export const READ_APPROVAL = endpoint(writeApproval, 'The decision on the action.', ref('ApprovalCheck'));
export const LIST_ACTIONS = listed(readActionList, { status_filter: oneOf(ACTION_STATUSES) });
export const LIST_ACTIVITY = listed(readActivityList, { status: oneOf(['pending', ...ACTION_STATUSES]) });

function listed(read: ReadVariables, status: Readonly<Record<string, Schema>>): Endpoint {
  const query = { ...PAGE, ...status, ...AGENT };
  return endpoint(writeActionList, 'The actions, newest first.', listOf(ref('Action')), read, query);
}
