import { outcomeOf } from '../../support/apis';
import type { Gateway, RequestOptions } from '../../support/gateway';
import {
  askToChange,
  changePolicy,
  DEFAULTS,
  policyOf,
  VERSION,
  writingNothing,
} from '../../support/policies';
import { newPolicy, startRace } from '../../support/racing';

/** An organization's people read its policy; its admins change it, version by version, each with author and reason. */
let gateway: Gateway;
let other: Gateway;
let close: () => Promise<void>;

const ADMIN = 1;
const GLOBEX_ADMIN = 101;
/** A key that is made here. */
const ANOTHER_ADMIN = 3;

beforeAll(async () => {
  const race = await startRace();
  [gateway, other] = race.gateways;
  close = race.close;
  await gateway.database.sql(`UPDATE users SET role = 'admin' WHERE id = $1`, [ANOTHER_ADMIN]);
});
afterAll(() => close());
beforeEach(() => gateway.database.sql(newPolicy({})));

const ROLES = { admin: ADMIN, security_manager: 2, manager: 42, user: 4 };
const CHANGE = `changeApprovalPolicy(expectedVersion: 1, patch: { approvalLevels: false }, reason: "As agreed") { version }`;

const versionInForce = async () => (await policyOf(gateway, ADMIN)).version;

describe("of an organization's people and programs,", () => {
  it.each(Object.entries(ROLES))('the role %s reads every setting of the policy', async (_role, user) => {
    const laidDown = {
      reason: null,
      changedAt: expect.any(String) as string,
      changedBy: null,
      warnings: [],
    };
    const version = expect.any(Number) as number;
    expect(await policyOf(other, user)).toEqual({ version, ...DEFAULTS, ...laidDown });
    expect(await policyOf(other, GLOBEX_ADMIN)).toMatchObject({
      approvalLevels: false,
      managerMaxRiskScore: 69,
    });
  });

  it.each<[string, string, number, () => Promise<RequestOptions>]>([
    ['nobody', 'MISSING_AUTH', 200, () => Promise.resolve({})],
    ['an API key', 'JWT_REQUIRED', 200, async () => ({ apiKey: await gateway.apiKey({ owner: ADMIN }) })],
    ['somebody deactivated', 'INVALID_TOKEN', 401, () => Promise.resolve({ user: 6 })],
  ])('%s neither reads nor changes it: %s', async (_who, code, http, credential) => {
    const request = await credential();
    for (const operation of ['{ approvalPolicy { version } }', `mutation { ${CHANGE} }`]) {
      const { status, body } = await writingNothing(gateway, () => gateway.graphql(operation, request));
      const [{ extensions, ...error }] = body.errors;
      const refusal = extensions ?? { ...error, code: error.error_code };
      expect([operation, status, refusal.code, refusal.status]).toEqual([operation, http, code, 401]);
    }
  });

  it.each(Object.entries(ROLES).filter(([role]) => role !== 'admin'))(
    'the role %s does not change it, and is told that an admin does',
    async (role, user) => {
      const answer = await writingNothing(gateway, () =>
        askToChange(gateway, { approvalLevels: false }, { user }),
      );
      expect(outcomeOf(answer)).toMatchObject({
        status: 403,
        code: 'INSUFFICIENT_PERMISSIONS',
        facts: { required_roles: ['admin'], held_role: role },
      });
    },
  );

  it('an admin of another organization changes only theirs', async () => {
    const before = await policyOf(gateway, ADMIN);
    const { version } = await changePolicy(gateway, { managerMaxRiskScore: 69.5 }, { user: GLOBEX_ADMIN });
    expect(await policyOf(gateway, ADMIN)).toEqual(before);
    const { body } = await gateway.graphql('{ approvalPolicy { history { totalCount } } }', {
      user: GLOBEX_ADMIN,
    });
    expect(body.data.approvalPolicy.history.totalCount).toBe(version);
    await changePolicy(gateway, { managerMaxRiskScore: 69 }, { user: GLOBEX_ADMIN });
  });
});

