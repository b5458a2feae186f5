import { approvalsRequired, hasAuthorityOver } from './approval-policy';
import type { ApprovalPolicy } from './policy';
import type { User } from './principal';
import { RISK_LEVELS, riskLevelOf, riskScoresOf, type RiskLevel } from './risk';
import { isAutoApproved } from './risk-score';
import { catchAllOf, patternsOf, type ScoredField } from './scoring-rules';

/** The risks that a valid policy can carry. */
export const POLICY_WARNING_CODES = [
  'QUORUM_UNREACHABLE',
  'NOBODY_CAN_DECIDE',
  'LEVEL_BELOW_LOWER_RISK',
  'OWN_ACTIONS_ALLOWED',
  'AUTO_APPROVES_BEYOND_LOW',
  'AUTO_APPROVES_THE_REST',
  'SCORING_RULE_UNREACHABLE',
] as const;
export type PolicyWarningCode = (typeof POLICY_WARNING_CODES)[number];

export interface PolicyWarning {
  readonly code: PolicyWarningCode;
  /** The risk level that the warning concerns; null for all. */
  readonly riskLevel: RiskLevel | null;
  readonly detail: string;
}

/** How many active users of an organization share the same values of what the rule reads. */
export interface PeopleAlike extends Pick<User, 'role' | 'approvalLevel' | 'maxRiskScore'> {
  readonly count: number;
}

/** The distance from the start of a risk level to the highest score that is still counted to the level below. */
const JUST_BELOW = 0.001;

/**
 * Returns what is risky about a policy, given the current users.
 * @param people every active user of the organization, grouped by what the rule reads
 */
export function policyWarnings(
  policy: ApprovalPolicy,
  people: readonly PeopleAlike[],
): readonly PolicyWarning[] {
  return [
    ...RISK_LEVELS.flatMap((riskLevel) => unreachableQuorum(riskLevel, policy, people)),
    ...RISK_LEVELS.flatMap((riskLevel, index) => fallingLevel(riskLevel, RISK_LEVELS[index - 1], policy)),
    ...(policy.ownActionsAllowed ? [OWN_ACTIONS] : []),
    ...autoApproval(policy),
    ...catchAllRules(policy),
  ];
}

/**
 * Returns what prevents an action submitted now from being decided.
 * @param riskScore 0 to 100
 * @param others every active user, without the submitter unless own actions are allowed, grouped by what the rule reads
 */
export function submissionWarnings(
  riskScore: number,
  policy: ApprovalPolicy,
  others: readonly PeopleAlike[],
): readonly PolicyWarning[] {
  const able = countAble(others, riskScore, policy);
  const needed = approvalsRequired(riskScore, policy);
  const riskLevel = riskLevelOf(riskScore);
  if (able === 0) {
    const detail = `No active person may decide this action: nobody but its submitter has authority over risk score ${String(riskScore)}`;
    return [{ code: 'NOBODY_CAN_DECIDE', riskLevel, detail }];
  }
  if (able >= needed) return [];
  const detail = `${String(needed)} approvals are required for this action, and ${String(able)} active people may give one`;
  return [{ code: 'QUORUM_UNREACHABLE', riskLevel, detail }];
}

/**
 * Returns warnings about pending actions that none of the current users can decide.
 * @param stuck how many there are
 * @param isMore whether more actions are pending than were checked
 */
export function stuckWarnings(stuck: number, isMore: boolean): readonly PolicyWarning[] {
  if (stuck === 0) return [];
  const count = `${isMore ? 'At least ' : ''}${String(stuck)}`;
  const detail = `${count} pending actions cannot be decided by anybody: everybody with the authority submitted them or has voted`;
  return [{ code: 'NOBODY_CAN_DECIDE', riskLevel: null, detail }];
}

function countAble(people: readonly PeopleAlike[], riskScore: number, policy: ApprovalPolicy): number {
  return people
    .filter((person) => hasAuthorityOver(person, riskScore, policy))
    .reduce((sum, { count }) => sum + count, 0);
}

