import { riskLevelSql } from './risk-level.sql';

/** The database's time at the start of a statement, which reads take as now. */
const NOW = 'statement_timestamp()';

/**
 * Returns SQL for whether an action is overdue: stored as pending, past its expiry time
 * (docs/approval-policy.md#expiry). Never null, so that it can be negated, and served by the index of actions that can
 * expire.
 * @param at SQL for the current time
 */
export function isOverdueSql(alias: string, at = NOW): string {
  const expires = `${alias}.expires_at`;
  return `(${alias}.status = 'pending_approval' AND ${expires} IS NOT NULL AND ${expires} <= ${at})`;
}

/**
 * Returns SQL for an action's effective status, whether swept or not. Every read and the decide statement use this
 * expression.
 * @param at SQL for the current time
 */
export function effectiveStatusSql(alias: string, at = NOW): string {
  return `CASE WHEN ${isOverdueSql(alias, at)} THEN 'expired' ELSE ${alias}.status END`;
}

/** Returns SQL for when an action last changed. An overdue action changed at its expiry time, whether swept or not. */
export function effectiveUpdateSql(alias: string): string {
  return `CASE WHEN ${isOverdueSql(alias)} THEN ${alias}.expires_at ELSE ${alias}.updated_at END`;
}

/**
 * Returns SQL for when an action that is submitted now expires; null for never.
 * @param timeToLive JSON of the policy's `timeToLiveSeconds`
 */
export function expiresAtSql(score: string, timeToLive: string): string {
  const seconds = `(${timeToLive}::json ->> (${riskLevelSql(score)}))::double precision`;
  return `date_trunc('milliseconds', now()) + make_interval(secs => ${seconds})`;
}
