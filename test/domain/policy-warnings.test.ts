import fc from 'fast-check';
import { decidableScope, mayDecide } from '../../src/domain/approval-policy';
import { DEFAULT_RULES, type ApprovalPolicy } from '../../src/domain/policy';
import type { PolicyPatch } from '../../src/domain/policy-change';
import { comparedText, matches, readPattern } from '../../src/domain/pattern';
import { policyWarnings, submissionWarnings, type PeopleAlike } from '../../src/domain/policy-warnings';
import type { Reviewer } from '../../src/domain/principal';
import { ROLES } from '../../src/domain/role';
import { RISK_LEVELS, riskLevelOf, type RiskLevel } from '../../src/domain/risk';
import { catchAllOf, type ScoringRule } from '../../src/domain/scoring-rules';
import { applied, LEVEL_HELD, perRiskLevel, RULES } from '../support/policy-documents';

/** What is risky about a valid policy, for the people of an organization: the pure rule, as a table and properties. */
const person = (role: PeopleAlike['role'], of: Partial<PeopleAlike> = {}): PeopleAlike => ({
  role,
  approvalLevel: null,
  maxRiskScore: null,
  count: 1,
  ...of,
});
const CISO = person('admin');
const FOUR = person('admin', { count: 4 });
const unreachable = (...levels: RiskLevel[]) => levels.map((riskLevel) => ['QUORUM_UNREACHABLE', riskLevel]);
const LEVELS_OFF = { approvalLevels: false };
const two = (riskLevel: RiskLevel) => ({ quorum: { [riskLevel]: 2 } });

const ANY: ScoringRule = {
  actionType: null,
  toolName: null,
  targetSystem: null,
  riskIndicator: null,
  score: 20,
};

// prettier-ignore
const RISKY: readonly [title: string, patch: PolicyPatch, people: readonly PeopleAlike[], warnings: unknown[]][] = [
  ['one admin and a quorum of one', {}, [CISO], []],
  ['nobody at all', {}, [], unreachable('low', 'medium', 'high', 'critical')],
  ['as many admins as the quorum', { quorum: perRiskLevel(4) }, [FOUR], []],
  ['one admin fewer than the quorum', { quorum: perRiskLevel(5) }, [FOUR], unreachable('low', 'medium', 'high', 'critical')],
  ['a quorum that people of several roles meet together', two('high'), [CISO, person('security_manager')], []],
  ['analysts, who decide nothing', two('low'), [CISO, person('user', { approvalLevel: 10, count: 9 })], unreachable('low')],
  ['analysts where levels are off', { ...LEVELS_OFF, ...two('low') }, [CISO, person('user', { count: 9 })], unreachable('low')],
  ['managers at the level of their role', two('medium'), [CISO, person('manager')], unreachable('medium')],
  ['managers whose role brings more', { ...two('medium'), roleLevels: { manager: 2 } }, [CISO, person('manager')], []],
  ['a manager with a level of their own', two('medium'), [CISO, person('manager', { approvalLevel: 2 })], []],
  ['an admin of level 0', two('low'), [CISO, person('admin', { approvalLevel: 0 })], unreachable('low')],
  ['managers where levels are off', { ...LEVELS_OFF, quorum: perRiskLevel(4) }, [CISO, person('manager', { count: 3 })], []],
  ['a risk level that asks for less', { ...two('critical'), requiredLevels: { critical: 3, high: 3 } }, [CISO, person('security_manager')], []],
  ['a level that nobody here holds', { requiredLevels: { critical: 5 } }, [FOUR], unreachable('critical')],
  ['a manager limited within the risk level', two('low'), [CISO, person('manager', { maxRiskScore: 39 })], unreachable('low')],
  ['a manager limited above the risk level', two('low'), [CISO, person('manager', { maxRiskScore: 40 })], []],
  ['a manager limited below the highest score', { ...LEVELS_OFF, ...two('critical') }, [CISO, person('manager', { maxRiskScore: 99.9 })], unreachable('critical')],
  ['a manager limited to the highest score', { ...LEVELS_OFF, ...two('critical') }, [CISO, person('manager', { maxRiskScore: 100 })], []],
  ["managers under the organization's limit", { ...two('low'), managerMaxRiskScore: 30 }, [CISO, person('manager')], unreachable('low')],
  ["a manager with more than the organization's limit", { ...two('low'), managerMaxRiskScore: 30 }, [CISO, person('manager', { maxRiskScore: 50 })], []],
  ['an admin, whom no limit binds', { quorum: perRiskLevel(2), managerMaxRiskScore: 0 }, [CISO, person('admin', { maxRiskScore: 0 })], []],
  ['a level below that of the lower risk level', { requiredLevels: { high: 1 } }, [CISO], [['LEVEL_BELOW_LOWER_RISK', 'high']]],
  ['two risk levels that ask for less than the one below', { requiredLevels: { low: 3, high: 1 } }, [CISO], [['LEVEL_BELOW_LOWER_RISK', 'medium'], ['LEVEL_BELOW_LOWER_RISK', 'high']]],
  ['the same level for every risk level', { requiredLevels: perRiskLevel(2) }, [CISO], []],
  ['falling levels that are off', { ...LEVELS_OFF, requiredLevels: { high: 1 } }, [CISO], []],
  ['own actions allowed', { ownActionsAllowed: true }, [CISO], [['OWN_ACTIONS_ALLOWED', null]]],
  ['automatic approval of all that is low', { autoApproveBelow: 40 }, [CISO], []],
  ['automatic approval of nothing', { autoApproveBelow: 0 }, [CISO], []],
  ['automatic approval of medium risk', { autoApproveBelow: 40.1 }, [CISO], [['AUTO_APPROVES_BEYOND_LOW', null]]],
  ['a scoring rule behind one without patterns', { scoringRules: [ANY, ANY] }, [CISO], [['SCORING_RULE_UNREACHABLE', null]]],
  ['a last scoring rule without patterns', { scoringRules: [{ ...ANY, toolName: 'x' }, ANY], autoApproveBelow: 20 }, [CISO], []],
  ['automatic approval of whatever no rule foresaw', { scoringRules: [ANY], autoApproveBelow: 20.1 }, [CISO], [['AUTO_APPROVES_THE_REST', null]]],
  ['everything at once', { quorum: { high: 2 }, requiredLevels: { medium: 4 }, ownActionsAllowed: true, autoApproveBelow: 100 }, [CISO],
    [...unreachable('high'), ['LEVEL_BELOW_LOWER_RISK', 'high'], ['OWN_ACTIONS_ALLOWED', null], ['AUTO_APPROVES_BEYOND_LOW', null]]],
];