/** Users who may decide only part of a risk level do not count: its other actions would never be decided. */
function unreachableQuorum(
  riskLevel: RiskLevel,
  policy: ApprovalPolicy,
  people: readonly PeopleAlike[],
): readonly PolicyWarning[] {
  const { to } = riskScoresOf(riskLevel);
  const highest = to === null ? 100 : to - JUST_BELOW;
  const able = countAble(people, highest, policy);
  const needed = policy.quorum[riskLevel];
  if (able >= needed) return [];
  const detail = `${String(needed)} approvals are required at every ${riskLevel} risk, and ${String(able)} active people may give one`;
  return [{ code: 'QUORUM_UNREACHABLE', riskLevel, detail }];
}

function fallingLevel(
  riskLevel: RiskLevel,
  lower: RiskLevel | undefined,
  { approvalLevels, requiredLevels }: ApprovalPolicy,
): readonly PolicyWarning[] {
  if (!approvalLevels || lower === undefined || requiredLevels[riskLevel] >= requiredLevels[lower]) return [];
  const detail = `Level ${String(requiredLevels[riskLevel])} suffices for ${riskLevel} risk, although ${lower} risk requires more`;
  return [{ code: 'LEVEL_BELOW_LOWER_RISK', riskLevel, detail }];
}

const OWN_ACTIONS: PolicyWarning = {
  code: 'OWN_ACTIONS_ALLOWED',
  riskLevel: null,
  detail: 'People may approve what they submitted themselves',
};

function autoApproval({ autoApproveBelow }: ApprovalPolicy): readonly PolicyWarning[] {
  const { from } = riskScoresOf('medium');
  if (autoApproveBelow === null || autoApproveBelow <= from) return [];
  const detail = `Scores below ${String(autoApproveBelow)} are approved automatically, although not all of them are of low risk`;
  return [{ code: 'AUTO_APPROVES_BEYOND_LOW', riskLevel: null, detail }];
}

/** A rule that matches anything scores all remaining actions, including those that nobody thought of. */
function catchAllRules(policy: ApprovalPolicy): readonly PolicyWarning[] {
  const { scoringRules } = policy;
  const reached = new Set(scoringRules.keys());
  return scoringRules.flatMap((rule, index) => {
    const catchAll = reached.has(index) ? catchAllOf(rule) : null;
    if (catchAll === null) return [];
    const position = String(index + 1);
    const everything = wordsFor(catchAll.needed);
    const warnings: PolicyWarning[] = [];
    if (isAutoApproved({ score: rule.score, source: 'rule' }, policy))
      warnings.push({
        code: 'AUTO_APPROVES_THE_REST',
        riskLevel: null,
        detail: `Every action that reaches scoring rule ${position}, which matches ${everything}, is approved automatically`,
      });
    // A later rule with patterns for all of these fields only matches actions that this rule has matched already.
    const behind = [...reached].filter(
      (other) =>
        other > index &&
        !catchAll.asksForLength &&
        catchAll.needed.every((field) => patternsOf(scoringRules[other] ?? rule).includes(field)),
    );
    for (const other of behind) reached.delete(other);
    if (behind.length > 0)
      warnings.push({
        code: 'SCORING_RULE_UNREACHABLE',
        riskLevel: null,
        detail: `Scoring rule ${position} matches ${everything}: ${String(behind.length)} of the rules after it are never applied`,
      });
    return warnings;
  });
}

const NEEDED_WORDS: Readonly<Record<ScoredField, string>> = {
  actionType: 'an action type',
  toolName: 'a tool',
  targetSystem: 'a target system',
  riskIndicator: 'a risk indicator',
};

function wordsFor(needed: readonly ScoredField[]): string {
  if (needed.length === 0) return 'everything';
  return `everything that names ${needed.map((field) => NEEDED_WORDS[field]).join(' and ')}`;
}
