import fc from 'fast-check';
import { DEFAULT_RULES, policyDifference, type PolicyRules } from '../../src/domain/policy';
import { applyPatch, type PolicyPatch } from '../../src/domain/policy-change';
import { RISK_LEVELS } from '../../src/domain/risk';
import { readPolicy } from '../../src/persistence/policy/stored-policy';
import { applied, flat, PATCH, RULES } from '../support/policy-documents';

/** The policy document: what a patch changes, what is invalid, and how a stored one is read. */

/** A document that holds one setting, as JSON can have it. */
function only(path: string, value: unknown): PolicyPatch {
  return path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as PolicyPatch;
}

const pathsOf = (patch: PolicyPatch) =>
  applyPatch(DEFAULT_RULES, patch).faults?.map(({ loc }) => loc.join('.'));

describe('a patch', () => {
  it('sets what it holds and leaves the rest, whatever the policy', () => {
    fc.assert(
      fc.property(RULES, PATCH, (rules, patch) => {
        const expected = { ...Object.fromEntries(flat(rules)), ...Object.fromEntries(flat(patch)) };
        expect(Object.fromEntries(flat(applied(rules, patch)))).toEqual(expected);
      }),
    );
  });

  it('changes nothing more when it is applied twice', () => {
    fc.assert(
      fc.property(RULES, PATCH, (rules, patch) => {
        const once = applied(rules, patch);
        expect(applied(once, patch)).toEqual(once);
        expect(policyDifference(once, applied(once, patch))).toBeNull();
      }),
    );
  });

  it('leaves the policy that it is applied to unchanged', () => {
    fc.assert(
      fc.property(RULES, PATCH, (rules, patch) => {
        const [before, asked] = [structuredClone(rules), structuredClone(patch)];
        applied(rules, patch);
        expect([rules, patch]).toEqual([before, asked]);
      }),
    );
  });

  it('has a difference that holds exactly the changed settings, and none where nothing changes', () => {
    fc.assert(
      fc.property(RULES, PATCH, (rules, patch) => {
        const after = applied(rules, patch);
        const old = Object.fromEntries(flat(rules));
        const changed = flat(after).filter(
          ([path, value]) => JSON.stringify(old[path]) !== JSON.stringify(value),
        );
        expect(policyDifference(rules, after)).toEqual(
          changed.length === 0
            ? null
            : {
                before: Object.fromEntries(changed.map(([path]) => [path, old[path]])),
                after: Object.fromEntries(changed),
              },
        );
      }),
    );
  });

  it('lists risk levels in their order and each once, however they were given', () => {
    const patch: PolicyPatch = {
      excludedFromBulk: ['critical', 'low', 'critical'],
      reasonRequired: { reject: ['high', 'medium'] },
    };
    const { excludedFromBulk, reasonRequired } = applied(DEFAULT_RULES, patch);
    expect(excludedFromBulk).toEqual(['low', 'critical']);
    expect(reasonRequired).toEqual({ approve: [], reject: ['medium', 'high'] });
  });

  it.each(['note', 'version', 'Quorum', 'constructor', 'toString', '__proto__'])(
    'with the unknown name %s is applied without it, at the top and within a part',
    (name) => {
      const unknown = `"${name}":{"low":2},"quorum":{"${name}":7,"high":2}`;
      const patch = JSON.parse(`{${unknown}}`) as PolicyPatch;
      const expected = { ...DEFAULT_RULES, quorum: { low: 1, medium: 1, high: 2, critical: 1 } };
      expect(applied(DEFAULT_RULES, patch)).toStrictEqual(expected);
    },
  );
});

/** A setting's valid values at its bounds, and invalid ones. */
type Range = readonly [path: string, possible: readonly unknown[], impossible: readonly unknown[]];
const RANGES: readonly Range[] = [
  ['approvalLevels', [true, false], [null, 'true', 1]],
  ['ownActionsAllowed', [true, false], [null, 'false', 0]],
  ['managerMaxRiskScore', [null, 0, 69.5, 100], [-0.1, 100.1, '50', []]],
  ['autoApproveBelow', [null, 0, 39.5, 100], [-1, 101, '50', {}]],
  ['excludedFromBulk', [[], ['low']], [null, 'low', 3]],
  [
    'scoringRules',
    [[], [{ score: 0 }], [{ actionType: '*', toolName: null, score: 100 }]],
    [null, 'low', {}],
  ],
  ['reasonRequired', [{}], [null, 'low']],
  ...['approve', 'reject'].map(
    (verdict) => [`reasonRequired.${verdict}`, [[], ['high']], [null, 'high']] as const,
  ),
  ...['requiredLevels', 'roleLevels', 'quorum', 'timeToLiveSeconds'].map(
    (part) => [part, [{}], [null, 5]] as const,
  ),
  ...['manager', 'securityManager', 'admin'].map(
    (role) => [`roleLevels.${role}`, [0, 10], [null, -1, 11, 0.5, '3']] as const,
  ),
  ...RISK_LEVELS.flatMap((riskLevel) => [
    [`requiredLevels.${riskLevel}`, [1, 10], [null, 0, 11, 10.5, 1.5, '2']] as const,
    [`quorum.${riskLevel}`, [1, 10], [null, 0, 11, 2.5, '2']] as const,
    [`timeToLiveSeconds.${riskLevel}`, [null, 60, 31_536_000], [59, 31_536_001, 60.5, '60', false]] as const,
  ]),
];

