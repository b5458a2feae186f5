import fc from 'fast-check';
import { comparableText, isBlank, mixesScripts, visibleText } from '../../../src/domain/text';
import { decide, APIS } from '../../support/apis';
import { startGateway, type Gateway } from '../../support/gateway';
import { askToChange, changePolicy, faultyPlaces } from '../../support/policies';
import { MINIMAL, storedAction, submitThrough } from '../../support/submissions';

/** One notion of text: texts are compared, and tested for being blank, as people see them. They are stored as sent. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const ADMIN = { user: 101 };
const ANALYST = { user: 104 };
const BLANKS = [
  '\u200b',
  '\u3164',
  '\u2800',
  '\u00ad',
  '\u2003\u00a0',
  '\t\n',
  '\u115f\uffa0',
  '\ufe0f',
  '\u{e0041}',
  '\u{1d159}',
  '\u{13441}\u{16fe4}\u{13442}',
];

// prettier-ignore
const SPELLINGS = [
  ' delete_db', '\tdelete_db', '\u00a0delete_db', '\u3000delete_db', '\u200bdelete_db', 'de\u00adlete_db',
  '\u2060delete_db', 'de\u200dlete_db', 'del\u034fete_db', 'd\ufe0felete_db', '\u{e0020}delete_db', '\u3164delete_db',
  '\u2800delete_db', 'de\u0007lete_db', 'dele\u202ete_db', '\uff44elete_db', '\u{1d41d}elete_db', 'DELETE_DB',
  'd\u{16fe4}elete_db', '\u{13442}delete_db',
];

describe('a text as people see it', () => {
  it.each([
    ['a composed and a decomposed letter', 'löschen', 'lo\u0308schen'],
    ['an invisible character between a letter and its mark', 'löschen', 'lo\u034f\u0308schen'],
    ['a ligature', 'office', 'o\ufb03ce'],
    ['the two small shapes of sigma', 'ΟΔΟΣ', 'οδος'],
    ['one blank and several of any kind', 'drop table', 'drop \u2003\u00a0 table'],
    ['a blank and a tab', 'drop table', 'drop\ttable'],
    ['a blank and line breaks', 'drop table', 'drop\r\n\u0085table'],
    ['an i and one with a second dot, which shows no other', 'file', 'fi\u0307le'],
    ['an i and its Turkish capital', 'file', 'F\u0130LE'],
  ])('compares %s alike', (_what, one, other) => {
    expect(comparableText(other)).toBe(comparableText(one));
  });

  it.each(BLANKS)('is blank where nothing of it is visible: %j', (text) => {
    expect([isBlank(text), visibleText(text)]).toEqual([true, '']);
  });

  it('is blank exactly where nothing is left of it, whatever the characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(isBlank(text)).toBe(visibleText(text) === '');
      }),
    );
  });

  it.each([
    ['dеlete_db', true],
    ['scοpe', true],
    ['delete2базу', true],
    ['delete_базу', false],
    ['データ削除する', false],
    ['삭제漢字', false],
    ['löschen', false],
    ['\uff44elete', false],
    ['read', false],
  ])('%s has a word of two scripts: %s', (text, isMixed) => {
    expect(mixesScripts(text)).toBe(isMixed);
  });

  it('normalizes no more than thirty marks of one letter: sorting them takes quadratic time', () => {
    const normalize = jest.spyOn(String.prototype, 'normalize');
    const marks = ['\u0301\u0316', '\u0301\uff9e', '\u0301\u034f\u0316'];
    for (const mark of marks) visibleText(`a${mark.repeat(10_000)}`);
    for (const [index] of marks.entries())
      expect(String(normalize.mock.contexts[index]).length).toBeLessThanOrEqual(31);
    normalize.mockRestore();
  });
});

describe.each(APIS)('over %s', (api) => {
  const submit = (body: object) => submitThrough(gateway, api, { ...MINIMAL, ...body }, ANALYST);

  it.each([
    ['an action type', 'actionType', (text: string) => ({ action_type: text })],
    ['a tool', 'toolName', (text: string) => ({ tool_name: text })],
    ['a target system', 'targetSystem', (text: string) => ({ target_system: text })],
    ['a risk indicator', 'riskIndicator', (text: string) => ({ risk_indicators: [text] })],
    [
      'the value of a risk indicator',
      'riskIndicator',
      (text: string) => ({ risk_indicators: { [text]: 'x' } }),
    ],
  ])('no spelling of %s evades a rule', async (_what, field, bodyOf) => {
    const scoringRules = [{ [field]: 'delete*', score: 75 }, { score: 5 }];
    await changePolicy(gateway, { scoringRules, autoApproveBelow: 10 }, ADMIN);
    const answers = await Promise.all(SPELLINGS.map((spelling) => submit(bodyOf(spelling))));
    const told = answers.map(({ status, risk_score: score }, n) => [SPELLINGS[n], status, score]);
    expect(told).toEqual(SPELLINGS.map((spelling) => [spelling, 'pending_approval', 75]));
    await changePolicy(gateway, { scoringRules: [], autoApproveBelow: null }, ADMIN);
  });

  it('a text that looks like another scores 95 and is never approved automatically', async () => {
    const scoringRules = [{ actionType: 'keep*', score: 75 }, { score: 5 }];
    await changePolicy(gateway, { scoringRules, autoApproveBelow: 10 }, ADMIN);
    const scoreOf = async (body: object) => {
      const { status, risk_score: score, risk_score_source: source, reason } = await submit(body);
      return [status, score, String(source).toLowerCase(), String(reason).includes('scripts')];
    };
    expect(await scoreOf({ action_type: 'dеlete_db' })).toEqual(['pending_approval', 95, 'default', true]);
    expect(await scoreOf({ tool_name: 'ѕql' })).toEqual(['pending_approval', 95, 'default', true]);
    expect(await scoreOf({ action_type: 'delete\t_db' })).toEqual(['pending_approval', 95, 'default', true]);
    expect(await scoreOf({ tool_name: 's\u0007ql' })).toEqual(['pending_approval', 95, 'default', true]);
    expect(await scoreOf({ action_type: 'keepеr' })).toEqual(['pending_approval', 75, 'rule', false]);
    expect(await scoreOf({ action_type: 'löschen' })).toEqual(['approved', 5, 'rule', false]);
    await changePolicy(gateway, { scoringRules: [], autoApproveBelow: null }, ADMIN);
  });

  it.each(BLANKS)('an invisible name is no name, and an invisible text is absent: %j', async (text) => {
    expect((await submit({ action_type: text }))['error_code']).toBe('VALIDATION_ERROR');
    expect((await submit({ agent_id: text }))['error_code']).toBe('VALIDATION_ERROR');
    const { action_id: id } = await submit({
      tool_name: text,
      target_resource: text,
      action_type: ` a${text} `,
    });
    const stored = await storedAction(gateway, id);
    expect(stored).toMatchObject({ tool_name: null, target_resource: null, action_type: ` a${text} ` });
  });

  it.each(BLANKS)('an invisible reason counts as none: %j', async (reason) => {
    await changePolicy(gateway, { reasonRequired: { approve: ['LOW'] } }, ADMIN);
    const [id = 0] = await gateway.addActions([10], { organization: 2 });
    const outcome = await decide(gateway, api, 'approve', id, { user: 142, reason });
    expect(outcome.code).toBe('REASON_REQUIRED');
    await changePolicy(gateway, { reasonRequired: { approve: [] } }, ADMIN);
  });
});

it.each(BLANKS)('an admin gives no invisible reason, key or pattern: %j', async (text) => {
  expect(
    faultyPlaces(await askToChange(gateway, { managerMaxRiskScore: 7 }, { ...ADMIN, reason: text })),
  ).toEqual(['reason']);
  const pattern = { scoringRules: [{ actionType: text, score: 5 }] };
  expect(faultyPlaces(await askToChange(gateway, pattern, ADMIN))).toEqual([
    'patch.scoringRules.0.actionType',
  ]);
  const query = 'mutation ($name: String!) { createApiKey(name: $name) { key } }';
  const key = await gateway.graphql(query, { ...ADMIN, variables: { name: text } });
  expect(faultyPlaces(key)).toContain('name');
});
