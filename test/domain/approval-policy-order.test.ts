import fc from 'fast-check';
import type { RiskLevel } from '../../src/domain/risk';
import {
  agentOf,
  cases,
  codeOf,
  levels,
  ORDER,
  placeOf,
  PLAIN,
  rulingOn,
  scores,
  type Case,
} from '../support/rule-cases';

/** Which refusal a reviewer gets where several apply (docs/approval-policy.md#order-of-refusals), for every policy. */

/** The expected refusal, as docs/approval-policy.md says it, computed independently of the rule. */
function documentedOutcome(of: Case): { code: string | null; authority: object; approvalsRequired: number } {
  const { rules, score, verdict } = of;
  const riskLevel = score >= 85 ? 'critical' : score >= 70 ? 'high' : score >= 40 ? 'medium' : 'low';
  const { manager, securityManager, admin } = rules.roleLevels;
  const requiredLevel = rules.requiredLevels[riskLevel];
  const heldLevel = of.ownLevel ?? { user: 0, manager, security_manager: securityManager, admin }[of.role];
  const riskLimit = of.role === 'manager' ? (of.ownLimit ?? rules.managerMaxRiskScore) : null;
  const applies = [
    false,
    of.role === 'user',
    rules.approvalLevels && heldLevel < requiredLevel,
    riskLimit !== null && score > riskLimit,
    (of.isOwn || of.isKeyMaker) && !rules.ownActionsAllowed,
    of.isBulk && rules.excludedFromBulk.includes(riskLevel),
    of.status !== 'pending_approval',
    of.hasReason === false && rules.reasonRequired[verdict].includes(riskLevel),
    // Where the approvals already meet a lowered quorum, a reviewer who has voted has a second vote.
    of.hasVoted && of.approvals < rules.quorum[riskLevel],
    true,
  ];
  const asked = rules.approvalLevels
    ? { requiredLevel, heldLevel }
    : { requiredLevel: null, heldLevel: null };
  const code = ORDER[applies.indexOf(true)] ?? null;
  return { code, authority: { ...asked, riskLimit }, approvalsRequired: rules.quorum[riskLevel] };
}

