import type { Parsed } from './parsing';
import { matchesFromLength, patternLength, readPattern } from './pattern';
import type { InputFault } from './refusal';
import { isBlank } from './text';

/** The fields of an action that a rule can match against a pattern. */
export const SCORED_FIELDS = ['actionType', 'toolName', 'targetSystem', 'riskIndicator'] as const;
export type ScoredField = (typeof SCORED_FIELDS)[number];

/** A scoring rule: an action that matches all of its patterns has this score. */
export interface ScoringRule extends Readonly<Record<ScoredField, string | null>> {
  /** 0 to 100. */
  readonly score: number;
}

/** The maximum number of rules in a policy. They are read with every request. */
export const MAX_SCORING_RULES = 50;
const MAX_PATTERN_LENGTH = 200;

/**
 * Reads an ordered list of rules. A pattern is 1 to 200 characters, in which `*` matches any text and `?` any one
 * character. A field without a pattern is not compared. Unknown members are ignored.
 * @returns the rules, with members in a fixed order, or every fault in them
 */
export function parseScoringRules(raw: unknown, loc: readonly string[]): Parsed<readonly ScoringRule[]> {
  if (!Array.isArray(raw)) return { faults: [{ loc, msg: 'must be a list of rules', type: 'list' }] };
  if (raw.length > MAX_SCORING_RULES)
    return {
      faults: [{ loc, msg: `must hold at most ${String(MAX_SCORING_RULES)} rules`, type: 'length' }],
    };
  const faults: InputFault[] = [];
  const rules = raw.map((rule: unknown, index) => readRule(rule, [...loc, index], faults));
  return faults.length > 0 ? { faults } : { value: rules };
}

/** A rule that matches every action with certain fields, whatever their values. */
export interface CatchAll {
  /** The fields that an action must have. Every action has a type, so it is not among them. */
  readonly needed: readonly ScoredField[];
  /** Whether a pattern requires more than one character, so that shorter texts do not match. */
  readonly asksForLength: boolean;
}

/** Returns what a catch-all rule requires of an action; null for a rule that matches certain texts only. */
export function catchAllOf(rule: ScoringRule): CatchAll | null {
  const given = patternsOf(rule);
  const lengths = given.map((field) => matchesFromLength(readPattern(rule[field] ?? '')));
  if (lengths.includes(null)) return null;
  return {
    needed: given.filter((field) => field !== 'actionType'),
    asksForLength: lengths.some((length) => (length ?? 0) > 1),
  };
}

/** Returns the fields for which a rule has a pattern. */
export function patternsOf(rule: ScoringRule): readonly ScoredField[] {
  return SCORED_FIELDS.filter((field) => rule[field] !== null);
}

function readRule(raw: unknown, loc: readonly (string | number)[], faults: InputFault[]): ScoringRule {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    faults.push({ loc, msg: 'must be a rule: patterns and a score', type: 'object' });
    return { ...NO_PATTERNS, score: 0 };
  }
  const given = raw as Readonly<Record<string, unknown>>;
  const patternOf = (field: ScoredField): string | null => {
    const pattern = given[field] ?? null;
    if (pattern === null || isPattern(pattern)) return pattern;
    const msg = `must be a pattern of 1 to ${String(MAX_PATTERN_LENGTH)} characters, or null`;
    faults.push({ loc: [...loc, field], msg, type: 'pattern' });
    return null;
  };
  const rule = {
    actionType: patternOf('actionType'),
    toolName: patternOf('toolName'),
    targetSystem: patternOf('targetSystem'),
    riskIndicator: patternOf('riskIndicator'),
  };
  const { score } = given;
  if (typeof score === 'number' && score >= 0 && score <= 100) return { ...rule, score };
  faults.push({ loc: [...loc, 'score'], msg: 'must be a score from 0 to 100', type: 'range' });
  return { ...rule, score: 0 };
}

const NO_PATTERNS = { actionType: null, toolName: null, targetSystem: null, riskIndicator: null } as const;

function isPattern(pattern: unknown): pattern is string {
  return (
    typeof pattern === 'string' &&
    !isBlank(pattern) &&
    pattern.length <= MAX_PATTERN_LENGTH &&
    pattern.isWellFormed() &&
    !pattern.includes('\0') &&
    // Measured as compared: one character can become 18.
    patternLength(readPattern(pattern)) <= MAX_PATTERN_LENGTH
  );
}
