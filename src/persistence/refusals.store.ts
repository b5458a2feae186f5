import type { AuditEntryDraft } from '../domain/audit-entry';
import {
  auditRecordKeysSql,
  auditRecords,
  momentAfter,
  WRITTEN_FIRST,
  writeAuditEntries,
} from './audit-entries';
import type { Sql, Statement } from './database';
import { purge, PURGE_BATCH } from './purge';

/**
 * Records refused tries: each (principal, action, code) at most once a minute, exactly so under any race, since the
 * throttle's row is locked by whoever moves it. $1 organization, $2 drafts as JSON.
 */
const REFUSE: Statement = {
  name: 'refuse',
  fenced: 'audit',
  text: `
WITH draft AS MATERIALIZED (
    SELECT position, actor_kind, actor_id, coalesce(action_id, 0) AS throttled_id, refusal_code
    FROM ${auditRecordKeysSql('$2')}
  ),
  ${momentAfter('draft')},
  due AS (
    INSERT INTO refusal_throttle AS known (organization_id, actor_kind, actor_id, action_id, refusal_code, recorded_at)
    SELECT $1, actor_kind, actor_id, throttled_id, refusal_code, at FROM draft CROSS JOIN moment
    ORDER BY throttled_id, refusal_code
    ON CONFLICT (organization_id, actor_kind, actor_id, action_id, refusal_code) DO UPDATE
      SET recorded_at = excluded.recorded_at
      WHERE known.recorded_at <= excluded.recorded_at - interval '1 minute'
    RETURNING action_id, refusal_code
  ),
  chosen AS (
    SELECT position, NULL::integer AS approvals_received FROM draft JOIN due ON due.action_id = draft.throttled_id AND due.refusal_code = draft.refusal_code
  ),
  ${writeAuditEntries('$2', '$3, $4')}
SELECT count(*) AS recorded, ${WRITTEN_FIRST} FROM written`,
};

/** Forgets refusals that no longer throttle. */
const PURGE_THROTTLE: Statement = {
  name: 'purge_refusal_throttle',
  text: `WITH deleted AS (
      DELETE FROM refusal_throttle WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM refusal_throttle WHERE recorded_at < now() - interval '2 minutes'
        ORDER BY recorded_at LIMIT ${String(PURGE_BATCH)} FOR UPDATE SKIP LOCKED))
      RETURNING 1
    )
    SELECT count(*) AS deleted FROM deleted`,
};

/**
 * Records refused tries, each at most once a minute (contract 2.12).
 * @param drafts of one organization
 * @returns how many were recorded; the others had just been
 */
export async function recordRefusals(sql: Sql, drafts: readonly AuditEntryDraft[]): Promise<number> {
  const [first] = drafts;
  if (first === undefined) return 0;
  const [row] = await sql.query<{ recorded: number }>(REFUSE, [first.organizationId, auditRecords(drafts)]);
  return row?.recorded ?? 0;
}

/** Deletes the rows that no longer throttle anything, a thousand at a time. */
export async function purgeThrottle(sql: Sql, signal: AbortSignal): Promise<void> {
  await purge(sql, PURGE_THROTTLE, signal);
}
