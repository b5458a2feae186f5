import { matchesPattern } from './pattern';
import type { PolicyRules } from './policy';
import { SCORED_FIELDS, type ScoringRule } from './scoring-rules';

/** What the rules weigh of an action; null for what it does not say. */
export interface ScoredAction {
  readonly actionType: string;
  readonly toolName: string | null;
  readonly targetSystem: string | null;
  /** What was indicated, in words. */
  readonly riskIndicators: readonly string[];
}

/** Where a score can come from: a rule of the organization, an evaluation engine, or that nothing else gave one. */
export const RISK_SCORE_SOURCES = ['rule', 'engine', 'default'] as const;
export type RiskScoreSource = (typeof RISK_SCORE_SOURCES)[number];

/** A rule and its place in the policy's list, from 1. */
export interface MatchedRule {
  readonly position: number;
  readonly rule: ScoringRule;
}

/** How risky an action is, and by whose account. */
export interface RiskScoring {
  /** 0 to 100. */
  readonly score: number;
  readonly source: RiskScoreSource;
  /** For a score by a rule, that rule; else null. */
  readonly matched: MatchedRule | null;
}

/** The score of what nobody foresaw: critical, and for a person to decide. */
const UNFORESEEN: RiskScoring = { score: 95, source: 'default', matched: null };

/**
 * The score of an action by the organization's rules: the first one that matches. Where none does, or one fails, it is
 * 95, so that a gap in the rules leads to a person and never past one.
 */
export function scoreByRules(action: ScoredAction, rules: readonly ScoringRule[]): RiskScoring {
  try {
    const index = rules.findIndex((rule) => matchesRule(rule, action));
    const rule = rules[index];
    if (rule === undefined || !(rule.score >= 0 && rule.score <= 100)) return UNFORESEEN;
    return { score: rule.score, source: 'rule', matched: { position: index + 1, rule } };
  } catch {
    // Whatever is wrong with a rule, the answer is the same: a person has to look.
    return UNFORESEEN;
  }
}

/** A score that an evaluation engine gave, 0 to 100. */
export function scoreByEngine(score: number): RiskScoring {
  return { score, source: 'engine', matched: null };
}

/** Whether the policy itself approves what was scored so. What nobody foresaw is never approved by nobody. */
export function isAutoApproved(
  { score, source }: Pick<RiskScoring, 'score' | 'source'>,
  { autoApproveBelow }: Pick<PolicyRules, 'autoApproveBelow'>,
): boolean {
  return source !== 'default' && autoApproveBelow !== null && score < autoApproveBelow;
}

/** Whether every pattern of a rule is met; what an action does not say meets none. */
function matchesRule(rule: ScoringRule, action: ScoredAction): boolean {
  const { riskIndicators, ...said } = action;
  return SCORED_FIELDS.every((field) => {
    const pattern = rule[field];
    if (pattern === null) return true;
    const texts = field === 'riskIndicator' ? riskIndicators : [said[field] ?? []].flat();
    return texts.some((text) => matchesPattern(pattern, text));
  });
}
