import type { Gateway } from '../../support/gateway';
import {
  addPeople,
  changesOf,
  setUsers,
  storedUser,
  trySetUser,
  writtenOfPeople,
  type Patch,
} from '../../support/people';
import { startRace } from '../../support/racing';
import { cases } from '../../support/runs';
import { whileHeld } from '../../support/waiting';

/** No organization is ever left without an active admin, and only an admin changes people. */
const ADMIN = 1;
const GLOBEX = { admin: 101, manager: 142 } as const;
let gateway: Gateway;
let other: Gateway;
let close: () => Promise<void>;

beforeAll(async () => {
  const race = await startRace();
  [gateway, other] = race.gateways;
  close = race.close;
});
afterAll(() => close());

async function somebody(role = 'manager'): Promise<number> {
  const [id = 0] = await addPeople(gateway, ['Pat Person'], { role });
  return id;
}

describe('the last active admin of an organization', () => {
  const { admin, manager } = GLOBEX;

  /** Globex with one active admin, and beside them a deactivated one; Acme's admin does not count. */
  beforeEach(async () => {
    await gateway.database.sql(
      `UPDATE users SET role = 'admin', active = id = $1, approval_level = NULL, max_risk_score = NULL
       WHERE organization_id = 2 AND id IN ($1, $2)`,
      [admin, manager],
    );
  });

  it.each<[string, Patch]>([
    ['another role', { role: 'SECURITY_MANAGER' }],
    ['deactivated', { active: false }],
    ['both, and a level', { role: 'USER', active: false, approvalLevel: 1 }],
  ])('cannot make themselves %s, and none of it is written', async (_what, patch) => {
    const before = await writtenOfPeople(gateway);
    expect(await trySetUser(gateway, admin, admin, patch, 'I quit')).toMatchObject({
      status: 409,
      code: 'LAST_ADMIN',
      detail: 'The last active admin of an organization cannot be deactivated or given another role',
    });
    expect(await writtenOfPeople(gateway)).toEqual(before);
  });

  it('can have another level and limit, and can create the next admin and then go', async () => {
    await setUsers(gateway, admin, [admin], {
      approvalLevel: 1,
      maxRiskScore: 10,
      role: 'ADMIN',
      active: true,
    });
    await setUsers(gateway, admin, [manager], { active: true });
    await setUsers(gateway, admin, [admin], { role: 'MANAGER' });
    expect(await trySetUser(gateway, manager, manager, { active: false })).toMatchObject({
      code: 'LAST_ADMIN',
    });
    await setUsers(gateway, manager, [admin], { active: false });
    expect(await trySetUser(gateway, admin, manager, { role: 'USER' })).toMatchObject({
      code: 'INVALID_TOKEN',
    });
  });

  it('may be one of two who resigns, and is then refused in the next field of the same operation', async () => {
    await setUsers(gateway, admin, [manager], { active: true });
    const { body } = await gateway.graphql(
      `mutation { first: setUser(userId: ${String(admin)}, patch: {role: MANAGER}) { role }
         second: setUser(userId: ${String(admin)}, patch: {role: ADMIN}) { role } }`,
      { user: admin },
    );
    expect(body.errors).toMatchObject([
      { path: ['second'], extensions: { code: 'INSUFFICIENT_PERMISSIONS' } },
    ]);
    expect(await storedUser(gateway, admin)).toMatchObject({ role: 'manager' });
  });
});

