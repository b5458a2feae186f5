import type { AuditActor, AuditEntryDraft } from '../../domain/audit-entry';
import {
  auditRecordKeysSql,
  auditRecords,
  momentAfter,
  WRITTEN_FIRST,
  writeAuditEntries,
} from '../audit/audit-entries';
import { appendAuditEntry } from '../audit/audit-log.store';
import type { Database } from '../sql/database';
import type { Sql } from '../sql/sql';
import { outdatedRows, purge, removeOutdated } from '../sql/purge';
import type { OmittedRefusals, OmittedRefusalsStore } from '../../use-cases/decisions/close-refusals';
import { statement } from '../sql/statement';

/**
 * How many denied attempts of a principal, with one verdict, are recorded per minute. The request that reaches the
 * limit is still recorded whole.
 */
const MOST_A_MINUTE = 100;

/**
 * Writes denial records. Each (principal, action, verdict, code) is recorded at most once a minute, under any race,
 * because updating the throttle's row locks it. Once a principal has a hundred records with one verdict in a minute,
 * further requests are only counted in the minute's row, which later becomes one closing entry.
 * $1 organization, $2 drafts as JSON.
 */
const REFUSE = statement({
  name: 'refuse',
  fenced: 'audit',
  text: `
WITH draft AS MATERIALIZED (
    SELECT position, actor_kind, actor_id, on_behalf_of, coalesce(action_id, 0) AS throttled_id, refusal_code, verdict
    FROM ${auditRecordKeysSql('$2')}
  ),
  ${momentAfter('draft')},
  fresh AS MATERIALIZED (
    SELECT draft.* FROM draft CROSS JOIN moment WHERE NOT EXISTS (
      SELECT FROM refusal_throttle t
      WHERE t.organization_id = $1 AND t.actor_kind = draft.actor_kind AND t.actor_id = draft.actor_id
        AND t.action_id = draft.throttled_id AND t.refusal_code = draft.refusal_code AND t.verdict = draft.verdict
        AND t.recorded_at > at - interval '1 minute')
  ),
  minute AS (
    INSERT INTO refusal_windows AS known
      (organization_id, actor_kind, actor_id, verdict, minute, on_behalf_of, recorded, omitted, is_full, refusal_code)
    SELECT $1, actor_kind, actor_id, verdict, date_trunc('minute', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', min(on_behalf_of), count(*), 0, false,
      min(refusal_code)
    FROM fresh CROSS JOIN moment GROUP BY actor_kind, actor_id, verdict, at
    ON CONFLICT (organization_id, actor_kind, actor_id, verdict, minute) DO UPDATE SET
      is_full = known.recorded >= ${String(MOST_A_MINUTE)},
      recorded = known.recorded + CASE WHEN known.recorded >= ${String(MOST_A_MINUTE)} THEN 0 ELSE excluded.recorded END,
      omitted = known.omitted + CASE WHEN known.recorded >= ${String(MOST_A_MINUTE)} THEN excluded.recorded ELSE 0 END,
      refusal_code = CASE WHEN known.omitted > 0 THEN known.refusal_code ELSE excluded.refusal_code END
    RETURNING actor_kind, actor_id, verdict, is_full
  ),
  due AS (
    INSERT INTO refusal_throttle AS known
      (organization_id, actor_kind, actor_id, action_id, refusal_code, verdict, recorded_at)
    SELECT $1, actor_kind, actor_id, throttled_id, refusal_code, verdict, at
    FROM fresh JOIN minute USING (actor_kind, actor_id, verdict) CROSS JOIN moment WHERE NOT is_full
    ORDER BY throttled_id, refusal_code, verdict
    ON CONFLICT (organization_id, actor_kind, actor_id, action_id, refusal_code, verdict) DO UPDATE
      SET recorded_at = excluded.recorded_at
      -- Without a session's time zone, since a distributed PostgreSQL takes immutable expressions only here.
      WHERE known.recorded_at AT TIME ZONE 'UTC' <= excluded.recorded_at AT TIME ZONE 'UTC' - interval '1 minute'
    RETURNING action_id, refusal_code, verdict
  ),
  chosen AS (
    SELECT position, NULL::integer AS approvals_received FROM draft
      JOIN due ON due.action_id = draft.throttled_id AND due.refusal_code = draft.refusal_code AND due.verdict = draft.verdict
  ),
  ${writeAuditEntries('$2', '$3, $4')}
SELECT count(*) AS recorded, ${WRITTEN_FIRST} FROM written`,
});

/** Minutes that are over, with or without omitted attempts. Nothing writes to them any more. */
const CLOSED = outdatedRows({
  table: 'refusal_windows',
  key: { actor_kind: 'text', actor_id: 'bigint', verdict: 'text', minute: 'timestamptz' },
  isOutdated: `minute < now() - interval '2 minutes'`,
  age: 'minute',
  skipsLocked: true,
  returning: `organization_id AS "organizationId", actor_kind AS kind, actor_id AS id, on_behalf_of AS "onBehalfOf", verdict,
    minute, omitted, refusal_code AS "refusalCode"`,
});

/** Rows that no longer throttle anything. */
const OUTDATED = outdatedRows({
  table: 'refusal_throttle',
  key: { actor_kind: 'text', actor_id: 'bigint', action_id: 'bigint', refusal_code: 'text', verdict: 'text' },
  isOutdated: `recorded_at < now() - interval '2 minutes'`,
  age: 'recorded_at',
  skipsLocked: true,
});

/**
 * Writes denial records, each at most once a minute (docs/audit-log.md#denied-attempts).
 * @param drafts all of one organization
 * @returns how many were recorded; the others were throttled
 */
export async function recordRefusals(sql: Sql, drafts: readonly AuditEntryDraft[]): Promise<number> {
  const [first] = drafts;
  if (first === undefined) return 0;
  const [row] = await sql.query<{ recorded: number }>(REFUSE, [first.organizationId, auditRecords(drafts)]);
  return row?.recorded ?? 0;
}

/** Deletes the rows that no longer throttle anything, a thousand at a time. */
export async function purgeThrottle(sql: Sql, signal: AbortSignal): Promise<void> {
  await purge(sql, OUTDATED, signal);
}

/** Closes minutes of the throttle that are over. */
export class OmittedRefusalsDatabase implements OmittedRefusalsStore {
  constructor(private readonly database: Database) {}

  close(entryOf: (omitted: OmittedRefusals) => AuditEntryDraft): Promise<boolean> {
    return this.database.transaction(async (sql) => {
      const { removed, isMore } = await removeOutdated(sql, CLOSED);
      for (const { kind, id, onBehalfOf, ...window } of removed as readonly OmittedRow[])
        if (window.omitted > 0)
          await appendAuditEntry(sql, entryOf({ ...window, actor: { kind, id, onBehalfOf } }));
      return isMore;
    });
  }
}

type OmittedRow = Omit<OmittedRefusals, 'actor'> & AuditActor & Record<string, unknown>;
