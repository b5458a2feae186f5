import type { Parsed } from './decision-request';
import { matchesFromLength, patternLength, readPattern } from './pattern';
import type { InputFault } from './refusal';
import { isBlank } from './text';

/** What a rule can hold against a pattern: one thing an action says of itself. */
export const SCORED_FIELDS = ['actionType', 'toolName', 'targetSystem', 'riskIndicator'] as const;
export type ScoredField = (typeof SCORED_FIELDS)[number];

/** One rule of an organization: what matches every pattern that it has is of this risk. */
export interface ScoringRule extends Readonly<Record<ScoredField, string | null>> {
  /** 0 to 100. */
  readonly score: number;
}

/** How many rules a policy may have: they are read with every request. */
export const MAX_SCORING_RULES = 50;
const MAX_PATTERN_LENGTH = 200;

/**
 * Reads an ordered list of rules. A pattern is 1 to 200 characters, in which `*` stands for any text and `?` for any one
 * character; without one the field does not matter. Members of other names are passed over.
 * @returns the rules, every member in one order, or every fault in them
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

/** A rule that matches whatever says anything in certain fields, be it what it may. */
export interface CatchAll {
  /** What an action has to say something in; every action has a type, so that it is not among them. */
  readonly needed: readonly ScoredField[];
  /** Whether a pattern asks for more than one character, so that shorter texts pass it by. */
  readonly asksForLength: boolean;
}

/** What a rule needs that takes anything, by what its patterns match; null for a rule that takes only certain texts. */
export function catchAllOf(rule: ScoringRule): CatchAll | null {
  const given = patternsOf(rule);
  const lengths = given.map((field) => matchesFromLength(readPattern(rule[field] ?? '')));
  if (lengths.includes(null)) return null;
  return {
    needed: given.filter((field) => field !== 'actionType'),
    asksForLength: lengths.some((length) => (length ?? 0) > 1),
  };
}

/** The fields that a rule has a pattern for. */
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
    // As it is compared: one character can become 18.
    patternLength(readPattern(pattern)) <= MAX_PATTERN_LENGTH
  );
}