describe('of admins who change each other at the same moment, over two gateways,', () => {
  const REFUSALS = ['INSUFFICIENT_PERMISSIONS', 'INVALID_TOKEN', 'LAST_ADMIN'];
  const DEMOTE = { role: 'MANAGER' };
  const DEACTIVATE = { active: false };
  let admins: number[] = [];

  beforeAll(async () => {
    admins = await addPeople(
      gateway,
      ['A', 'B', 'C', 'D'].map((name) => `Admin ${name}`),
      { organization: 2 },
    );
  });

  /** Each of the named admins changes another, or themselves; all at once, while nobody else is an admin. */
  async function race(size: number, patch: Patch, target: (n: number) => number, isHeld: boolean) {
    const racing = admins.slice(0, size);
    await gateway.database.sql(
      `UPDATE users SET role = CASE WHEN id = ANY ($1) THEN 'admin' ELSE 'manager' END, active = true
       WHERE organization_id = 2`,
      [racing],
    );
    const [last] = await gateway.database.sql<{ id: number }>('SELECT max(id) AS id FROM audit_log');
    const requests = racing.map((admin, n) => () => {
      const through = n % 2 === 0 ? gateway : other;
      return trySetUser(through, admin, racing[target(n)] ?? 0, patch);
    });
    const held = `SELECT FROM users WHERE organization_id = 2 AND id = ANY ('{${racing.join()}}') FOR UPDATE`;
    const outcomes = isHeld
      ? await whileHeld(gateway, held, requests)
      : await Promise.all(requests.map((request) => request()));
    const [left] = await gateway.database.sql(
      `SELECT count(*) FILTER (WHERE role = 'admin' AND active) AS admins,
         (SELECT count(*) FROM audit_log WHERE id > $1 AND action_type = 'user_changed') AS entries
       FROM users WHERE organization_id = 2`,
      [last?.id],
    );
    const codes = outcomes.map(({ code }) => code);
    const done = codes.filter((code) => code === null).length;
    return { codes, done, left, refusals: codes.filter((code) => code !== null) };
  }

  it.each([
    ['two of them demote each other', 2, DEMOTE, 1],
    ['two of them deactivate each other', 2, DEACTIVATE, 1],
    ['two of them step down', 2, DEMOTE, 0],
    ['two of them deactivate themselves', 2, DEACTIVATE, 0],
    ['four of them demote the next', 4, DEMOTE, 1],
    ['four of them deactivate the one across', 4, DEACTIVATE, 2],
    ['four of them step down', 4, DEMOTE, 0],
  ])(
    '%s: at least one is left, each refusal says why, and every change has its entry',
    async (_what, size, patch, step) => {
      for (let round = 0; round < cases(8, 24); round += 1) {
        const target = (n: number): number => (n + step) % size;
        const { codes, done, left, refusals } = await race(size, patch, target, round % 2 === 0);
        expect(left).toEqual({ admins: size - done, entries: done });
        expect(done).toBeLessThan(size);
        expect(done).toBeGreaterThan(0);
        for (const code of refusals) expect(REFUSALS).toContain(code);
        // An admin who steps down is refused only as the last one; of two who demote each other only one can succeed.
        if (step === 0) expect(refusals).toEqual(['LAST_ADMIN']);
        if (size === 2) expect(codes).toHaveLength(done + 1);
      }
    },
  );
});

describe("while an admin's change waits to be written", () => {
  const setting = (admin: number, id: number, patch: Patch) => () =>
    trySetUser(other, admin, id, patch, 'Waited');
  const held = async (statement: string, request: ReturnType<typeof setting>) => {
    const [outcome] = await whileHeld(gateway, statement, [request]);
    return outcome;
  };

  it.each([
    ['demoted', `role = 'security_manager'`, 'INSUFFICIENT_PERMISSIONS'],
    ['deactivated', 'active = false', 'INVALID_TOKEN'],
  ])('an admin who is %s is refused, and nothing is written', async (_what, change, code) => {
    const [admin, id] = [await somebody('admin'), await somebody()];
    const outcome = await held(
      `UPDATE users SET ${change} WHERE id = ${String(admin)}`,
      setting(admin, id, { role: 'ADMIN' }),
    );
    expect(outcome).toMatchObject({ code });
    expect(await storedUser(gateway, id)).toMatchObject({ role: 'manager', version: 1 });
    expect(await changesOf(gateway, id)).toEqual([]);
  });

  it('an admin who changes in another way is authorized again, and the change is made', async () => {
    const [admin, id] = [await somebody('admin'), await somebody()];
    const statement = `UPDATE users SET approval_level = 1 WHERE id = ${String(admin)}`;
    expect(await held(statement, setting(admin, id, { approvalLevel: 2 }))).toMatchObject({ code: null });
    expect(await changesOf(gateway, id)).toMatchObject([{ by: admin, reason: 'Waited' }]);
  });

  it('another change of the same person is kept, and the entry begins where that one ended', async () => {
    const id = await somebody();
    const statement = `UPDATE users SET max_risk_score = 20, role = 'security_manager' WHERE id = ${String(id)}`;
    expect(await held(statement, setting(ADMIN, id, { approvalLevel: 2 }))).toMatchObject({ code: null });
    const before = { role: 'security_manager', approval_level: null, max_risk_score: 20, active: true };
    expect(await changesOf(gateway, id)).toMatchObject([
      { data: { before, after: { ...before, approval_level: 2 } } },
    ]);
    expect(await storedUser(gateway, id)).toMatchObject({
      role: 'security_manager',
      max_risk_score: 20,
      approval_level: 2,
    });
  });

  it('the very same change of the same person leaves nothing to write', async () => {
    const id = await somebody();
    const statement = `UPDATE users SET approval_level = 2 WHERE id = ${String(id)}`;
    expect(await held(statement, setting(ADMIN, id, { approvalLevel: 2 }))).toMatchObject({ code: null });
    expect(await storedUser(gateway, id)).toMatchObject({ approval_level: 2, version: 2 });
    expect(await changesOf(gateway, id)).toEqual([]);
  });

  it('an admin who becomes the last one cannot step down', async () => {
    const [admin = 0] = await addPeople(gateway, ['Last'], { role: 'admin', organization: 2 });
    const statement = `UPDATE users SET active = false WHERE organization_id = 2 AND id <> ${String(admin)}`;
    expect(await held(statement, setting(admin, admin, { role: 'USER' }))).toMatchObject({
      code: 'LAST_ADMIN',
    });
    expect(await storedUser(gateway, admin)).toMatchObject({ role: 'admin', active: true });
  });
});
