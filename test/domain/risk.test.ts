import fc from 'fast-check';
import { ACTION_STATUSES, statusAfter, statusOf } from '../../src/domain/action';
import { DEFAULT_RULES } from '../../src/domain/policy';
import { RISK_LEVELS, riskLevelOf, riskScoresOf } from '../../src/domain/risk';
import { scores } from '../support/rule-cases';

/** The risk levels and the statuses of an action (docs/approval-policy.md#risk-levels), which no policy can change. */

describe('an action', () => {
  it.each([
    ['low', 1, [0, 39, 39.5, 39.999999]],
    ['medium', 2, [40, 69, 69.5, 69.999999]],
    ['high', 3, [70, 84, 84.999999]],
    ['critical', 4, [85, 99.5, 100]],
  ] as const)(
    'is of %s risk, which requires level %d by default, at scores %j',
    (riskLevel, level, scores) => {
      expect(scores.map(riskLevelOf)).toEqual(scores.map(() => riskLevel));
      expect(DEFAULT_RULES.requiredLevels[riskLevel]).toBe(level);
    },
  );

  it('has only these risk levels, lowest first', () => {
    expect(RISK_LEVELS).toEqual(['low', 'medium', 'high', 'critical']);
    expect(RISK_LEVELS.map(riskScoresOf)).toEqual([
      { from: 0, to: 40 },
      { from: 40, to: 70 },
      { from: 70, to: 85 },
      { from: 85, to: null },
    ]);
  });

  it('with a score between two integers has the risk level of the lower one, and only that', () => {
    fc.assert(
      fc.property(scores, (score) => {
        expect(riskLevelOf(score)).toBe(riskLevelOf(Math.floor(score)));
        const holding = RISK_LEVELS.filter((riskLevel) => {
          const { from, to } = riskScoresOf(riskLevel);
          return score >= from && (to === null || score < to);
        });
        expect(holding).toEqual([riskLevelOf(score)]);
      }),
    );
  });

  it.each([
    ['pending_approval', 'approve', 'approved'],
    ['pending_approval', 'reject', 'denied'],
    ['approved', 'approve', null],
    ['approved', 'reject', null],
    ['denied', 'approve', null],
    ['denied', 'reject', null],
    ['expired', 'approve', null],
    ['expired', 'reject', null],
  ] as const)('that is %s becomes, by %s, %s', (status, verdict, after) => {
    expect(statusAfter(status, verdict)).toBe(after);
    expect(statusOf(verdict)).toBe(verdict === 'approve' ? 'approved' : 'denied');
  });

  it('has only these statuses', () => {
    expect([...ACTION_STATUSES].sort()).toEqual(['approved', 'denied', 'expired', 'pending_approval']);
  });
});
