import { comparedText, matches, readPattern, type ComparedText } from './pattern';
import type { PolicyRules } from './policy';
import { patternsOf, type ScoredField, type ScoringRule } from './scoring-rules';
import { holdsControls, mixesScripts } from './text';

/** The fields of an action that scoring rules match; null for a field that the action leaves out. */
export interface ScoredAction {
  readonly actionType: string;
  readonly toolName: string | null;
  readonly targetSystem: string | null;
  /** The risk indicators as words. */
  readonly riskIndicators: readonly string[];
}

/** The source of a score: a rule of the organization, an evaluation engine, or the default where neither applies. */
export const RISK_SCORE_SOURCES = ['rule', 'engine', 'default'] as const;
export type RiskScoreSource = (typeof RISK_SCORE_SOURCES)[number];

/** A rule and its position in the policy's list, from 1. */
export interface MatchedRule {
  readonly position: number;
  readonly rule: ScoringRule;
}

/** The risk score of an action and its source. */
export interface RiskScoring {
  /** 0 to 100. */
  readonly score: number;
  readonly source: RiskScoreSource;
  /** The rule that matched; null for a score from another source. */
  readonly matched: MatchedRule | null;
}

/** The default score of an action that no rule matches: critical, and to be decided by a person. */
const UNFORESEEN: RiskScoring = { score: 95, source: 'default', matched: null };

/** The maximum length of an action's texts for comparison with patterns, in characters, all of them together. */
const MAX_COMPARED = 32_768;

/**
 * Returns the score of an action by the first rule of the organization that matches. The score is 95 if no rule matches
 * or a rule fails, so that a gap in the rules leads to a person. It is also 95 for texts too long to compare, and where
 * the policy would approve an action whose type or tool name is deceptive. Linear in the texts.
 */
export function scoreByRules(
  action: ScoredAction,
  { scoringRules: rules, autoApproveBelow }: Pick<PolicyRules, 'scoringRules' | 'autoApproveBelow'>,
): RiskScoring {
  try {
    const texts = comparedTexts(action);
    const index = texts === null ? -1 : rules.findIndex((rule) => matchesRule(rule, texts));
    const rule = rules[index];
    if (rule === undefined || !(rule.score >= 0 && rule.score <= 100)) return UNFORESEEN;
    const scoring: RiskScoring = {
      score: rule.score,
      source: 'rule',
      matched: { position: index + 1, rule },
    };
    return isDeceptive(action) && isAutoApproved(scoring, { autoApproveBelow }) ? UNFORESEEN : scoring;
  } catch {
    // Whatever is wrong with a rule, the outcome is the same: a person has to decide.
    return UNFORESEEN;
  }
}

/**
 * Returns whether an action's type or tool name may read differently to people than to programs: letters of two scripts
 * in a word, or control characters.
 */
export function isDeceptive({
  actionType,
  toolName,
}: Pick<ScoredAction, 'actionType' | 'toolName'>): boolean {
  return [actionType, toolName ?? ''].some((text) => mixesScripts(text) || holdsControls(text));
}

/** Returns a score that an evaluation engine set, 0 to 100. */
export function scoreByEngine(score: number): RiskScoring {
  return { score, source: 'engine', matched: null };
}

/** Returns whether the policy itself approves an action with this score. Unmatched actions are never auto-approved. */
export function isAutoApproved(
  { score, source }: Pick<RiskScoring, 'score' | 'source'>,
  { autoApproveBelow }: Pick<PolicyRules, 'autoApproveBelow'>,
): boolean {
  return source !== 'default' && autoApproveBelow !== null && score < autoApproveBelow;
}

type ComparedTexts = Readonly<Record<ScoredField, readonly ComparedText[]>>;

/** Returns the texts of each scored field, prepared for comparison; null if they are too long. */
function comparedTexts({
  riskIndicators,
  actionType,
  toolName,
  targetSystem,
}: ScoredAction): ComparedTexts | null {
  let sum = 0;
  const compared = (texts: readonly (string | null)[]): readonly ComparedText[] =>
    texts.flatMap((text) => {
      // Texts past the bound are not prepared at all.
      if (text === null || sum > MAX_COMPARED) return [];
      const read = comparedText(text);
      sum += read.length;
      return [read];
    });
  const texts = {
    actionType: compared([actionType]),
    toolName: compared([toolName]),
    targetSystem: compared([targetSystem]),
    riskIndicator: compared(riskIndicators),
  };
  return sum > MAX_COMPARED ? null : texts;
}

/** Returns whether every pattern of a rule matches. A field that the action leaves out matches no pattern. */
function matchesRule(rule: ScoringRule, texts: ComparedTexts): boolean {
  return patternsOf(rule).every((field) => {
    const pattern = readPattern(rule[field] ?? '');
    return texts[field].some((text) => matches(pattern, text));
  });
}
