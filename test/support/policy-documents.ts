import fc from 'fast-check';
import type { PolicyRules } from '../../src/domain/policy';
import { applyPatch, type PolicyPatch } from '../../src/domain/policy-change';
import { RISK_LEVELS } from '../../src/domain/risk';
import type { ScoringRule } from '../../src/domain/scoring-rules';

/** The same value for each risk level. */
export const perRiskLevel = <T>(value: T) => ({ low: value, medium: value, high: value, critical: value });

/** Every level that a person or a role can have. */
export const LEVEL_HELD = fc.integer({ min: 0, max: 10 });

const level = fc.integer({ min: 1, max: 10 });
const score = fc.option(fc.double({ min: 0, max: 100, noNaN: true }));
const pattern = fc.option(fc.constantFrom('*', 'delete*', 'sql', 'prod-*', 'pii'));

/** Every kind of scoring rule. */
export const SCORING_RULE: fc.Arbitrary<ScoringRule> = fc.record({
  actionType: pattern,
  toolName: pattern,
  targetSystem: pattern,
  riskIndicator: pattern,
  score: fc.double({ min: 0, max: 100, noNaN: true }),
});
const riskLevels = fc.subarray([...RISK_LEVELS]);

const FLAT = {
  approvalLevels: fc.boolean(),
  managerMaxRiskScore: score,
  ownActionsAllowed: fc.boolean(),
  excludedFromBulk: riskLevels,
  autoApproveBelow: score,
  scoringRules: fc.array(SCORING_RULE, { maxLength: 4 }),
};
const PARTS = {
  requiredLevels: perRiskLevel(level),
  roleLevels: { manager: LEVEL_HELD, securityManager: LEVEL_HELD, admin: LEVEL_HELD },
  quorum: perRiskLevel(level),
  reasonRequired: { approve: riskLevels, reject: riskLevels },
  timeToLiveSeconds: perRiskLevel(fc.option(fc.integer({ min: 60, max: 31_536_000 }))),
};

/** Every possible policy. */
export const RULES: fc.Arbitrary<PolicyRules> = fc.record({
  ...FLAT,
  requiredLevels: fc.record(PARTS.requiredLevels),
  roleLevels: fc.record(PARTS.roleLevels),
  quorum: fc.record(PARTS.quorum),
  reasonRequired: fc.record(PARTS.reasonRequired),
  timeToLiveSeconds: fc.record(PARTS.timeToLiveSeconds),
});

const PARTLY = { requiredKeys: [] };

/** Every change that keeps a possible policy possible. */
export const PATCH: fc.Arbitrary<PolicyPatch> = fc.record(
  {
    ...FLAT,
    requiredLevels: fc.record(PARTS.requiredLevels, PARTLY),
    roleLevels: fc.record(PARTS.roleLevels, PARTLY),
    quorum: fc.record(PARTS.quorum, PARTLY),
    reasonRequired: fc.record(PARTS.reasonRequired, PARTLY),
    timeToLiveSeconds: fc.record(PARTS.timeToLiveSeconds, PARTLY),
  },
  PARTLY,
);

/** The settings of a policy or a patch by their paths. */
export function flat(value: object, path = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([name, part]: [string, unknown]) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? flat(part, `${path}${name}.`)
      : [[path + name, part] as [string, unknown]],
  );
}

/** A policy with a change applied. @throws {Error} where the change is impossible */
export function applied(rules: PolicyRules, patch: PolicyPatch): PolicyRules {
  const { value, faults } = applyPatch(rules, patch);
  if (value === undefined) throw new Error(`The patch was refused: ${JSON.stringify(faults)}`);
  return value;
}
