import { outcomeOf } from '../../support/apis';
import type { Answer, Gateway } from '../../support/gateway';
import { inTurnWhileHeld } from '../../support/held-requests';
import { askToChange, policyOf, writingNothing, writtenOfPolicies } from '../../support/policies';
import { newPolicy, REVIEWERS, startRace } from '../../support/racing';
import { cases } from '../../support/runs';

/**
 * A change of the policy is bound to the version that it is meant for and to the admin as they are then:
 * compare-and-swap.
 */
let gateway: Gateway;
let other: Gateway;
let close: () => Promise<void>;

const ADMIN = 1;
/** That many more admins of Acme. */
const ADMINS = REVIEWERS.slice(0, cases(10, 20));

beforeAll(async () => {
  const race = await startRace();
  [gateway, other] = race.gateways;
  close = race.close;
  await gateway.database.sql(`UPDATE users SET role = 'admin' WHERE id = ANY ($1)`, [ADMINS]);
});
afterAll(() => close());
beforeEach(() => gateway.database.sql(newPolicy({})));

const versionInForce = async () => (await policyOf(gateway, ADMIN)).version;

describe('of admins who change the policy at the same time', () => {
  it.each([-1, 1, 1000])(
    'one who names the version %i beside the one in force is told both versions',
    async (beside) => {
      const currentVersion = await versionInForce();
      const expectedVersion = currentVersion + beside;
      const answer = await writingNothing(gateway, () =>
        askToChange(other, { approvalLevels: false }, { expectedVersion }),
      );
      const versions = [expectedVersion, currentVersion].map(String);
      expect(outcomeOf(answer)).toMatchObject({
        status: 409,
        code: 'POLICY_VERSION_CONFLICT',
        detail: `The change is based on policy version ${versions[0] ?? ''}, but version ${versions[1] ?? ''} is in force`,
        facts: { expected_version: expectedVersion, current_version: currentVersion },
      });
    },
  );

  it(`${String(ADMINS.length)} through two gateways: one makes the next version and the others are told of it`, async () => {
    const expectedVersion = await versionInForce();
    const outcomes = await Promise.all(
      ADMINS.map(async (user, n) => {
        const through = n % 2 === 0 ? gateway : other;
        return outcomeOf(await askToChange(through, { managerMaxRiskScore: n }, { user, expectedVersion }));
      }),
    );
    const lost = outcomes.filter(({ code }) => code === 'POLICY_VERSION_CONFLICT');
    expect(outcomes.filter(({ code }) => code === null)).toHaveLength(1);
    expect(lost.map(({ facts }) => facts)).toEqual(
      ADMINS.slice(1).map(() => ({
        expected_version: expectedVersion,
        current_version: expectedVersion + 1,
      })),
    );
    expect(await versionInForce()).toBe(expectedVersion + 1);
  });

  it(`${String(ADMINS.length)} who repeat until they succeed: each makes one version upon the one before, with its entry`, async () => {
    const first = await versionInForce();
    await Promise.all(
      ADMINS.map(async (user, n) => {
        const through = n % 2 === 0 ? gateway : other;
        for (let expectedVersion = first, isDone = false; !isDone;) {
          const { code, facts } = outcomeOf(
            await askToChange(through, { managerMaxRiskScore: n + 1 }, { user, expectedVersion }),
          );
          isDone = code === null;
          expect([null, 'POLICY_VERSION_CONFLICT']).toContain(code);
          expectedVersion = Number(facts['current_version']);
        }
      }),
    );
    const rows = await gateway.database.sql<{ version: number; limit: number; by: number; entries: unknown }>(
      `SELECT version, (document ->> 'managerMaxRiskScore')::integer AS limit, changed_by AS by,
         (SELECT json_agg(json_build_array(actor_id, data)) FROM audit_log l
          WHERE action_type = 'policy_changed' AND l.organization_id = 1 AND l.policy_version = p.version) AS entries
       FROM approval_policies p WHERE organization_id = 1 AND version > $1 ORDER BY version`,
      [first],
    );
    expect(rows.map(({ version }) => version)).toEqual(ADMINS.map((_, n) => first + 1 + n));
    expect(rows.map(({ by }) => by).sort()).toEqual(ADMINS);
    const ofAuthor = ({ limit }: { limit: number }) => ADMINS[limit - 1];
    expect(rows.map(({ by }) => by)).toEqual(rows.map(ofAuthor));
    const told = rows.map(({ version, limit, by }, n) => {
      const before = { managerMaxRiskScore: rows[n - 1]?.limit ?? null };
      return [[by, { version, before, after: { managerMaxRiskScore: limit } }]];
    });
    expect(rows.map(({ entries }) => entries)).toEqual(told);
  });

  const twice = async (...expected: [number, number]) => {
    const change = (name: string, version: number, level: number) =>
      `${name}: changeApprovalPolicy(expectedVersion: ${String(version)}, reason: "${name}",
         patch: { requiredLevels: { high: ${String(level)} } }) { version requiredLevels { high } }`;
    return gateway.graphql(
      `mutation { ${change('first', expected[0], 4)} ${change('second', expected[1], 5)} }`,
      { user: ADMIN },
    );
  };

  it('one who changes it twice in one operation names the version that the first change makes', async () => {
    const version = await versionInForce();
    const { body } = await twice(version, version + 1);
    expect(body).toEqual({
      data: {
        first: { version: version + 1, requiredLevels: { high: 4 } },
        second: { version: version + 2, requiredLevels: { high: 5 } },
      },
    });
  });

  it('one who names the same version twice in one operation changes it once', async () => {
    const version = await versionInForce();
    const { body } = await twice(version, version);
    expect(body.errors).toMatchObject([
      { path: ['second'], extensions: { code: 'POLICY_VERSION_CONFLICT' } },
    ]);
    expect(await policyOf(other, ADMIN)).toMatchObject({ version: version + 1, reason: 'first' });
  });
});