describe('an admin who changes the policy', () => {
  /** Repeats what is set already, changes two settings, and names risk levels out of order. */
  const PATCH = {
    approvalLevels: true,
    quorum: { low: 1, high: 2 },
    excludedFromBulk: ['CRITICAL', 'HIGH', 'HIGH'],
  };

  it('gets the next version, which everybody reads, and leaves the earlier ones unchanged', async () => {
    const earlier = () =>
      gateway.database.sql(
        'SELECT * FROM approval_policies WHERE version <= $1 ORDER BY organization_id, version',
        [version],
      );
    const version = await versionInForce();
    const before = await earlier();
    const reason = '  Two reviewers: 👩‍🚒 and "me"\n';
    const changed = await changePolicy(gateway, PATCH, { reason });
    expect(changed).toEqual({
      version: version + 1,
      ...DEFAULTS,
      quorum: { ...DEFAULTS.quorum, high: 2 },
      excludedFromBulk: ['HIGH', 'CRITICAL'],
      reason,
      changedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      changedBy: { id: String(ADMIN) },
      warnings: [],
    });
    expect(await policyOf(other, 4)).toEqual(changed);
    expect(await earlier()).toEqual(before);
  });

  it('leaves an entry with themselves, the reason, the version and exactly the difference, in its bytes too', async () => {
    const { version, changedAt } = await changePolicy(gateway, PATCH, {
      user: ANOTHER_ADMIN,
      reason: 'As agreed',
    });
    const data = {
      version,
      before: { 'quorum.high': 1, excludedFromBulk: [] },
      after: { 'quorum.high': 2, excludedFromBulk: ['high', 'critical'] },
    };
    const fields =
      'id actionType actorKind actorId timestamp reason details policyVersion data actionId verdict';
    const filter = 'filter: { actionType: ["policy_changed"] }, first: 1';
    const read = await gateway.graphql(`{ auditLogs(${filter}) { edges { node { ${fields} } } } }`, {
      user: 4,
    });
    const [{ node }] = read.body.data.auditLogs.edges;
    expect(node).toEqual({
      id: expect.any(String) as string,
      actionType: 'policy_changed',
      actorKind: 'USER',
      actorId: String(ANOTHER_ADMIN),
      timestamp: changedAt,
      reason: 'As agreed',
      details: `Approval policy version ${String(version)} laid down by user ${String(ANOTHER_ADMIN)}`,
      policyVersion: version,
      data,
      actionId: null,
      verdict: null,
    });
    const [stored] = await gateway.database.sql<{ canonical: string; queued: boolean }>(
      `SELECT convert_from(canonical, 'UTF8') AS canonical,
         EXISTS (SELECT FROM audit_pending p WHERE p.audit_id = l.id) AS queued FROM audit_log l WHERE id = $1`,
      [node.id],
    );
    expect(stored?.canonical).toContain(`,"data":${JSON.stringify(data)}}`);
    expect(stored?.queued).toBe(true);
    const overRest = await gateway.rest('GET', '/api/admin/audit-logs?action_type=policy_changed&limit=1', {
      user: 2,
    });
    expect(overRest.body.logs).toMatchObject([
      { user_id: ANOTHER_ADMIN, reason: 'As agreed', organization_id: 1 },
    ]);
  });

  it('finds every version in the history, by page from either end, as it was made', async () => {
    const laidDown = [];
    for (const high of [2, 3, 4])
      laidDown.unshift(await changePolicy(gateway, { quorum: { high } }, { reason: `${String(high)} now` }));
    const all = await pages('first: 100');
    const versions = Array.from({ length: await versionInForce() }, (_, n) => n + 1).reverse();
    expect(all.flat().map(({ version }) => version)).toEqual(versions);
    expect(all.flat().slice(0, 3)).toEqual(laidDown.map(({ warnings: _, ...version }) => version));
    expect(all.flat().at(-1)).toMatchObject({ version: 1, ...DEFAULTS, changedBy: null, reason: null });
    expect((await pages('first: 2')).flat()).toEqual(all.flat());
    expect((await pages('last: 2')).reverse().flat()).toEqual(all.flat());
  });

  it('is refused invalid paging', async () => {
    for (const paging of ['first: 0', 'first: 101', 'first: 1, last: 1', 'after: "nonsense"']) {
      const { body } = await gateway.graphql(`{ approvalPolicy { history(${paging}) { totalCount } } }`, {
        user: 4,
      });
      expect([paging, body.errors?.[0].extensions.code]).toEqual([paging, 'VALIDATION_ERROR']);
    }
  });
});

type Version = Readonly<Record<string, unknown>>;

/** Every page of the history, onward by pageInfo in the direction of the first request. */
async function pages(size: string): Promise<Version[][]> {
  const walked: Version[][] = [];
  for (let cursor = ''; ;) {
    const query = `{ approvalPolicy { version history(${size}${cursor}) { totalCount edges { node { ${VERSION} } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`;
    const { body } = await gateway.graphql(query, { user: 4 });
    const { version, history } = body.data.approvalPolicy;
    expect(history.totalCount).toBe(version);
    walked.push(history.edges.map(({ node }: { node: Version }) => node));
    const { hasNextPage, hasPreviousPage, startCursor, endCursor } = history.pageInfo;
    const isForward = size.startsWith('first');
    if (!(isForward ? hasNextPage : hasPreviousPage)) return walked;
    cursor = isForward ? `, after: "${String(endCursor)}"` : `, before: "${String(startCursor)}"`;
  }
}
