import { decide, APIS, outcomeOf } from '../../support/apis';
import type { Gateway, RequestOptions } from '../../support/gateway';
import {
  addPeople,
  changesOf,
  setUser,
  setUsers,
  storedUser,
  trySetUser,
  writtenOfPeople,
  type Patch,
} from '../../support/people';
import { startRace } from '../../support/racing';

/**
 * An admin changes people: the change is in the audit log, and counts for their very next decision
 * (docs/audit-log.md#entry-types).
 */
const ADMIN = 1;
const GLOBEX_MANAGER = 142;
let gateway: Gateway;
let other: Gateway;
let close: () => Promise<void>;

beforeAll(async () => {
  const race = await startRace();
  [gateway, other] = race.gateways;
  close = race.close;
});
afterAll(() => close());

const NAME = 'Pat Person';

/** A manager of Acme without a level or limit of their own. */
async function somebody({ role = 'manager', level = null as number | null } = {}): Promise<number> {
  const [id = 0] = await addPeople(gateway, [NAME], { role, level });
  return id;
}

const MANAGER = { name: NAME, role: 'manager', approval_level: null, max_risk_score: null, active: true };

describe('an admin who changes a person', () => {
  it.each<[string, Patch, object]>([
    ['their role', { role: 'SECURITY_MANAGER' }, { role: 'security_manager' }],
    ['their level', { approvalLevel: 4 }, { approval_level: 4 }],
    ['their level to none at all', { approvalLevel: 0 }, { approval_level: 0 }],
    ['their limit', { maxRiskScore: 30.5 }, { max_risk_score: 30.5 }],
    ['their limit to nothing but 0', { maxRiskScore: 0 }, { max_risk_score: 0 }],
    ['that they are not active', { active: false }, { active: false }],
    [
      'all of it',
      { role: 'USER', approvalLevel: 10, maxRiskScore: 100, active: false },
      { role: 'user', approval_level: 10, max_risk_score: 100, active: false },
    ],
  ])('changes %s and nothing else, with before and after in the audit log', async (_what, patch, changed) => {
    const id = await somebody();
    const { body } = await setUser(gateway, ADMIN, id, patch, 'New duties');
    const unset = { approvalLevel: null, maxRiskScore: null, active: true };
    expect(body).toEqual({
      data: { setUser: { id: String(id), name: NAME, role: 'MANAGER', ...unset, ...patch } },
    });
    expect({ name: NAME, ...(await storedUser(gateway, id)) }).toEqual({
      ...MANAGER,
      ...changed,
      version: 2,
    });
    expect(await changesOf(gateway, id)).toEqual([
      {
        by: ADMIN,
        reason: 'New duties',
        data: { user_id: id, before: MANAGER, after: { ...MANAGER, ...changed } },
      },
    ]);
  });

  it('removes a level and a limit with null, and leaves what the patch leaves out', async () => {
    const id = await somebody({ level: 3 });
    await setUsers(gateway, ADMIN, [id], { maxRiskScore: 50 });
    await setUsers(gateway, ADMIN, [id], { approvalLevel: null });
    expect(await storedUser(gateway, id)).toMatchObject({ approval_level: null, max_risk_score: 50 });
    await setUsers(gateway, ADMIN, [id], { maxRiskScore: null });
    expect(await storedUser(gateway, id)).toMatchObject({
      approval_level: null,
      max_risk_score: null,
      role: 'manager',
    });
    expect(
      (await changesOf(gateway, id)).map(({ data }) => [data.before.max_risk_score, data.after]),
    ).toEqual([
      [null, { ...MANAGER, approval_level: 3, max_risk_score: 50 }],
      [50, { ...MANAGER, max_risk_score: 50 }],
      [50, MANAGER],
    ]);
  });

  it('is named in the entry with the origin of the request, and others read it over both APIs', async () => {
    const id = await somebody();
    const caller = { user: ADMIN, headers: { 'user-agent': 'admin/1', 'x-correlation-id': 'joiner-7' } };
    await setUser(gateway, caller, id, { approvalLevel: 2 }, '  ');
    const graphql = await gateway.graphql(
      `{ auditLogs(first: 1, filter: {actionType: ["user_changed"]}) { edges { node {
           id actionType actorKind actor { id } actionId details reason data ipAddress userAgent correlationId clientCorrelationId } } } }`,
      { user: 2 },
    );
    const details = `User ${String(id)} changed by user ${String(ADMIN)}`;
    const [{ node }] = graphql.body.data.auditLogs.edges;
    expect(node).toMatchObject({
      actionType: 'user_changed',
      actorKind: 'USER',
      actor: { id: '1' },
      details,
    });
    expect(node).toMatchObject({
      actionId: null,
      reason: null,
      ipAddress: '127.0.0.1',
      userAgent: 'admin/1',
    });
    expect(node.data).toEqual({ user_id: id, before: MANAGER, after: { ...MANAGER, approval_level: 2 } });
    const rest = await gateway.rest('GET', '/api/admin/audit-logs?action_type=user_changed&limit=1', {
      user: 2,
    });
    expect(rest.body.logs).toMatchObject([
      {
        audit_id: Number(node.id),
        user_id: ADMIN,
        organization_id: 1,
        details,
        action_id: null,
        client_correlation_id: 'joiner-7',
        correlation_id: node.correlationId,
      },
    ]);
    const [sealed] = await gateway.database.sql(
      `SELECT convert_from(canonical, 'UTF8')::jsonb -> 'data' = data AS is_whole,
         EXISTS (SELECT FROM audit_pending WHERE audit_id = l.id) AS is_queued FROM audit_log l WHERE id = $1`,
      [node.id],
    );
    expect(sealed).toEqual({ is_whole: true, is_queued: true });
  });

  it.each<[string, Patch]>([
    ['nothing', {}],
    ['what they are already', { role: 'MANAGER', approvalLevel: 3, maxRiskScore: null, active: true }],
  ])('to %s writes nothing, and gets the person', async (_what, patch) => {
    const id = await somebody({ level: 3 });
    const before = await writtenOfPeople(gateway);
    gateway.database.statements.length = 0;
    const { body } = await setUser(gateway, ADMIN, id, patch, 'For no reason');
    expect(body.data.setUser).toMatchObject({ id: String(id), role: 'MANAGER', approvalLevel: 3 });
    expect(gateway.database.statements.map(({ name }) => name)).not.toContain('change_user');
    expect(await writtenOfPeople(gateway)).toEqual(before);
  });
});

