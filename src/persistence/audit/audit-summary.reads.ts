import type { Tenant } from '../../domain/principal';
import type { Sql, Statement } from '../sql/sql';
import { riskLevelSql } from '../actions/risk-level.sql';
import { statement } from '../sql/statement';

/** The groupings of a summary. */
export const SUMMARY_KEYS = ['day', 'verdict', 'risk_level', 'reviewer', 'refusal_code'] as const;
export type SummaryKey = (typeof SUMMARY_KEYS)[number];

/** The totals of one group. */
export interface SummaryGroup {
  /** A day in UTC, verdict, risk level or user id, null for entries without one; or a refusal code. */
  readonly key: string | null;
  readonly approved: number;
  readonly denied: number;
  readonly votes: number;
  readonly refused: number;
  readonly expired: number;
  /** From submission to decision, in seconds; null where nothing was decided. */
  readonly medianSecondsToDecide: number | null;
  readonly p95SecondsToDecide: number | null;
}

/** Maximum number of groups; a summary by day holds the latest days. */
const MAX_GROUPS = 1_000;

const KEYS: Readonly<Record<SummaryKey, string>> = {
  day: `to_char(l."timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD')`,
  verdict: 'l.verdict',
  risk_level: `CASE WHEN l.risk_score IS NOT NULL THEN ${riskLevelSql('l.risk_score')} END`,
  reviewer: `CASE WHEN l.actor_kind = 'user' THEN l.actor_id::text END`,
  refusal_code: 'l.refusal_code',
};

/** SQL for a percentile of the time from submission to decision, over deciding entries only. */
const percentile = (part: number): string => `percentile_cont(${String(part)}) WITHIN GROUP (
      ORDER BY extract(epoch FROM l."timestamp" - a.submitted_at))
      FILTER (WHERE l.action_type IN ('action_approved', 'action_denied'))`;

const count = (type: string): string => `count(*) FILTER (WHERE l.action_type = '${type}')`;

function summaryBy(key: SummaryKey): Statement {
  return statement({
    name: `audit_summary_by_${key}`,
    share: 'read',
    text: `SELECT ${KEYS[key]} AS key, ${count('action_approved')} AS approved, ${count('action_denied')} AS denied,
      ${count('vote_recorded')} AS votes, ${count('decision_refused')} AS refused, ${count('action_expired')} AS expired,
      ${percentile(0.5)} AS "medianSecondsToDecide", ${percentile(0.95)} AS "p95SecondsToDecide"
    FROM audit_log l LEFT JOIN actions a ON a.organization_id = l.organization_id AND a.id = l.action_id
    WHERE l.organization_id = $1
      AND l.action_type IN ('action_approved', 'action_denied', 'vote_recorded', 'decision_refused', 'action_expired')
      ${key === 'refusal_code' ? 'AND l.refusal_code IS NOT NULL' : ''}
      AND ($2::timestamptz IS NULL OR l."timestamp" >= $2) AND ($3::timestamptz IS NULL OR l."timestamp" < $3)
    GROUP BY 1 ORDER BY 1 DESC NULLS LAST LIMIT ${String(MAX_GROUPS)}`,
  });
}

/** Reads totals of an organization's audit log. */
export class AuditSummaryReads {
  constructor(private readonly sql: Sql) {}

  /** Returns totals of decisions, votes, denied attempts and expiries in [from, to). One statement. */
  async by(
    key: SummaryKey,
    { organizationId }: Tenant,
    from: Date | null,
    to: Date | null,
  ): Promise<readonly SummaryGroup[]> {
    const values = [organizationId, from, to];
    return this.sql.query<SummaryGroup & Record<string, unknown>>(summaryBy(key), values);
  }
}
