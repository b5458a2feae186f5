import type { AuditEntryDraft } from '../../domain/audit-entry';
import type { ExpiryStore, OverdueAction } from '../../use-cases/expire-actions';
import {
  auditRecordKeysSql,
  auditRecords,
  momentAfter,
  WRITTEN_FIRST,
  writeAuditEntries,
} from '../audit/audit-entries';
import type { Database } from '../sql/database';

import { isOverdueSql } from './expiry';
import { statement } from '../sql/statement';

const OVERDUE = statement({
  name: 'overdue_actions',
  share: 'system',
  text: `SELECT a.organization_id AS "organizationId", a.id, a.risk_score AS "riskScore", a.expires_at AS "expiresAt"
    FROM actions a WHERE ${isOverdueSql('a')}
    ORDER BY a.expires_at LIMIT $1`,
});

/**
 * Marks overdue actions of one organization as expired, with their audit entries and places in the sealer's queue.
 * Skips locked rows, so that concurrent sweeps and decisions do not wait for each other. Reads do not change, since an
 * overdue action reads as expired before the write as well. $1 organization, $2 ids, $3 drafts as JSON.
 */
const EXPIRE = statement({
  name: 'expire_actions',
  share: 'system',
  fenced: 'audit',
  text: `
WITH stored AS MATERIALIZED (
    SELECT a.id FROM actions a
    WHERE a.organization_id = $1 AND a.id = ANY($2::bigint[]) AND ${isOverdueSql('a')}
    ORDER BY a.id FOR UPDATE SKIP LOCKED
  ),
  ${momentAfter('stored')},
  changed AS (
    UPDATE actions a SET status = 'expired', version = a.version + 1, updated_at = a.expires_at
    FROM stored WHERE a.organization_id = $1 AND a.id = stored.id
    RETURNING a.id, a.approvals
  ),
  chosen AS (
    SELECT d.position, changed.approvals AS approvals_received
    FROM ${auditRecordKeysSql('$3')}
      JOIN changed ON changed.id = d.action_id
  ),
  ${writeAuditEntries('$3', '$4, $5')}
SELECT count(*) AS marked, ${WRITTEN_FIRST} FROM written`,
});

/** Finds overdue actions and marks them as expired. */
export class ExpiredActionsStore implements ExpiryStore {
  constructor(private readonly database: Database) {}

  overdue(limit: number): Promise<readonly OverdueAction[]> {
    return this.database.query<OverdueAction>(OVERDUE, [limit]);
  }

  async expire(organizationId: number, drafts: readonly AuditEntryDraft[]): Promise<number> {
    const [row] = await this.database.query<{ marked: number }>(EXPIRE, [
      organizationId,
      drafts.map(({ actionId }) => actionId),
      auditRecords(drafts),
    ]);
    return row?.marked ?? 0;
  }
}
