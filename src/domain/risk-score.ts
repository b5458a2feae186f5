import { comparedText, matches, readPattern, type ComparedText } from './pattern';
import type { PolicyRules } from './policy';
import { patternsOf, type ScoredField, type ScoringRule } from './scoring-rules';
import { holdsControls, mixesScripts } from './text';

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

/** How many characters of an action are held against patterns at most, all of its texts together. */
const MAX_COMPARED = 32_768;

/**
 * The score of an action by the organization's rules: the first one that matches. Where none does, or one fails, it is
 * 95, so that a gap in the rules leads to a person and never past one. So it is where an action type or tool that reads
 * otherwise than it is would be approved by the policy, and for texts too long to be compared. Linear in the texts.
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
    // Whatever is wrong with a rule, the answer is the same: a person has to look.
    return UNFORESEEN;
  }
}

/** Whether an action's type or tool is not what people read in it: letters of two scripts, or control characters. */
export function isDeceptive({
  actionType,
  toolName,
}: Pick<ScoredAction, 'actionType' | 'toolName'>): boolean {
  return [actionType, toolName ?? ''].some((text) => mixesScripts(text) || holdsControls(text));
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

type ComparedTexts = Readonly<Record<ScoredField, readonly ComparedText[]>>;

/** What an action says in each field, ready to be compared; null if that is too much. */
function comparedTexts({
  riskIndicators,
  actionType,
  toolName,
  targetSystem,
}: ScoredAction): ComparedTexts | null {
  let sum = 0;
  const compared = (texts: readonly (string | null)[]): readonly ComparedText[] =>
    texts.flatMap((text) => {
      // What is past the bound is not even read.
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

/** Whether every pattern of a rule is met; what an action does not say meets none. */
function matchesRule(rule: ScoringRule, texts: ComparedTexts): boolean {
  return patternsOf(rule).every((field) => {
    const pattern = readPattern(rule[field] ?? '');
    return texts[field].some((text) => matches(pattern, text));
  });
}
