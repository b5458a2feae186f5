import type { Gateway } from '../../support/gateway';
import {
  askToChange,
  changePolicy,
  DEFAULTS,
  faultyPlaces,
  policyOf,
  writingNothing,
} from '../../support/policies';
import { newPolicy, startRace } from '../../support/racing';

/** An impossible policy is refused with all of its faults, a risky one is accepted with warnings. */
let gateway: Gateway;
let other: Gateway;
let close: () => Promise<void>;

const ADMIN = 1;
const GLOBEX_ADMIN = 101;

beforeAll(async () => {
  const race = await startRace();
  [gateway, other] = race.gateways;
  close = race.close;
});
afterAll(() => close());
beforeEach(() => gateway.database.sql(newPolicy({})));

describe('an admin who requests an impossible policy', () => {
  it('is told every fault at once, with its place', async () => {
    const patch = {
      requiredLevels: { low: 0, high: 11 },
      roleLevels: { manager: -1, admin: 11 },
      managerMaxRiskScore: 100.5,
      quorum: { critical: 11, medium: 2 },
      timeToLiveSeconds: { low: 59, medium: 60, high: 31_536_001 },
      autoApproveBelow: -1,
      ownActionsAllowed: true,
    };
    const answer = await writingNothing(gateway, () => askToChange(gateway, patch, { reason: ' ' }));
    const places = ['requiredLevels.low', 'requiredLevels.high', 'roleLevels.manager', 'roleLevels.admin'];
    places.push('managerMaxRiskScore', 'quorum.critical', 'timeToLiveSeconds.low');
    places.push('timeToLiveSeconds.high', 'autoApproveBelow');
    expect(faultyPlaces(answer)?.sort()).toEqual(
      [...places.map((place) => `patch.${place}`), 'reason'].sort(),
    );
    expect(answer.body.errors[0].message).toContain('is a level that nobody can hold: 10 is the highest');
  });

  it('cannot remove what is required', async () => {
    const leaves = {
      quorum: { high: null },
      requiredLevels: { low: null },
      reasonRequired: { reject: null },
    };
    const others = {
      approvalLevels: null,
      ownActionsAllowed: null,
      excludedFromBulk: null,
      timeToLiveSeconds: null,
    };
    const answer = await writingNothing(gateway, () =>
      askToChange(gateway, { ...leaves, ...others, roleLevels: { admin: null } }),
    );
    const places = ['quorum.high', 'requiredLevels.low', 'reasonRequired.reject', 'roleLevels.admin'];
    expect(faultyPlaces(answer)?.sort()).toEqual(
      [...places, ...Object.keys(others)].map((place) => `patch.${place}`).sort(),
    );
  });

  it.each([
    ['a level in words', { requiredLevels: { low: 'two' } }],
    ['half a reviewer', { quorum: { high: 1.5 } }],
    ['more than an integer', { quorum: { high: 2 ** 31 } }],
    ['yes for true', { approvalLevels: 'yes' }],
    ['a score in words', { managerMaxRiskScore: 'low' }],
    ['an unknown risk level', { excludedFromBulk: ['SEVERE'] }],
    ['no risk level', { excludedFromBulk: ['LOW', null] }],
    ['an unknown setting', { quietHours: true }],
    ['an unknown role', { roleLevels: { user: 4 } }],
    ['a list for a part', { roleLevels: [] }],
    ['another version number', { version: 7 }],
    ['no patch', null],
  ])('is refused %s by the schema', async (_what, patch) => {
    const answer = await writingNothing(gateway, () => askToChange(gateway, patch));
    expect(faultyPlaces(answer)).toEqual(['variables']);
  });

  it.each([
    ['no expected version', {}],
    ['null for the expected version', { expectedVersion: null }],
    ['an expected version that is no integer', { expectedVersion: 1.5 }],
    ['no reason', { reason: undefined }],
    ['null for the reason', { reason: null }],
    ['a list of reasons', { reason: ['As agreed', 'And more'] }],
  ])('is refused %s by the schema', async (_what, given) => {
    const query = `mutation ($expectedVersion: Int!, $reason: String!) {
      changeApprovalPolicy(expectedVersion: $expectedVersion, patch: { approvalLevels: false }, reason: $reason) { version } }`;
    const { version } = await policyOf(gateway, ADMIN);
    const variables = {
      ...('reason' in given && { expectedVersion: version }),
      reason: 'As agreed',
      ...given,
    };
    const answer = await writingNothing(gateway, () => gateway.graphql(query, { user: ADMIN, variables }));
    expect(faultyPlaces(answer)).toEqual(['variables']);
  });

  it.each([
    ['empty', ''],
    ['blank', ' \n\t\u00a0'],
    ['of 2,001 characters', 'x'.repeat(2001)],
    ['with U+0000', 'a\0b'],
    ['with half a character', 'a\ud800'],
  ])('is refused a reason that is %s, and the change with it', async (_what, reason) => {
    const answer = await writingNothing(gateway, () =>
      askToChange(gateway, { approvalLevels: false }, { reason }),
    );
    expect(faultyPlaces(answer)).toEqual(['reason']);
  });

  it('may give a reason of 2,000 characters, and has it kept unchanged', async () => {
    const reason = '👩'.repeat(2000);
    expect(await changePolicy(gateway, { approvalLevels: false }, { reason })).toMatchObject({ reason });
  });

  it.each([
    ['nothing', {}],
    [
      'empty parts',
      { quorum: {}, requiredLevels: {}, reasonRequired: {}, timeToLiveSeconds: {}, roleLevels: {} },
    ],
    ['what holds already', { approvalLevels: true, requiredLevels: { high: 3 }, managerMaxRiskScore: null }],
    ['the same risk levels in another order', { excludedFromBulk: ['HIGH', 'LOW', 'LOW'] }],
  ])('is told that a patch of %s changes nothing', async (_what, patch) => {
    await gateway.database.sql(newPolicy({ excludedFromBulk: ['low', 'high'] }));
    const answer = await writingNothing(gateway, () => askToChange(gateway, patch));
    expect(faultyPlaces(answer)).toEqual(['patch']);
    expect(answer.body.errors[0].message).toContain('changes nothing in the policy in force');
  });
});