describe('a reviewer', () => {
  it('gets the first refusal that applies, in the documented order, and otherwise may decide', () => {
    const met = new Set<string | null>();
    fc.assert(
      fc.property(cases, (of) => {
        const ruling = rulingOn(of);
        const { code, authority, approvalsRequired } = documentedOutcome(of);
        expect(codeOf(ruling)).toBe(code);
        expect(ruling).toMatchObject(authority);
        if (ruling.allowed) expect(ruling.approvalsRequired).toBe(approvalsRequired);
        met.add(code);
      }),
      { numRuns: 5000 },
    );
    // Every refusal of a person has to occur, or their order was not tested.
    expect(met).toEqual(new Set(ORDER.slice(1)));
  });

  it('to whom every refusal applies gets them one after the other, as each cause is removed', () => {
    let now: Case = {
      ...PLAIN,
      role: 'user',
      ownLevel: 1,
      ownLimit: 30,
      score: 72,
      isOwn: true,
      status: 'denied',
      hasVoted: true,
      isBulk: true,
      hasReason: false,
      rules: {
        ...PLAIN.rules,
        excludedFromBulk: ['high'],
        reasonRequired: { approve: ['high'], reject: [] },
      },
    };
    const putRight: readonly (readonly [before: string, change: Partial<Case>])[] = [
      ['INSUFFICIENT_PERMISSIONS', { role: 'manager' }],
      ['APPROVAL_LEVEL_REQUIRED', { ownLevel: 3 }],
      ['RISK_LIMIT_EXCEEDED', { ownLimit: 72 }],
      ['SELF_APPROVAL_FORBIDDEN', { isOwn: false }],
      ['BULK_NOT_ALLOWED', { isBulk: false }],
      ['INVALID_STATE', { status: 'pending_approval' }],
      ['REASON_REQUIRED', { hasReason: true }],
      ['ALREADY_VOTED', { hasVoted: false }],
    ];
    expect(codeOf(rulingOn(now, agentOf(now)))).toBe('JWT_REQUIRED');
    for (const [before, change] of putRight) {
      expect(codeOf(rulingOn(now))).toBe(before);
      now = { ...now, ...change };
    }
    expect(codeOf(rulingOn(now))).toBeNull();
  });

  it('never loses a permission through a higher level of their own or of their role', () => {
    fc.assert(
      fc.property(cases, levels, levels, (of, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        expect(placeOf({ ...of, ownLevel: high })).toBeGreaterThanOrEqual(placeOf({ ...of, ownLevel: low }));
        const ofRole = (level: number): Case => {
          const roleLevels = { manager: level, securityManager: level, admin: level };
          return { ...of, ownLevel: null, rules: { ...of.rules, roleLevels } };
        };
        expect(placeOf(ofRole(high))).toBeGreaterThanOrEqual(placeOf(ofRole(low)));
      }),
    );
  });

  it('never loses a permission through a higher limit, or where the organization turns levels off', () => {
    fc.assert(
      fc.property(cases, scores, scores, (of, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const limited = placeOf({ ...of, ownLimit: low });
        expect(placeOf({ ...of, ownLimit: high })).toBeGreaterThanOrEqual(limited);
        const off = { ...of.rules, approvalLevels: false };
        expect(placeOf({ ...of, ownLimit: low, rules: off })).toBeGreaterThanOrEqual(limited);
      }),
    );
  });

  it('never loses a permission through a reason, by deciding one action at a time, or where own actions are allowed', () => {
    fc.assert(
      fc.property(cases, (of) => {
        const place = placeOf(of);
        expect(placeOf({ ...of, hasReason: true })).toBeGreaterThanOrEqual(place);
        // Before a verdict, no reason is missing.
        expect(placeOf({ ...of, hasReason: null })).toBe(placeOf({ ...of, hasReason: true }));
        expect(placeOf({ ...of, isBulk: false })).toBeGreaterThanOrEqual(place);
        const rules = { ...of.rules, ownActionsAllowed: true };
        expect(placeOf({ ...of, rules })).toBeGreaterThanOrEqual(place);
      }),
    );
  });

  it('never finds a lower score harder to decide, where the policy requires no less at a higher risk', () => {
    fc.assert(
      fc.property(cases, scores, scores, (of, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const rising = { ...of, rules: risingRules(of) };
        const easier = placeOf({ ...rising, score: low });
        expect(easier).toBeGreaterThanOrEqual(placeOf({ ...rising, score: high }));
      }),
    );
  });
});

/** The same rules, with equal or higher requirements at a higher risk. */
function risingRules({ rules }: Case): Case['rules'] {
  const [low = 1, medium = 1, high = 1, critical = 1] = Object.values(rules.requiredLevels).sort(
    (one, other) => one - other,
  );
  const onwards = (chosen: readonly RiskLevel[]): readonly RiskLevel[] =>
    (['low', 'medium', 'high', 'critical'] as const).slice(4 - chosen.length);
  const quorums = Object.values(rules.quorum).sort((one, other) => one - other);
  const [fewest = 1, few = 1, more = 1, most = 1] = quorums;
  return {
    ...rules,
    quorum: { low: fewest, medium: few, high: more, critical: most },
    requiredLevels: { low, medium, high, critical },
    excludedFromBulk: onwards(rules.excludedFromBulk),
    reasonRequired: {
      approve: onwards(rules.reasonRequired.approve),
      reject: onwards(rules.reasonRequired.reject),
    },
  };
}

describe('an API key', () => {
  it('decides nothing, whoever owns it and whatever the action and the policy are', () => {
    fc.assert(
      fc.property(cases, (of) => {
        const ruling = rulingOn(of, agentOf(of));
        expect(codeOf(ruling)).toBe('JWT_REQUIRED');
        expect(ruling).toMatchObject({ requiredLevel: null, heldLevel: null, riskLimit: null });
      }),
    );
  });
});

it('a time to live and automatic approval change nothing about what a reviewer may decide', () => {
  fc.assert(
    fc.property(cases, cases, (of, other) => {
      const { timeToLiveSeconds, autoApproveBelow } = other.rules;
      const rules = { ...of.rules, timeToLiveSeconds, autoApproveBelow };
      expect(rulingOn({ ...of, rules })).toEqual(rulingOn(of));
    }),
  );
});
