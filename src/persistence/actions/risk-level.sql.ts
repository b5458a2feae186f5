import type { ByRiskLevel } from '../../domain/policy';
import { RISK_LEVELS, riskScoresOf, type RiskLevel } from '../../domain/risk';

/** Returns SQL for the risk level of a score, with the boundaries of `riskLevelOf`. */
export function riskLevelSql(score: string): string {
  const cases = RISK_LEVELS.toReversed().map(
    (level) => `WHEN ${score} >= ${String(riskScoresOf(level).from)} THEN '${level}'`,
  );
  return `CASE ${cases.join(' ')} END`;
}

/** Returns SQL for the value of a score's risk level, with one integer per level. */
export function byRiskLevelSql(score: string, values: ByRiskLevel<number>): string {
  const cases = RISK_LEVELS.toReversed().map(
    (level) =>
      `WHEN ${score} >= ${String(riskScoresOf(level).from)} THEN ${String(Math.trunc(values[level]))}`,
  );
  return `CASE ${cases.join(' ')} END`;
}

/**
 * Returns SQL for whether a score has one of these risk levels, as ranges that an index can serve. The levels are
 * deduplicated and sorted, so that every order of the same levels shares one prepared statement.
 */
export function inRiskLevelsSql(score: string, riskLevels: readonly RiskLevel[]): string {
  const asked = RISK_LEVELS.filter((level) => riskLevels.includes(level));
  if (asked.length === RISK_LEVELS.length) return 'true';
  const ranges = asked.map(riskScoresOf).map(({ from, to }) => {
    const start = `${score} >= ${String(from)}`;
    return to === null ? `(${start})` : `(${start} AND ${score} < ${String(to)})`;
  });
  return ranges.length === 0 ? 'false' : `(${ranges.join(' OR ')})`;
}