describe('an admin of a risky policy', () => {
  it('gets warnings with the change and with every reading, for the people there are now', async () => {
    // Globex: an admin, a manager up to 69, and an analyst.
    const user = GLOBEX_ADMIN;
    const quorum = (riskLevel: string, able: number) => ({
      code: 'QUORUM_UNREACHABLE',
      riskLevel,
      detail: `2 approvals are required at every ${riskLevel.toLowerCase()} risk, and ${String(able)} active people may give one`,
    });
    const others = [
      {
        code: 'LEVEL_BELOW_LOWER_RISK',
        riskLevel: 'CRITICAL',
        detail: 'Level 2 suffices for critical risk, although high risk requires more',
      },
      {
        code: 'OWN_ACTIONS_ALLOWED',
        riskLevel: null,
        detail: 'People may approve what they submitted themselves',
      },
      {
        code: 'AUTO_APPROVES_BEYOND_LOW',
        riskLevel: null,
        detail: 'Scores below 41 are approved automatically, although not all of them are of low risk',
      },
    ];
    const setActive = (active: boolean) =>
      gateway.graphql(`mutation { setUser(userId: "142", patch: { active: ${String(active)} }) { id } }`, {
        user,
      });

    expect((await changePolicy(gateway, { quorum: { low: 2 } }, { user })).warnings).toEqual([]);
    await setActive(false);
    expect((await policyOf(other, 104)).warnings).toEqual([quorum('LOW', 1)]);
    await setActive(true);
    expect((await policyOf(other, 104)).warnings).toEqual([]);
    const risky = { quorum: { medium: 2 }, ownActionsAllowed: true, autoApproveBelow: 41 };
    const levels = { approvalLevels: true, requiredLevels: { critical: 2 } };
    const changed = await changePolicy(gateway, { ...risky, ...levels }, { user });
    expect(changed.warnings).toEqual([quorum('MEDIUM', 1), ...others]);
    expect((await policyOf(other, user)).warnings).toEqual(changed.warnings);
    await changePolicy(gateway, { ...DEFAULTS, approvalLevels: false, managerMaxRiskScore: 69 }, { user });
  });
});
