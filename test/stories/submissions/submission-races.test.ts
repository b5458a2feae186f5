import { APIS } from '../../support/apis';
import type { Gateway } from '../../support/gateway';
import { setUsers } from '../../support/people';
import { changePolicy, policyOf } from '../../support/policies';
import { startRace } from '../../support/racing';
import { cases } from '../../support/runs';
import { someKeys, type Told } from '../../support/submit-bursts';
import { MINIMAL, submitThrough } from '../../support/submissions';

/** Submissions in shared statements race with each other and with changes of what allows them. */
let gateways: readonly [Gateway, Gateway];
let gateway: Gateway;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ gateways, close } = await startRace());
  [gateway] = gateways;
});
afterAll(() => close());

const ADMIN = 1;

async function entriesAfter(first: number): Promise<Record<string, any>[]> {
  return gateway.database.sql(
    'SELECT id, action_type, actor_kind, actor_id, on_behalf_of, action_id, policy_version, risk_score FROM audit_log WHERE id > $1 AND organization_id = 1 ORDER BY id',
    [first],
  );
}

async function lastEntry(): Promise<number> {
  const [row] = await gateway.database.sql<{ id: number }>(
    'SELECT coalesce(max(id), 0) AS id FROM audit_log',
  );
  return row?.id ?? 0;
}

/** Submits through both gateways and both APIs, many times, while a change is made in the middle. */
async function burstAround(keys: readonly string[], change: () => Promise<unknown>): Promise<Told[]> {
  const asked: Promise<Told>[] = [];
  let changed: Promise<unknown> = Promise.resolve();
  const count = cases(80, 1000);
  for (let n = 0; n < count; n += 1) {
    const through = gateways[n % 2] ?? gateway;
    const apiKey = keys[n % keys.length] ?? '';
    asked.push(submitThrough(through, APIS[(n >> 1) % 2] ?? 'rest', MINIMAL, { apiKey }));
    if (n === count / 2) changed = change();
    if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await changed;
  return Promise.all(asked);
}

/** The ids that the answers name, in order. */
const idsIn = (answers: readonly Told[]): number[] =>
  answers
    .map(({ action_id: id }) => id)
    .filter((id) => id !== undefined)
    .sort((one, other) => one - other);

it('a key that is revoked during a burst submits nothing afterwards, and another key is not affected', async () => {
  const keys = await someKeys(gateway, 2);
  const [row] = await gateway.database.sql<{ id: number }>('SELECT max(id) - 1 AS id FROM api_keys');
  const first = await lastEntry();
  const answers = await burstAround(keys, () =>
    gateway.graphql(`mutation { revokeApiKey(id: ${String(row?.id)}, reason: "r") { id } }`, {
      user: ADMIN,
    }),
  );
  const entries = await entriesAfter(first);
  const revoked = entries.findIndex(({ action_type: type }) => type === 'api_key_revoked');
  expect(revoked).toBeGreaterThanOrEqual(0);
  expect(
    entries
      .slice(revoked)
      .filter(({ actor_kind: kind, actor_id: id }) => kind === 'api_key' && id === row?.id),
  ).toEqual([]);
  expect(
    entries
      .filter(({ action_type: type }) => type === 'action_submitted')
      .map((entry) => entry['action_id'])
      .sort((a, b) => a - b),
  ).toEqual(idsIn(answers));
  const codes = (mine: number) =>
    new Set(answers.filter((_, n) => n % 2 === mine).map(({ error_code: code }) => code ?? 'stored'));
  expect(
    [...codes(0)].filter((code) => !['stored', 'INVALID_API_KEY', 'REVOKED_API_KEY'].includes(code)),
  ).toEqual([]);
  expect([...codes(1)]).toEqual(['stored']);
});

it('an owner who is deactivated during a burst has nothing submitted afterwards, and other owners are not affected', async () => {
  const keys = [...(await someKeys(gateway, 1, { owner: 3 })), ...(await someKeys(gateway, 1))];
  const first = await lastEntry();
  const answers = await burstAround(keys, () => setUsers(gateway, ADMIN, [3], { active: false }));
  const entries = await entriesAfter(first);
  await setUsers(gateway, ADMIN, [3], { active: true });
  const changed = entries.findIndex(({ action_type: type }) => type === 'user_changed');
  expect(changed).toBeGreaterThanOrEqual(0);
  expect(entries.slice(changed).filter(({ on_behalf_of: owner }) => owner === 3)).toEqual([]);
  const codes = (mine: number) =>
    new Set(answers.filter((_, n) => n % 2 === mine).map(({ error_code: code }) => code ?? 'stored'));
  expect([...codes(0)].filter((code) => !['stored', 'INVALID_API_KEY'].includes(code))).toEqual([]);
  expect([...codes(1)]).toEqual(['stored']);
});

it('a policy that is changed during a burst scores everything that is stored after it, and nothing before', async () => {
  const keys = await someKeys(gateway, 4);
  const first = await lastEntry();
  const before = (await policyOf(gateway, ADMIN)).version;
  const answers = await burstAround(keys, () =>
    changePolicy(gateway, { scoringRules: [{ actionType: '*', score: 7 }], autoApproveBelow: 50 }),
  );
  await changePolicy(gateway, { scoringRules: [], autoApproveBelow: null });
  const entries = await entriesAfter(first);
  const isChange = ({ action_type: type }: Record<string, any>) => type === 'policy_changed';
  const changed = entries.findIndex(isChange);
  const end = entries.findLastIndex(isChange);
  expect(end).toBeGreaterThan(changed);
  const kindsOf = (some: readonly Record<string, any>[]) =>
    new Set(
      some.map(
        (entry) =>
          `${String(entry['action_type'])} ${String(entry['policy_version'] - before)} ${String(entry['risk_score'])}`,
      ),
    );
  expect([...kindsOf(entries.slice(0, changed))].filter((kind) => kind !== 'action_submitted 0 95')).toEqual(
    [],
  );
  expect(
    [...kindsOf(entries.slice(changed + 1, end))].filter(
      (kind) => !['action_submitted 1 7', 'action_approved 1 7'].includes(kind),
    ),
  ).toEqual([]);
  expect(idsIn(answers)).toHaveLength(answers.length);
  for (const { status, policy_version: version } of answers)
    expect([status, version - before]).toEqual(
      version === before ? ['pending_approval', 0] : ['approved', 1],
    );
});