describe('a policy', () => {
  it.each(RANGES)(
    'accepts %s up to its bounds, and has one fault for each value beyond them',
    (path, possible, impossible) => {
      for (const value of possible) expect([value, pathsOf(only(path, value))]).toEqual([value, undefined]);
      for (const value of impossible)
        expect([value, pathsOf(only(path, value))]).toEqual([value, [`patch.${path}`]]);
    },
  );

  it('is refused with all of its faults at once, whichever they are', () => {
    const leaves = RANGES.filter(([path]) => !RANGES.some(([other]) => other.startsWith(`${path}.`)));
    fc.assert(
      fc.property(fc.subarray([...leaves], { minLength: 1 }), fc.nat(), (broken, pick) => {
        const patch: Record<string, Record<string, unknown>> = {};
        for (const [path, , impossible] of broken) {
          const [part = '', name] = path.split('.');
          const value = impossible[pick % impossible.length];
          Object.assign(
            patch,
            name === undefined ? { [part]: value } : { [part]: { ...patch[part], [name]: value } },
          );
        }
        expect(pathsOf(patch as PolicyPatch)?.sort()).toEqual(broken.map(([path]) => `patch.${path}`).sort());
      }),
    );
  });

  it('tells an admin who requires a level above 10 that nobody can hold it', () => {
    const fault = { loc: ['patch', 'requiredLevels', 'high'], type: 'range' };
    expect(applyPatch(DEFAULT_RULES, { requiredLevels: { high: 11 } }).faults).toEqual([
      { ...fault, msg: 'is a level that nobody can hold: 10 is the highest' },
    ]);
    expect(applyPatch(DEFAULT_RULES, { requiredLevels: { high: 0 } }).faults).toEqual([
      { ...fault, msg: 'must be an integer from 1 to 10' },
    ]);
  });
});

describe('a stored document', () => {
  it.each([
    ['of the first release', { approvalLevels: true }, {}],
    [
      'of the first release with a limit',
      { approvalLevels: false, managerMaxRiskScore: 69 },
      { approvalLevels: false, managerMaxRiskScore: 69 },
    ],
    [
      'of the first release with a quorum',
      { quorum: { medium: 3 } },
      { quorum: { low: 1, medium: 3, high: 1, critical: 1 } },
    ],
    ['that says nothing', {}, {}],
    ['of a release to come', { approvalLevels: true, quietHours: ['22:00'] }, {}],
  ])('%s is read with the defaults for what it leaves out', (_title, document, said) => {
    expect(readPolicy(3, document)).toStrictEqual({ version: 3, ...DEFAULT_RULES, ...said });
  });

  it('is read as the policy that was stored, whichever it was', () => {
    const readBack = (rules: PolicyRules) => readPolicy(7, JSON.parse(JSON.stringify(rules)));
    fc.assert(
      fc.property(RULES, (rules) => {
        expect(readBack(rules)).toEqual({ version: 7, ...rules });
      }),
    );
  });

  it.each([null, 'levels on', 7, true, undefined, []])(
    'that is %j is no policy, and nobody decides under it',
    (document) => {
      expect(() => readPolicy(1, document)).toThrow('The stored policy version 1 is not valid');
    },
  );

  it.each([
    ...RANGES.map(([path, , [impossible]]) => [path, impossible] as const),
    ['roleLevels', []],
    ['quorum', []],
  ] as const)('with an impossible %s is refused with its version and the place', (path, value) => {
    const read = () => readPolicy(9, only(path, value));
    expect(read).toThrow('The stored policy version 9 is not valid');
    expect(read).toThrow(`patch.${path}`);
  });
});