describe('a risky policy', () => {
  const inForce = (patch: PolicyPatch): ApprovalPolicy => ({ version: 1, ...applied(DEFAULT_RULES, patch) });

  it.each(RISKY)('warns an admin exactly where it is risky: %s', (_title, patch, people, warnings) => {
    const told = policyWarnings(inForce(patch), people);
    expect(told.map(({ code, riskLevel }) => [code, riskLevel])).toEqual(warnings);
  });

  // prettier-ignore
  const CATCH_ALLS: readonly [title: string, rule: Partial<ScoringRule>, warns: boolean][] = [
    ['no pattern at all', {}, true],
    ['a star', { actionType: '*' }, true],
    ['two stars', { actionType: '**' }, true],
    ['two hundred stars', { actionType: '*'.repeat(200) }, true],
    ['a star and a question mark', { actionType: '*?' }, true],
    ['a question mark and a star', { actionType: '?*' }, true],
    ['stars around a question mark', { actionType: '**?**' }, true],
    ['question marks among stars', { actionType: '?*?*?' }, true],
    ['a star among what nobody sees', { actionType: '\u200b*\u00ad' }, true],
    ['a star in fullwidth', { actionType: '\uff0a' }, true],
    ['any tool', { toolName: '*' }, true],
    ['any target system', { targetSystem: '**' }, true],
    ['any risk indicator', { riskIndicator: '?*' }, true],
    ['several conditions that each match all', { actionType: '*', toolName: '**', targetSystem: '*?', riskIndicator: '?*' }, true],
    ['one letter', { actionType: 'a*' }, false],
    ['one character', { actionType: '?' }, false],
    ['two characters without a star', { actionType: '??' }, false],
    ['a dot among stars', { actionType: '*.*' }, false],
    ['several conditions of which one asks for more', { actionType: '*', toolName: 'sql*' }, false],
  ];

  it.each(CATCH_ALLS)(
    'has a rule that approves everything, judged by what it matches: %s',
    (_title, rule, warns) => {
      const patch = { scoringRules: [{ ...ANY, ...rule }], autoApproveBelow: 21 };
      const told = policyWarnings(inForce(patch), [CISO]).map(({ code }) => code);
      expect(told).toEqual(warns ? ['AUTO_APPROVES_THE_REST'] : []);
    },
  );

  it('has a catch-all rule exactly where its pattern matches texts of every kind and length', () => {
    const pattern = fc.string({
      unit: fc.constantFrom('*', '?', 'a', '*', '\u200b', ' '),
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(pattern, (actionType) => {
        const read = readPattern(actionType);
        // As long as the longest pattern, of characters that no pattern names.
        const takesAll = ['z'.repeat(7), 'y'.repeat(20), '\u00e9'.repeat(300)].every((text) =>
          matches(read, comparedText(text)),
        );
        expect(catchAllOf({ ...ANY, actionType }) !== null).toBe(takesAll);
      }),
    );
  });

  it("leaves a submission without a reviewer exactly where it is in nobody else's queue", () => {
    const someone = fc.record({
      role: fc.constantFrom(...ROLES),
      approvalLevel: fc.option(LEVEL_HELD),
      maxRiskScore: fc.option(fc.constantFrom(0, 39.5, 40, 69, 70, 84, 85, 100)),
      count: fc.integer({ min: 1, max: 3 }),
    });
    const score = fc.constantFrom(0, 39, 39.5, 40, 69, 70, 84, 85, 100);
    fc.assert(
      fc.property(RULES, fc.array(someone, { maxLength: 4 }), score, (rules, others, riskScore) => {
        const policy = { version: 1, ...rules };
        const sees = others.some((one) => {
          const scope = decidableScope(reviewerOf(one, policy), policy);
          return (
            scope !== null &&
            scope.riskLevels.includes(riskLevelOf(riskScore)) &&
            (scope.maxRiskScore === null || riskScore <= scope.maxRiskScore)
          );
        });
        const codes = submissionWarnings(riskScore, policy, others).map(({ code }) => code);
        expect(codes.includes('NOBODY_CAN_DECIDE')).toBe(!sees);
      }),
    );
  });

  it('warns of a quorum exactly where too few people may approve every score of the risk level by the deciding rule', () => {
    const someone = fc.record({
      role: fc.constantFrom(...ROLES),
      approvalLevel: fc.option(LEVEL_HELD),
      maxRiskScore: fc.option(fc.constantFrom(0, 39, 39.5, 40, 69, 70, 84, 85, 99, 100)),
      count: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(RULES, fc.array(someone, { maxLength: 6 }), (rules, people) => {
        const policy = { version: 1, ...rules };
        const able = (riskScore: number) =>
          people
            .filter((one) => isAllowed(one, riskScore, policy))
            .reduce((sum, { count }) => sum + count, 0);
        const highest = { low: 39.999, medium: 69.999, high: 84.999, critical: 100 };
        const expected = RISK_LEVELS.filter(
          (riskLevel) => able(highest[riskLevel]) < rules.quorum[riskLevel],
        );
        const told = policyWarnings(policy, people).filter(({ code }) => code === 'QUORUM_UNREACHABLE');
        expect(told.map(({ riskLevel }) => riskLevel)).toEqual(expected);
      }),
    );
  });
});

function reviewerOf(someone: PeopleAlike, policy: ApprovalPolicy): Reviewer {
  const user = { organizationId: 1, id: 1, name: 'Somebody', active: true, version: 1, ...someone };
  return { kind: 'user', organizationId: 1, user, policy };
}

/** Whether a person may approve another person's pending action of this score. */
function isAllowed(someone: PeopleAlike, riskScore: number, policy: ApprovalPolicy): boolean {
  const reviewer = reviewerOf(someone, policy);
  const decided = { decidedById: null, decidedAt: null };
  const action = {
    id: 1,
    riskScore,
    status: 'pending_approval',
    approvals: 0,
    submittedById: 2,
    apiKeyCreatedById: null,
    ...decided,
  } as const;
  return mayDecide(reviewer, action, { verdict: 'approve', isBulk: false, hasReason: true }, policy).allowed;
}
