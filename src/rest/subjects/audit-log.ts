import type { GraphQLObjectType, GraphQLSchema } from 'graphql';
import { number, restTime, word } from '../../api/rest-notation';
import { parseId } from '../../domain/parsing';
import { auditRecordBody } from '../audit-record';
import { json } from '../openapi/described';
import {
  COUNT,
  ID,
  listOf,
  object,
  objectOf,
  objectType,
  oneOf,
  orNull,
  PLAIN_TEXT,
  ref,
  TEXT,
  TIME,
  type Schema,
} from '../openapi/json-schema';
import type { ListAuditLogsQuery, ListLegacyAuditLogQuery } from '../operations.types';
import { all, flag, LIMIT, OFFSET, optional, PAGE, page, SINCE, text, time, UNTIL } from '../parameters';
import type { Endpoint, ReadVariables, WriteAnswer } from '../route';

/** Reading the audit log, page by page. */

/** Reads `?limit&offset`. Empty parameters count as absent. */
const readLegacyAuditLog: ReadVariables = ({ query }) => all(page(query));

/** Reads `?limit&offset&cursor&action_type&user_id&action_id&correlation_id&from&to&include_total`. */
const readAuditLogList: ReadVariables = ({ query }) => {
  const cursor = text(query, 'cursor');
  const parsed = all({
    ...page(query),
    userId: optional(text(query, 'user_id'), (id) => parseId(id, ['query', 'user_id'])),
    actionId: optional(text(query, 'action_id'), (id) => parseId(id, ['query', 'action_id'])),
    from: time(query, 'from'),
    to: time(query, 'to'),
    includeTotal: flag(query, 'include_total'),
  });
  if (parsed.faults !== undefined) return parsed;
  const { first, offset, userId, actionId, from, to, includeTotal } = parsed.value;
  const filter = {
    actionType: only(text(query, 'action_type')),
    actorId: only(userId),
    actionId: only(actionId),
    correlationId: only(text(query, 'correlation_id')),
    from,
    to,
  };
  return { value: { first, offset, after: cursor, filter, includeTotal } };
};

function only<T>(value: T | null): readonly T[] | null {
  return value === null ? null : [value];
}

/** Writes a page of audit records (docs/rest-api.md#audit-records). */
const writeAuditLogList: WriteAnswer<ListAuditLogsQuery> = ({ auditLogs }, { organizationId, variables }) => {
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
const writeLegacyAuditLog: WriteAnswer<ListLegacyAuditLogQuery> = ({ auditLogs }, { variables }) => {
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

/** Returns the named schemas of the audit log. */
export function auditLogSchemas(schema: GraphQLSchema): Readonly<Record<string, Schema>> {
  const entry = objectType(schema, 'AuditLog');
  return {
    AuditRecord: auditRecordSchema(entry),
    AuditLogPage: object({
      limit: LIMIT,
      offset: OFFSET,
      next_cursor: { ...orNull(TEXT), description: 'Null on the last page.' },
      logs: listOf(ref('AuditRecord')),
      'total?': { ...orNull(COUNT), description: 'Exact up to 10,000.' },
      'total_capped?': { type: ['boolean', 'null'], description: 'Whether there are more than `total`.' },
    }),
    LegacyAuditLogPage: legacyAuditLogSchema(entry),
  };
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

export const LIST_ENTRIES: Endpoint = {
  read: readAuditLogList,
  write: writeAuditLogList,
  request: {
    query: {
      ...PAGE,
      cursor: { ...TEXT, format: 'cursor', description: 'The `next_cursor` of the previous page.' },
      action_type: PLAIN_TEXT,
      user_id: { ...ID, description: 'Id of the user who acted.' },
      action_id: ID,
      correlation_id: PLAIN_TEXT,
      from: SINCE,
      to: UNTIL,
      include_total: {
        type: 'boolean',
        default: false,
        description: 'Whether to count the matching entries.',
      },
    },
  },
  responses: { 200: json('A page of entries, newest first.', ref('AuditLogPage')) },
};

export const LIST_LEGACY_ENTRIES: Endpoint = {
  read: readLegacyAuditLog,
  write: writeLegacyAuditLog,
  request: { query: PAGE },
  responses: { 200: json('A page of entries, newest first.', ref('LegacyAuditLogPage')) },
};