describe('an admin is refused', () => {
  const long = 'x'.repeat(2001);
  const faults = ['role', 'approvalLevel', 'maxRiskScore', 'active'].map((name) => ['patch', name]);
  const NOTHING_RIGHT = { role: null, approvalLevel: 11, maxRiskScore: 100.5, active: null };

  it.each<[string, unknown, Patch, string | null, unknown[]]>([
    ['no role', 42, { role: null }, null, [['patch', 'role']]],
    ['a level below 0', 42, { approvalLevel: -1 }, null, [['patch', 'approvalLevel']]],
    ['a level above 10', 42, { approvalLevel: 11 }, null, [['patch', 'approvalLevel']]],
    ['a limit below 0', 42, { maxRiskScore: -0.001 }, null, [['patch', 'maxRiskScore']]],
    ['a limit above 100', 42, { maxRiskScore: 100.001 }, null, [['patch', 'maxRiskScore']]],
    ['neither active nor not', 42, { active: null }, null, [['patch', 'active']]],
    ['too long a reason', 42, { approvalLevel: 3 }, long, [['reason']]],
    ['a reason that cannot be stored', 42, { approvalLevel: 3 }, 'a\0b', [['reason']]],
    ['an id that is none', '0', { approvalLevel: 3 }, null, [['userId']]],
    ['an id beyond 2^53-1', '9007199254740992', { approvalLevel: 3 }, null, [['userId']]],
    ['every fault of a patch and its reason', 42, NOTHING_RIGHT, long, [...faults, ['reason']]],
    ['every fault, the id too', '-1', NOTHING_RIGHT, long, [['userId'], ...faults, ['reason']]],
  ])('%s, with every fault named at once', async (_what, id, patch, reason, places) => {
    const before = await writtenOfPeople(gateway);
    const { body } = await setUser(gateway, ADMIN, id, patch, reason);
    expect(body.data).toBeNull();
    expect(body.errors).toMatchObject([{ extensions: { code: 'VALIDATION_ERROR', status: 422 } }]);
    const found = body.errors[0].extensions.errors as { loc: unknown }[];
    expect(found.map(({ loc }) => loc)).toEqual(places);
    expect(await writtenOfPeople(gateway)).toEqual(before);
  });

  it('an unknown person and one of another organization: the same answer after the same statements', async () => {
    const [unknown, theirs] = [900_000_000, GLOBEX_MANAGER];
    const ask = async (id: number) => {
      const before = await writtenOfPeople(gateway);
      gateway.database.statements.length = 0;
      const outcome = await trySetUser(gateway, ADMIN, id, { role: 'USER' }, 'Gone?');
      const statements = gateway.database.statements.map(({ name }) => name);
      expect(await writtenOfPeople(gateway)).toEqual(before);
      return { outcome: { ...outcome, detail: outcome.detail?.replace(String(id), 'N') }, statements };
    };
    const answer = await ask(unknown);
    expect(answer.outcome).toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
      detail: 'User N not found',
      facts: {},
    });
    expect(await ask(theirs)).toEqual(answer);
    expect(await storedUser(gateway, theirs)).toMatchObject({ role: 'manager', version: 1 });
  });
});

