import { ACTION_STATUSES } from '../../src/domain/action';
import {
  approvalsMissing,
  approvalsRequired,
  isReasonRequired,
  refusalByRole,
} from '../../src/domain/approval-policy';
import { DEFAULT_RULES, type PolicyRules } from '../../src/domain/policy';
import { DECIDED_AT, PLAIN, policyOf, REVIEWER, rulingOn, type Case } from '../support/rule-cases';

/** What a refused reviewer is told, and what a verdict requires, as tables. */

const refusing = (change: Partial<PolicyRules>): Pick<Case, 'rules'> => ({
  rules: { ...DEFAULT_RULES, ...change },
});

describe('a reviewer who is refused', () => {
  it.each<[string, Partial<Case>, object | undefined, string]>([
    [
      'by role',
      { role: 'user' },
      { requiredRoles: ['admin', 'security_manager', 'manager'], heldRole: 'user' },
      'Role user lacks the permission for this operation, which is for admin, security_manager, manager',
    ],
    [
      "by their role's level",
      { score: 72 },
      { requiredLevel: 3, heldLevel: 1 },
      'Action 12345 is of high risk and requires approval level 3; you hold level 1',
    ],
    [
      'by their own level, where the organization asks for another',
      {
        role: 'admin',
        ownLevel: 6,
        ...refusing({ requiredLevels: { low: 7, medium: 8, high: 9, critical: 10 } }),
      },
      { requiredLevel: 7, heldLevel: 6 },
      'Action 12345 is of low risk and requires approval level 7; you hold level 6',
    ],
    [
      'by the level that the organization gives their role',
      { role: 'security_manager', ...refusing({ roleLevels: { manager: 9, securityManager: 0, admin: 9 } }) },
      { requiredLevel: 1, heldLevel: 0 },
      'Action 12345 is of low risk and requires approval level 1; you hold level 0',
    ],
    [
      'by their limit',
      { score: 39.5, ownLimit: 30 },
      { riskScore: 39.5, riskLimit: 30 },
      'Action 12345 has risk score 39.5, above your limit of 30',
    ],
    [
      "by the organization's limit",
      { score: 35, ...refusing({ managerMaxRiskScore: 34.9 }) },
      { riskScore: 35, riskLimit: 34.9 },
      'Action 12345 has risk score 35, above your limit of 34.9',
    ],
    [
      'their own action',
      { isOwn: true },
      { submittedBy: REVIEWER },
      'Action 12345 was submitted by you or by an API key that you own or created; another person has to decide it',
    ],
    [
      'a bulk',
      { isBulk: true, ...refusing({ excludedFromBulk: ['low'] }) },
      { riskLevel: 'low' },
      'Action 12345 is of low risk and has to be decided individually, not in bulk',
    ],
    [
      'a decided action',
      { status: 'denied' },
      { currentStatus: 'denied', decidedBy: 2, decidedAt: DECIDED_AT },
      'Action is not pending approval (current status: denied)',
    ],
    [
      'an expired action',
      { status: 'expired' },
      { currentStatus: 'expired', decidedBy: null, decidedAt: null },
      'Action is not pending approval (current status: expired)',
    ],
    [
      'a verdict without a reason',
      {
        verdict: 'reject',
        hasReason: false,
        ...refusing({ reasonRequired: { approve: [], reject: ['low'] } }),
      },
      { riskLevel: 'low' },
      'Action 12345 is of low risk: a reason is required to reject it',
    ],
    [
      'a second vote',
      { hasVoted: true, approvals: 2, ...refusing({ quorum: { low: 4, medium: 1, high: 1, critical: 1 } }) },
      { currentStatus: 'pending_approval', approvalsReceived: 2, approvalsRequired: 4 },
      'You have already voted on action 12345',
    ],
  ])('%s learns why, with the facts of that refusal and no others', (_what, change, facts, detail) => {
    const ruling = rulingOn({ ...PLAIN, ...change });
    const refusal = ruling.allowed ? null : ruling.refusal;
    expect([refusal?.facts, refusal?.detail]).toEqual([facts, detail]);
  });

  it('by role is refused before any action is looked up, and a reviewing role is not', () => {
    expect(refusalByRole('user')).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS' });
    expect(refusalByRole('manager')).toBeNull();
    expect(refusalByRole('security_manager')).toBeNull();
    expect(refusalByRole('admin')).toBeNull();
  });
});

describe('a verdict', () => {
  const asking: PolicyRules = {
    ...DEFAULT_RULES,
    reasonRequired: { approve: ['critical'], reject: ['low', 'high'] },
    quorum: { low: 1, medium: 2, high: 3, critical: 10 },
  };

  it.each([
    [39.5, [false, true], 1],
    [40, [false, false], 2],
    [84.9, [false, true], 3],
    [85, [true, false], 10],
  ] as const)(
    'on a score of %d needs a reason [to approve, to reject]: %j, and %d to approve',
    (score, reasons, approvals) => {
      const policy = policyOf(asking);
      const verdicts = ['approve', 'reject'] as const;
      expect(verdicts.map((verdict) => isReasonRequired(score, verdict, policy))).toEqual(reasons);
      expect(approvalsRequired(score, policy)).toBe(approvals);
    },
  );

  it('needs no reason and one approval where the organization sets nothing', () => {
    for (const score of [0, 40, 70, 100]) {
      const policy = policyOf(DEFAULT_RULES);
      expect(isReasonRequired(score, 'approve', policy)).toBe(false);
      expect(isReasonRequired(score, 'reject', policy)).toBe(false);
      expect(approvalsRequired(score, policy)).toBe(1);
    }
  });

  it.each([
    ['pending_approval', 0, 3],
    ['pending_approval', 1, 2],
    ['pending_approval', 2, 1],
    // The quorum was lowered since: the deciding approval is still needed.
    ['pending_approval', 3, 1],
    ['pending_approval', 7, 1],
    ['approved', 3, 0],
    ['approved', 1, 0],
    ['denied', 2, 0],
    ['expired', 0, 0],
  ] as const)(
    'where three have to approve: an action that is %s with %d approvals lacks %d',
    (status, approvals, missing) => {
      expect(approvalsMissing({ status, approvals, riskScore: 70 }, policyOf(asking))).toBe(missing);
    },
  );

  it('lacks approvals on a pending action at every risk level as its quorum says, and on no other action', () => {
    const missing = (riskScore: number) => (status: Case['status']) =>
      approvalsMissing({ status, approvals: 0, riskScore }, policyOf(asking));
    expect([20, 50, 75, 90].map((score) => ACTION_STATUSES.map(missing(score)))).toEqual(
      [1, 2, 3, 10].map((quorum) => [quorum, 0, 0, 0]),
    );
  });
});
