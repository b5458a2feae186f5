import fc from 'fast-check';
import { decidableScope, hasAuthorityOver, type DecidableScope } from '../../src/domain/approval-policy';
import { DEFAULT_RULES, type PolicyRules } from '../../src/domain/policy';
import { RISK_LEVELS, riskLevelOf } from '../../src/domain/risk';
import {
  actionOf,
  agentOf,
  cases,
  ORDER,
  placeOf,
  PLAIN,
  policyOf,
  reviewerOf,
  REVIEWER,
  rulingOn,
  type Case,
} from '../support/rule-cases';

/**
 * Over which actions a person has authority (docs/approval-policy.md#held-level), and the inverse: which actions are in
 * a reviewer's queue.
 */

const asking = (change: Partial<PolicyRules>): Pick<Case, 'rules'> => ({
  rules: { ...DEFAULT_RULES, ...change },
});

describe('a person', () => {
  const standing = { role: 'manager', approvalLevel: null, maxRiskScore: null } as const;
  const raised = { managerMaxRiskScore: 69, roleLevels: { manager: 10, securityManager: 2, admin: 0 } };

  it.each<[string, Parameters<typeof hasAuthorityOver>[0], Partial<PolicyRules>, readonly number[]]>([
    ['a user', { ...standing, role: 'user', approvalLevel: 10 }, {}, []],
    ['a manager', standing, {}, [0, 39.5]],
    ['a senior manager', { ...standing, approvalLevel: 2 }, {}, [0, 39.5, 40, 69.5]],
    ['a limited manager', { ...standing, maxRiskScore: 39 }, {}, [0]],
    ['a security manager', { ...standing, role: 'security_manager' }, {}, [0, 39.5, 40, 69.5, 84.9]],
    ['an admin', { ...standing, role: 'admin' }, {}, [0, 39.5, 40, 69.5, 84.9, 100]],
    ['an admin held to a level', { ...standing, role: 'admin', approvalLevel: 1 }, {}, [0, 39.5]],
    ['a manager, the role raised and limited', standing, raised, [0, 39.5, 40]],
    [
      'a manager with a limit of their own there',
      { ...standing, maxRiskScore: 84.9 },
      raised,
      [0, 39.5, 40, 69.5, 84.9],
    ],
    [
      'a security manager, the role lowered',
      { ...standing, role: 'security_manager', maxRiskScore: 0 },
      raised,
      [0, 39.5, 40, 69.5],
    ],
    ['an admin of no level', { ...standing, role: 'admin' }, raised, []],
    [
      'an admin of no level, levels off',
      { ...standing, role: 'admin' },
      { ...raised, approvalLevels: false },
      [0, 39.5, 40, 69.5, 84.9, 100],
    ],
    ['a user, levels off', { ...standing, role: 'user' }, { approvalLevels: false }, []],
  ])(
    '%s has authority over the scores that they hold a level and a limit for',
    (_who, person, change, expected) => {
      const policy = policyOf({ ...DEFAULT_RULES, ...change });
      const over = [0, 39.5, 40, 69.5, 84.9, 100].filter((score) => hasAuthorityOver(person, score, policy));
      expect(over).toEqual(expected);
    },
  );

  it('has authority exactly where neither role, level nor limit refuses them', () => {
    const farthest = ORDER.indexOf('RISK_LIMIT_EXCEEDED');
    fc.assert(
      fc.property(cases, (of) => {
        const has = hasAuthorityOver(reviewerOf(of).user, of.score, policyOf(of.rules));
        expect(has).toBe(placeOf(of) > farthest);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a reviewer's queue", () => {
  const { quorum } = DEFAULT_RULES;
  const scope = { maxRiskScore: null, notSubmittedBy: REVIEWER, notVotedBy: REVIEWER, quorum };

  it.each<[string, Partial<Case>, DecidableScope | null]>([
    ['a user has none', { role: 'user', ownLevel: 10 }, null],
    ['a manager', {}, { ...scope, riskLevels: ['low'] }],
    ['a senior manager', { ownLevel: 2 }, { ...scope, riskLevels: ['low', 'medium'] }],
    [
      'a limited manager',
      { ownLevel: 2, ownLimit: 50 },
      { ...scope, riskLevels: ['low', 'medium'], maxRiskScore: 50 },
    ],
    [
      'a security manager',
      { role: 'security_manager', ownLimit: 50 },
      { ...scope, riskLevels: ['low', 'medium', 'high'] },
    ],
    ['an admin', { role: 'admin' }, { ...scope, riskLevels: RISK_LEVELS }],
    ['a manager of no level', { ownLevel: 0 }, { ...scope, riskLevels: [] }],
    [
      'a manager, levels off and a limit for all',
      asking({ approvalLevels: false, managerMaxRiskScore: 69 }),
      { ...scope, riskLevels: RISK_LEVELS, maxRiskScore: 69 },
    ],
    [
      'a manager who may decide what they submitted, where high risk asks for less than medium',
      asking({ ownActionsAllowed: true, requiredLevels: { low: 1, medium: 2, high: 1, critical: 4 } }),
      { ...scope, riskLevels: ['low', 'high'], notSubmittedBy: null },
    ],
  ])('%s', (_who, change, expected) => {
    const of = { ...PLAIN, ...change };
    expect(decidableScope(reviewerOf(of), policyOf(of.rules))).toEqual(expected);
    expect(decidableScope(agentOf(of), policyOf(of.rules))).toBeNull();
  });

  it('holds exactly the pending actions that the rule lets the reviewer decide, by either verdict', () => {
    const pending = cases.map((of): Case => ({
      ...of,
      status: 'pending_approval',
      isBulk: false,
      hasReason: null,
    }));
    fc.assert(
      fc.property(pending, (of) => {
        const { score } = of;
        const found = decidableScope(reviewerOf(of), policyOf(of.rules));
        const isIn =
          found !== null &&
          found.riskLevels.includes(riskLevelOf(score)) &&
          (found.maxRiskScore === null || score <= found.maxRiskScore) &&
          actionOf(of).submittedById !== found.notSubmittedBy &&
          (found.notSubmittedBy === null || actionOf(of).apiKeyCreatedById !== found.notSubmittedBy) &&
          !(of.hasVoted && found.notVotedBy === REVIEWER && of.approvals < found.quorum[riskLevelOf(score)]);
        for (const verdict of ['approve', 'reject'] as const)
          expect(rulingOn({ ...of, verdict }).allowed).toBe(isIn);
      }),
      { numRuns: 2000 },
    );
  });
});
