import { z } from 'zod';
import { number, restTime, word } from '../../api/rest-notation';
import { AUDIT_RECORD, auditRecordBody } from '../audit-record';
import { json } from '../openapi/described';
import { COUNT, field, ID, PLAIN_TEXT, TEXT, TIME } from '../openapi/vocabulary';
import type { ListAuditLogsQuery, ListLegacyAuditLogQuery } from '../operations.types';
import { flag, id, LIMIT, OFFSET, PAGE, reads, SINCE, text, UNTIL } from '../parameters';
import type { Endpoint, WriteAnswer } from '../route';

/** Reading the audit log, page by page. */

/** Reads `?limit&offset`. Empty parameters count as absent. */
const LEGACY_LIST = reads(z.object({ query: z.object(PAGE) }), ({ query: { limit, offset } }) => ({
  first: limit,
  offset,
}));

/** Reads `?limit&offset&cursor&action_type&user_id&action_id&correlation_id&from&to&include_total`. */
const LIST = reads(
  z.object({
    query: z.object({
      ...PAGE,
      cursor: text(TEXT.meta({ format: 'cursor', description: 'The `next_cursor` of the previous page.' })),
      action_type: text(PLAIN_TEXT),
      user_id: id(ID.meta({ description: 'Id of the user who acted.' })),
      action_id: id(ID),
      correlation_id: text(PLAIN_TEXT),
      from: SINCE,
      to: UNTIL,
      include_total: flag('Whether to count the matching entries.'),
    }),
  }),
  ({ query }) => ({
    first: query.limit,
    offset: query.offset,
    after: query.cursor,
    filter: {
      actionType: only(query.action_type),
      actorId: only(query.user_id),
      actionId: only(query.action_id),
      correlationId: only(query.correlation_id),
      from: query.from,
      to: query.to,
    },
    includeTotal: query.include_total,
  }),
);

function only<T>(value: T | null): readonly T[] | null {
  return value === null ? null : [value];
}

export const AUDIT_LOG_PAGE = z
  .object({
    limit: LIMIT,
    offset: OFFSET,
    next_cursor: TEXT.nullable().meta({ description: 'Null on the last page.' }),
    logs: z.array(AUDIT_RECORD),
    total: COUNT.nullish().meta({ description: 'Exact up to 10,000.' }),
    total_capped: z.boolean().nullish().meta({ description: 'Whether there are more than `total`.' }),
  })
  .meta({ id: 'AuditLogPage' });

const LEGACY_RECORD = z
  .object({
    id: field('id', ID),
    event_type: field('actionType', TEXT),
    timestamp: TIME,
    actor: TEXT.meta({ description: '`user:42`, `api_key:7`, `policy` or `system`.' }),
    resource: TEXT.nullable().meta({ description: '`action:12345`.' }),
    action: TEXT.meta({ description: 'The verdict, or the event type if there is no verdict.' }),
    outcome: z.enum(['success', 'refused']),
    details: field('details', TEXT),
  })
  .meta({ graphql: 'AuditLog' });
export const LEGACY_AUDIT_LOG_PAGE = z
  .object({
    total: COUNT.meta({ description: 'Exact up to 10,000.' }),
    page: z.int().min(1),
    page_size: LIMIT,
    logs: z.array(LEGACY_RECORD),
  })
  .meta({ id: 'LegacyAuditLogPage' });

/** What the writers read of the variables. */
interface Page {
  readonly first: number;
  readonly offset: number;
}

/** Writes a page of audit records (docs/rest-api.md#audit-records). */
const writeAuditLogList: WriteAnswer<ListAuditLogsQuery, z.output<typeof AUDIT_LOG_PAGE>> = (
  { auditLogs },
  { organizationId, variables },
) => {
  const { edges, pageInfo, totalCount, totalCountCapped } = auditLogs;
  const { first, offset } = variables as unknown as Page;
  return {
    status: 200,
    body: {
      limit: first,
      offset,
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
const writeLegacyAuditLog: WriteAnswer<ListLegacyAuditLogQuery, z.output<typeof LEGACY_AUDIT_LOG_PAGE>> = (
  { auditLogs },
  { variables },
) => {
  const { first, offset } = variables as unknown as Page;
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

export const LIST_ENTRIES: Endpoint = {
  ...LIST,
  write: writeAuditLogList,
  responses: { 200: json('A page of entries, newest first.', AUDIT_LOG_PAGE) },
};

export const LIST_LEGACY_ENTRIES: Endpoint = {
  ...LEGACY_LIST,
  write: writeLegacyAuditLog,
  responses: { 200: json('A page of entries, newest first.', LEGACY_AUDIT_LOG_PAGE) },
};
