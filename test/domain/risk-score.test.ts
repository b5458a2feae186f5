import fc from 'fast-check';
import { comparedText, matches, readPattern } from '../../src/domain/pattern';
import { DEFAULT_RULES } from '../../src/domain/policy';
import { applyPatch, type PolicyPatch } from '../../src/domain/policy-change';
import { isAutoApproved, scoreByEngine, scoreByRules, type ScoredAction } from '../../src/domain/risk-score';
import { parseScoringRules, type ScoringRule } from '../../src/domain/scoring-rules';
import { indicatorWords, parseSubmission } from '../../src/domain/submission';
import { applied, SCORING_RULE } from '../support/policy-documents';

/** What an action scores by an organization's rules, and who may then approve it, as a table and properties. */
const rule = (patterns: Partial<ScoringRule>): ScoringRule => ({
  actionType: null,
  toolName: null,
  targetSystem: null,
  riskIndicator: null,
  score: 10,
  ...patterns,
});
const action = (said: Partial<ScoredAction>): ScoredAction => ({
  actionType: 'read',
  toolName: null,
  targetSystem: null,
  riskIndicators: [],
  ...said,
});

const matchesPattern = (pattern: string, text: string): boolean =>
  matches(readPattern(pattern), comparedText(text));

describe('a pattern', () => {
  it.each<[pattern: string, text: string, doesMatch: boolean]>([
    ['delete', 'delete', true],
    ['delete', 'delete_all', false],
    ['delete*', 'delete_all', true],
    ['delete*', 'delete', true],
    ['*delete', 'soft_delete', true],
    ['*delete', 'deleted', false],
    ['*.prod.*', 'db.prod.eu', true],
    ['*.prod.*', 'db.production.eu', false],
    ['*', '', true],
    ['**', 'x', true],
    ['a*b*c', 'aXbYbZc', true],
    ['a*b*c', 'aXcYb', false],
    ['Delete*', 'dELETE', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a?c', 'a😀c', true],
    ['*?', 'x', true],
    ['*b?d*', 'abbcde', true],
    ['a.c', 'abc', false],
    ['(a+)+$', 'aaaa', false],
    ['[x]', 'x', false],
    ['löschen*', 'LÖSCHEN jetzt', true],
  ])('%s compared with %s: %s', (pattern, text, doesMatch) => {
    expect(matchesPattern(pattern, text)).toBe(doesMatch);
  });

  const letters = fc.string();
  const few = fc.array(fc.constantFrom('a', 'b', '*', '?'), { maxLength: 8 }).map((all) => all.join(''));
  const text = fc.array(fc.constantFrom('a', 'b'), { maxLength: 10 }).map((all) => all.join(''));

  it('matches what the same pattern matches as a regular expression', () => {
    fc.assert(
      fc.property(few, text, (pattern, given) => {
        const expected = new RegExp(`^${pattern.replaceAll('?', '.').replaceAll('*', '.*')}$`).test(given);
        expect(matchesPattern(pattern, given)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('matches any text around its literal parts, whatever the characters', () => {
    fc.assert(
      fc.property(letters, letters, letters, (before, held, after) => {
        // Blanks at the pattern's edges may be at the text's edges, where they do not count.
        const plain = held.replaceAll('*', '').trim();
        // The blanks at the edges keep the literal from composing with its neighbours.
        expect(matchesPattern(`*${plain}*`, `${before} ${plain} ${after}`)).toBe(true);
      }),
    );
  });

  it.each([
    ['stars and letters', '*a'.repeat(100)],
    ['a long part that nearly fits everywhere', `*${'a'.repeat(197)}c*`],
    ['a part of any characters', `*${'?a'.repeat(98)}c*`],
    ['parts that all but fit', '*aaaaaaaab'.repeat(20)],
  ])('of %s is compared with a long text in linear time', (_what, pattern) => {
    let reads = 0;
    const length = 16_000;
    const text = new Proxy<ArrayLike<number>>(
      { length },
      {
        get: (of, name) => {
          if (name === 'length') return of.length;
          reads += 1;
          return 'A'.charCodeAt(0);
        },
      },
    );
    expect(matches(readPattern(pattern), text)).toBe(pattern.endsWith('a'));
    expect(reads).toBeLessThanOrEqual(3 * length);
  });
});

it('a pattern is prepared for search once, however many texts it is compared with', () => {
  const pattern = readPattern(`*${'abcdefghij'.repeat(19)}*`);
  const texts = Array.from({ length: 100 }, (_, n) => comparedText(`${'x'.repeat(200)}${String(n)}`));
  const made = [jest.spyOn(Map.prototype, 'set'), jest.spyOn(Uint32Array.prototype, 'slice')];
  expect(texts.some((text) => matches(pattern, text))).toBe(false);
  const calls = made.map((spy) => spy.mock.calls.length);
  for (const spy of made) spy.mockRestore();
  expect(calls).toEqual([0, 0]);
});

it('a pattern has at most 200 characters in its compared form, in which one can become 18', () => {
  const faultsOfPattern = (actionType: string) => parseScoringRules([{ actionType, score: 5 }], []).faults;
  expect(faultsOfPattern(`*${'\ufdfa'.repeat(11)}*`)).toBeUndefined();
  expect(faultsOfPattern(`*${'\ufdfa'.repeat(12)}*`)).toMatchObject([{ type: 'pattern' }]);
});

describe('the score of an action', () => {
  const RULES: readonly ScoringRule[] = [
    rule({ riskIndicator: 'pii', score: 90 }),
    rule({ actionType: 'delete*', targetSystem: 'prod*', score: 80 }),
    rule({ actionType: 'delete*', score: 50 }),
    rule({ toolName: 'sql', actionType: 'read', score: 5 }),
  ];

  it.each<[title: string, said: Partial<ScoredAction>, score: number, position: number | null]>([
    ['of the first rule that matches', { actionType: 'delete', targetSystem: 'prod-eu' }, 80, 2],
    ['of a later rule where the first asks for more', { actionType: 'delete', targetSystem: 'test' }, 50, 3],
    [
      'of an earlier rule, although a later one fits as well',
      { actionType: 'delete', riskIndicators: ['x', 'PII'] },
      90,
      1,
    ],
    ['of a rule whose every pattern is met', { toolName: 'SQL' }, 5, 4],
    ['95 where one pattern of the only rule is not met', { toolName: 'sql', actionType: 'write' }, 95, null],
    ['95 where it does not say what a rule asks for', {}, 95, null],
  ])('is %s', (_title, said, score, position) => {
    const scored = scoreByRules(action(said), { scoringRules: RULES, autoApproveBelow: null });
    expect([scored.score, scored.matched?.position ?? null]).toEqual([score, position]);
    expect(scored.source).toBe(position === null ? 'default' : 'rule');
  });

  it('is 95, and the action waits for a reviewer, where there are no rules or a rule fails', () => {
    const broken = {
      get actionType(): string {
        throw new Error('unreadable');
      },
    };
    for (const rules of [[], [{ ...rule({}), score: NaN }], [broken as unknown as ScoringRule]]) {
      const scored = scoreByRules(action({}), { scoringRules: rules, autoApproveBelow: 100 });
      expect(scored).toEqual({ score: 95, source: 'default', matched: null });
      expect(isAutoApproved(scored, { autoApproveBelow: 100 })).toBe(false);
    }
  });

  it('is that of the first rule that matches, or 95', () => {
    const said = fc.record({
      actionType: fc.constantFrom('delete', 'read'),
      toolName: fc.option(fc.constantFrom('sql', 'fs')),
      targetSystem: fc.option(fc.constantFrom('prod-eu', 'test')),
      riskIndicators: fc.subarray(['pii', 'money']),
    });
    fc.assert(
      fc.property(said, fc.array(SCORING_RULE, { maxLength: 5 }), (given, rules) => {
        const by = (scoringRules: readonly ScoringRule[]) =>
          scoreByRules(given, { scoringRules, autoApproveBelow: 50 });
        const { score, source, matched } = by(rules);
        const single = rules.map((one) => by([one]).source === 'rule');
        expect((matched?.position ?? 0) - 1).toBe(single.indexOf(true));
        expect(score).toBe(matched === null ? 95 : matched.rule.score);
        expect(source).toBe(matched === null ? 'default' : 'rule');
      }),
    );
  });

  it('leads to automatic approval only below the threshold, which is exclusive', () => {
    const of = (score: number) => isAutoApproved(scoreByEngine(score), { autoApproveBelow: 20 });
    expect([0, 19.999, 20, 20.001, 100].map(of)).toEqual([true, true, false, false, false]);
    expect(isAutoApproved(scoreByEngine(0), { autoApproveBelow: null })).toBe(false);
    expect(isAutoApproved(scoreByEngine(0), { autoApproveBelow: 0 })).toBe(false);
  });
});

it('an action whose texts exceed 32,768 compared characters is read no further and scores 95', () => {
  const rules = [rule({ riskIndicator: 'x*', score: 5 })];
  const policy = { scoringRules: rules, autoApproveBelow: 10 };
  const indicate = (riskIndicators: readonly string[]): ScoredAction => ({
    ...{ actionType: 'a', toolName: null, targetSystem: null },
    riskIndicators,
  });
  expect(scoreByRules(indicate(['x'.repeat(32_767)]), policy)).toMatchObject({ score: 5, source: 'rule' });
  expect(scoreByRules(indicate(['x'.repeat(32_768)]), policy)).toMatchObject({
    score: 95,
    source: 'default',
  });
  // Eighteen characters each in their compared form.
  expect(scoreByRules(indicate(['x', '\ufdfa'.repeat(1_821)]), policy).score).toBe(95);
  // The first text exceeds the limit; the others are not prepared at all.
  const normalize = jest.spyOn(String.prototype, 'normalize');
  scoreByRules(indicate(Array.from({ length: 100 }, () => '\u00e9'.repeat(32_768))), policy);
  const calls = normalize.mock.calls.length;
  normalize.mockRestore();
  expect(calls).toBeLessThan(10);
});

describe('scoring rules in a policy', () => {
  const faults = (rules: unknown) =>
    applyPatch(DEFAULT_RULES, { scoringRules: rules } as PolicyPatch).faults?.map(({ loc }) => loc.join('.'));

  it('report every fault at once, each at its place', () => {
    const rules = [
      { actionType: '', score: 101 },
      'rule',
      { toolName: 7, riskIndicator: 'a\0' },
      { score: 5 },
    ];
    const at = (place: string) => `patch.scoringRules.${place}`;
    expect(faults(rules)).toEqual(
      ['0.actionType', '0.score', '1', '2.toolName', '2.riskIndicator', '2.score'].map(at),
    );
    expect(faults([{ actionType: 'x'.repeat(200), score: 0 }])).toBeUndefined();
    expect(faults([{ actionType: 'x'.repeat(201), score: 0 }])).toEqual([at('0.actionType')]);
    expect(faults(Array.from({ length: 50 }, () => ({ score: 1 })))).toBeUndefined();
    expect(faults(Array.from({ length: 51 }, () => ({ score: 1 })))).toEqual(['patch.scoringRules']);
  });

  it('replace the previous list, in their order', () => {
    const [one, two] = [rule({ actionType: 'a' }), rule({ actionType: 'b' })];
    const before = applied(DEFAULT_RULES, { scoringRules: [one] });
    expect(applied(before, { scoringRules: [two, one] }).scoringRules).toEqual([two, one]);
    expect(applied(before, { scoringRules: [] }).scoringRules).toEqual([]);
    expect(applied(before, { quorum: { low: 2 } }).scoringRules).toEqual([one]);
  });
});

describe('what an agent indicates', () => {
  it.each<[given: Parameters<typeof indicatorWords>[0], words: string[]]>([
    [null, []],
    [
      ['pii', 'money'],
      ['pii', 'money'],
    ],
    [{ pii: true, money: false, none: null }, ['pii', 'pii=true']],
    [{ amount: 5000, region: 'eu' }, ['amount', 'amount=5000', 'region', 'region=eu']],
    [{ detail: { deep: true } }, ['detail']],
  ])('as %j is compared with rules as %j', (given, words) => {
    expect(indicatorWords(given)).toEqual(words);
  });
});

describe('a submission', () => {
  const MINIMAL = { agentId: 'a', actionType: 't' };
  const faultsOf = (given: object) =>
    parseSubmission({ ...MINIMAL, ...given }, (field) => [field]).faults?.map(
      ({ loc, type }) => `${loc.join('.')} ${type}`,
    );
  const nested = (depth: number) => JSON.parse('{"a":'.repeat(depth) + '1' + '}'.repeat(depth)) as object;

  it.each<[given: object, faults: string[] | undefined]>([
    [{}, undefined],
    [{ agentId: 7, targetResource: 42 }, undefined],
    [{ agentId: ' ', actionType: null }, ['agentId required', 'actionType required']],
    [{ agentId: 'x'.repeat(201) }, ['agentId length']],
    [{ agentId: '🦊'.repeat(200) }, undefined],
    [{ description: 'x'.repeat(10_001) }, ['description length']],
    [{ targetSystem: 'a\0b' }, ['targetSystem unicode']],
    [{ toolName: '\ud800' }, ['toolName unicode']],
    [{ agentName: 5 }, ['agentName string']],
    [{ parameters: [] }, ['parameters object']],
    [{ parameters: { a: 'x'.repeat(65_528) } }, undefined],
    [{ parameters: { a: 'x'.repeat(65_529) } }, ['parameters length']],
    [{ parameters: { a: 'é'.repeat(32_765) } }, ['parameters length']],
    [{ parameters: { deep: [{ '\ud800': 1 }] } }, ['parameters unicode']],
    [{ parameters: { deep: ['\0'] } }, ['parameters unicode']],
    [{ parameters: { account: 2 ** 53 } }, ['parameters number']],
    [{ parameters: { epsilon: 5e-324 } }, undefined],
    // The database would write each with 324 decimals, in every list with this action.
    [{ parameters: { epsilons: Array(9_000).fill(5e-324) } }, ['parameters length']],
    [{ parameters: { amount: Infinity } }, ['parameters number']],
    [{ parameters: { amount: -0.25 } }, undefined],
    [{ parameters: nested(32) }, undefined],
    [{ parameters: nested(33) }, ['parameters depth']],
    [{ parameters: nested(20_000) }, ['parameters depth']],
    [{ context: 'text' }, ['context object']],
    [{ context: { a: 'x'.repeat(16_384) } }, ['context length']],
    [{ riskIndicators: ['pii', 3] }, ['riskIndicators object']],
    [{ riskIndicators: 'pii' }, ['riskIndicators object']],
    [{ riskScore: 100.5 }, ['riskScore range']],
    [{ riskScore: '50' }, ['riskScore range']],
    [{ riskScore: NaN }, ['riskScore range']],
    [
      { agentId: '\0', parameters: 3, riskScore: -1 },
      ['agentId unicode', 'parameters object', 'riskScore range'],
    ],
  ])('%#: has all of its faults reported at once', (given, faults) => {
    expect(faultsOf(given)).toEqual(faults);
  });
});