describe('only an admin changes a person, even themselves', () => {
  it.each([
    ['A security manager', 'INSUFFICIENT_PERMISSIONS', { user: 2 }],
    ['A manager', 'INSUFFICIENT_PERMISSIONS', { user: 42 }],
    ['An analyst', 'INSUFFICIENT_PERMISSIONS', { user: 4 }],
    ['A deactivated manager', 'INVALID_TOKEN', { user: 6 }],
    ["An admin's API key", 'JWT_REQUIRED', { apiKey: 'of an admin' }],
    ['Somebody without a credential', 'MISSING_AUTH', {}],
  ])('%s is refused, %s', async (_who, code, asked: RequestOptions) => {
    const apiKey = asked.apiKey && (await gateway.apiKey({ owner: ADMIN }));
    const caller = { ...asked, ...(apiKey !== undefined && { apiKey }) };
    const before = await writtenOfPeople(gateway);
    // They do not learn whether such a person exists.
    for (const id of [asked.user ?? 42, 900_000_000])
      expect(await trySetUser(gateway, caller, id, { role: 'ADMIN', approvalLevel: 10 })).toMatchObject({
        code,
      });
    expect(await writtenOfPeople(gateway)).toEqual(before);
  });
});

describe.each(APIS)('from the very next decision on, in another gateway, over %s', (api) => {
  const SCORE = 35;
  /** What a manager of level 2 is told right after the change. */
  it.each<[string, Patch, string | null, object]>([
    ['made a user', { role: 'USER' }, 'INSUFFICIENT_PERMISSIONS', { facts: { held_role: 'user' } }],
    [
      'given a lower level',
      { approvalLevel: 0 },
      'APPROVAL_LEVEL_REQUIRED',
      { facts: { required_level: 1, held_level: 0 } },
    ],
    [
      'given a lower limit',
      { maxRiskScore: 34.5 },
      'RISK_LIMIT_EXCEEDED',
      { facts: { risk_score: 35, risk_limit: 34.5 } },
    ],
    ['deactivated', { active: false }, 'INVALID_TOKEN', { http: 401 }],
    ['given another level that suffices', { approvalLevel: 1 }, null, {}],
  ])('a manager who is %s', async (_what, patch, code, told) => {
    const id = await somebody({ level: 2 });
    const [before = 0, after = 0, again = 0] = await gateway.addActions([SCORE, SCORE, SCORE]);
    const approve = (action: number) => decide(other, api, 'approve', action, { user: id });
    expect((await approve(before)).code).toBeNull();
    await setUsers(gateway, ADMIN, [id], patch);
    const outcome = await approve(after);
    expect(outcome).toMatchObject({ code, ...told });
    await setUsers(gateway, ADMIN, [id], {
      role: 'MANAGER',
      approvalLevel: 2,
      maxRiskScore: null,
      active: true,
    });
    expect((await approve(again)).code).toBeNull();
  });

  it('a user who is made a manager, and a manager who gets a level, decide what they could not', async () => {
    const id = await somebody({ role: 'user' });
    const [action = 0] = await gateway.addActions([62]);
    const approve = () => decide(other, api, 'approve', action, { user: id });
    expect((await approve()).code).toBe('INSUFFICIENT_PERMISSIONS');
    await setUsers(gateway, ADMIN, [id], { role: 'MANAGER' });
    expect((await approve()).code).toBe('APPROVAL_LEVEL_REQUIRED');
    await setUsers(gateway, ADMIN, [id], { approvalLevel: 2 });
    expect((await approve()).code).toBeNull();
  });

  it('the API keys of a deactivated owner stop, and count again once the owner is back', async () => {
    const id = await somebody();
    const apiKey = await gateway.apiKey({ owner: id });
    const read = async () =>
      outcomeOf(
        await (api === 'rest'
          ? other.rest('GET', '/api/v1/actions/12345', { apiKey })
          : other.graphql('{ action(id: 12345) { id } }', { apiKey })),
      );
    expect((await read()).code).toBeNull();
    await setUsers(gateway, ADMIN, [id], { active: false });
    expect(await read()).toMatchObject({ http: 401, code: 'INVALID_API_KEY' });
    await setUsers(gateway, ADMIN, [id], { active: true });
    expect((await read()).code).toBeNull();
  });
});
