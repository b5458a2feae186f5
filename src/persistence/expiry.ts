import { riskLevelSql } from './risk-bands';

/** The database's time when a statement began: what a read calls now. */
const NOW = 'statement_timestamp()';

/**
 * SQL that says whether a row of actions waited too long: still stored as pending, its time is over (docs/approval-policy.md#expiry).
 * Never null, so that it can be negated, and served by the index of what can expire.
 * @param at what counts as now
 */
export function isOverdueSql(alias: string, at = NOW): string {
  const expires = `${alias}.expires_at`;
  return `(${alias}.status = 'pending_approval' AND ${expires} IS NOT NULL AND ${expires} <= ${at})`;
}

/**
 * SQL for what an action's status is, swept or not: the one expression behind every read and the decision's statement.
 * @param at what counts as now
 */
export function effectiveStatusSql(alias: string, at = NOW): string {
  return `CASE WHEN ${isOverdueSql(alias, at)} THEN 'expired' ELSE ${alias}.status END`;
}

/** SQL for when an action last changed; one that is overdue did when its time was over, swept or not. */
export function effectiveUpdateSql(alias: string): string {
  return `CASE WHEN ${isOverdueSql(alias)} THEN ${alias}.expires_at ELSE ${alias}.updated_at END`;
}

/**
 * SQL for when an action that is submitted now will expire; null for never.
 * @param timeToLive JSON of the policy's `timeToLiveSeconds`
 */
export function expiresAtSql(score: string, timeToLive: string): string {
  const seconds = `(${timeToLive}::json ->> (${riskLevelSql(score)}))::double precision`;
  return `date_trunc('milliseconds', now()) + make_interval(secs => ${seconds})`;
}
