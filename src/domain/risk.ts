/** The risk levels, lowest first (docs/approval-policy.md#risk-levels). */
export const RISK_LEVELS = ['low', 'medium', 'high', 'critical'] as const;
export type RiskLevel = (typeof RISK_LEVELS)[number];

/**
 * The lowest score of each risk level. A level ends where the next one starts, so 39.5 is low
 * (docs/approval-policy.md#risk-levels).
 */
const LEVEL_STARTS: Readonly<Record<RiskLevel, number>> = { low: 0, medium: 40, high: 70, critical: 85 };

/** Returns the risk level of a score from 0 to 100, fractions allowed. */
export function riskLevelOf(riskScore: number): RiskLevel {
  if (riskScore >= LEVEL_STARTS.critical) return 'critical';
  if (riskScore >= LEVEL_STARTS.high) return 'high';
  if (riskScore >= LEVEL_STARTS.medium) return 'medium';
  return 'low';
}

/**
 * Returns the scores of a risk level as `[from, to)`; `to` is null for the highest level, which includes its end (100).
 */
export function riskScoresOf(riskLevel: RiskLevel): { from: number; to: number | null } {
  const next = RISK_LEVELS[RISK_LEVELS.indexOf(riskLevel) + 1];
  return { from: LEVEL_STARTS[riskLevel], to: next === undefined ? null : LEVEL_STARTS[next] };
}
