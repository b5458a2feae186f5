import type { ByRiskLevel } from '../domain/policy';
import { RISK_LEVELS, riskScoresOf, type RiskLevel } from '../domain/risk';

/** SQL for the band of a score, from the very boundaries that `riskLevelOf` has. */
export function riskLevelSql(score: string): string {
  const cases = RISK_LEVELS.toReversed().map(
    (level) => `WHEN ${score} >= ${String(riskScoresOf(level).from)} THEN '${level}'`,
  );
  return `CASE ${cases.join(' ')} END`;
}

/** SQL for what a score's band is given, of one integer per band. */
export function byRiskLevelSql(score: string, values: ByRiskLevel<number>): string {
  const cases = RISK_LEVELS.toReversed().map(
    (level) =>
      `WHEN ${score} >= ${String(riskScoresOf(level).from)} THEN ${String(Math.trunc(values[level]))}`,
  );
  return `CASE ${cases.join(' ')} END`;
}

/**
 * SQL that says whether a score is in one of these bands, as ranges, which an index can serve.
 * Each band is named once and in one order, or every order asked for would be another statement to prepare and keep.
 */
export function inRiskLevelsSql(score: string, riskLevels: readonly RiskLevel[]): string {
  const asked = RISK_LEVELS.filter((level) => riskLevels.includes(level));
  if (asked.length === RISK_LEVELS.length) return 'true';
  const bands = asked.map(riskScoresOf).map(({ from, to }) => {
    const start = `${score} >= ${String(from)}`;
    return to === null ? `(${start})` : `(${start} AND ${score} < ${String(to)})`;
  });
  return bands.length === 0 ? 'false' : `(${bands.join(' OR ')})`;
}
