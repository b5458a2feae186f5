import type { Parsed } from './parsing';
import { inOrder, type PolicyRules } from './policy';
import type { InputFault } from './refusal';
import { RISK_LEVELS } from './risk';
import { parseScoringRules } from './scoring-rules';

/** The highest approval level that a user can hold. */
export const MAX_LEVEL = 10;
const MAX_QUORUM = 10;
const MAX_SCORE = 100;
const MINUTE = 60;
const YEAR = 365 * 24 * 60 * MINUTE;

/** A partial change of a policy. Absent settings stay unchanged; null clears settings that are optional. */
export type PolicyPatch = Patch<PolicyRules>;

type Patch<T> = {
  readonly [K in keyof T]?: T[K] extends readonly unknown[]
    ? T[K] | null
    : T[K] extends object
      ? Patch<T[K]> | null
      : T[K] | null;
};

/**
 * Applies a change to a policy.
 * @returns the changed rules, or every fault in them; an invalid policy is refused as a whole
 */
export function applyPatch(rules: PolicyRules, patch: PolicyPatch): Parsed<PolicyRules> {
  const faults: InputFault[] = [];
  const changed = merge(rules, patch, ['patch'], faults) as PolicyRules;
  faults.push(...policyFaults(changed, ['patch']));
  return faults.length > 0 ? { faults } : { value: changed };
}

/** Returns every fault that makes a policy invalid: values out of range, or requirements that nobody can meet. */
function policyFaults(rules: PolicyRules, loc: readonly string[]): readonly InputFault[] {
  const found: InputFault[] = [];
  const check = (path: readonly string[], isRight: boolean, msg: string, type: string): void => {
    if (!isRight) found.push({ loc: [...loc, ...path], msg, type });
  };
  const whole = (path: readonly string[], value: unknown, min: number, max: number): void => {
    const isRight = Number.isInteger(value) && isWithin(value, min, max);
    check(path, isRight, `must be an integer from ${String(min)} to ${String(max)}`, 'range');
  };
  const score = (path: readonly string[], value: unknown): void => {
    check(
      path,
      value === null || isWithin(value, 0, MAX_SCORE),
      'must be a score from 0 to 100, or null',
      'range',
    );
  };
  const flag = (path: readonly string[], value: unknown): void => {
    check(path, typeof value === 'boolean', 'must be true or false', 'boolean');
  };
  const riskLevels = (path: readonly string[], value: unknown): void => {
    check(path, Array.isArray(value), 'must be a list of risk levels', 'list');
  };

  flag(['approvalLevels'], rules.approvalLevels);
  flag(['ownActionsAllowed'], rules.ownActionsAllowed);
  score(['managerMaxRiskScore'], rules.managerMaxRiskScore);
  score(['autoApproveBelow'], rules.autoApproveBelow);
  for (const [role, level] of Object.entries(rules.roleLevels))
    whole(['roleLevels', role], level, 0, MAX_LEVEL);
  for (const riskLevel of RISK_LEVELS) {
    const level: unknown = rules.requiredLevels[riskLevel];
    if (typeof level === 'number' && level > MAX_LEVEL)
      check(
        ['requiredLevels', riskLevel],
        false,
        `is a level that nobody can hold: ${String(MAX_LEVEL)} is the highest`,
        'range',
      );
    else whole(['requiredLevels', riskLevel], level, 1, MAX_LEVEL);
    whole(['quorum', riskLevel], rules.quorum[riskLevel], 1, MAX_QUORUM);
    if (rules.timeToLiveSeconds[riskLevel] !== null)
      whole(['timeToLiveSeconds', riskLevel], rules.timeToLiveSeconds[riskLevel], MINUTE, YEAR);
  }
  riskLevels(['reasonRequired', 'approve'], rules.reasonRequired.approve);
  riskLevels(['reasonRequired', 'reject'], rules.reasonRequired.reject);
  riskLevels(['excludedFromBulk'], rules.excludedFromBulk);
  found.push(...(parseScoringRules(rules.scoringRules, [...loc, 'scoringRules']).faults ?? []));
  return found;
}

function isWithin(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max;
}

/** Returns the base with the patch's values in place of its own, recursively. */
function merge(base: object, patch: object, loc: readonly string[], faults: InputFault[]): object {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(patch) as [string, unknown][]) {
    const known = merged[name];
    if (value === undefined || !Object.hasOwn(base, name)) continue;
    const isPart = typeof known === 'object' && known !== null && !Array.isArray(known);
    if (isPart && typeof value === 'object' && value !== null && !Array.isArray(value))
      merged[name] = merge(known, value, [...loc, name], faults);
    else if (isPart) faults.push({ loc: [...loc, name], msg: 'has to be an object', type: 'object' });
    else if (name === 'scoringRules') merged[name] = parseScoringRules(value, []).value ?? value;
    else if (Array.isArray(value)) {
      merged[name] = inOrder(value);
      // A misspelt risk level in a stored document must not pass for one that was left out.
      if (!value.every((riskLevel) => inOrder([riskLevel]).length === 1))
        faults.push({
          loc: [...loc, name],
          msg: `must contain only ${RISK_LEVELS.join(', ')}`,
          type: 'enum',
        });
    } else merged[name] = value;
  }
  return merged;
}