describe('while the change of an admin waits to be written', () => {
  const [admin = 0] = ADMINS.slice(-1);
  const ofAdmin = (what: string) => `UPDATE users SET ${what} WHERE id = ${String(admin)}`;
  const change = async (held: string) => {
    const expectedVersion = await versionInForce();
    const request = () => askToChange(other, { quorum: { low: 2 } }, { user: admin, expectedVersion });
    const [answer] = await inTurnWhileHeld(gateway, held, request);
    return outcomeOf(answer as Answer);
  };
  beforeEach(() => gateway.database.sql(ofAdmin(`role = 'admin', active = true`)));

  it.each([
    ['demoted', `role = 'manager'`, 'INSUFFICIENT_PERMISSIONS', 403],
    ['deactivated', 'active = false', 'INVALID_TOKEN', 401],
  ])('and they are %s, it is refused and nothing is written', async (_what, what, code, status) => {
    const before = await writtenOfPolicies(gateway);
    expect(await change(ofAdmin(what))).toMatchObject({ code, status });
    expect(await writtenOfPolicies(gateway)).toEqual(before);
  });

  it.each([
    ['they get another level', ofAdmin('approval_level = 7')],
    ['their organization gets another name', `UPDATE organizations SET name = 'Acme & Sons' WHERE id = 1`],
  ])('and %s, it is written once', async (_what, held) => {
    const version = await versionInForce();
    expect(await change(held)).toMatchObject({ code: null });
    const now = await policyOf(gateway, ADMIN);
    expect(now).toMatchObject({ version: version + 1, quorum: { low: 2 }, changedBy: { id: String(admin) } });
  });

  it('and another admin changes the policy, it is refused with the version that is in force then', async () => {
    const version = await versionInForce();
    expect(await change(newPolicy({ quorum: { low: 3 } }))).toMatchObject({
      code: 'POLICY_VERSION_CONFLICT',
      facts: { expected_version: version, current_version: version + 1 },
    });
    expect(await policyOf(gateway, ADMIN)).toMatchObject({ version: version + 1, quorum: { low: 3 } });
  });
});
