import { newCorrelationId } from '../../../src/domain/correlation';
import { OmittedRefusalsDatabase } from '../../../src/persistence/decisions/refusals.store';
import { makeCloseRefusals } from '../../../src/use-cases/decisions/close-refusals';
import { startGateway, type Gateway } from '../../support/gateway';
import { kindsOf, recordsIn, verdictOn } from '../../support/sealed-log';

/** However often a caller is denied, the audit log grows by a bounded number of entries, which count the rest. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
beforeEach(() => gateway.database.sql('TRUNCATE refusal_throttle, refusal_windows'));

const ANALYST = 4;

const denialRecords = (user: number) =>
  gateway.database.sql<Record<string, any>>(
    `SELECT verdict, refusal_code, action_id, data, details FROM audit_log
     WHERE action_type = 'decision_refused' AND coalesce(on_behalf_of, actor_id) = $1 ORDER BY id`,
    [user],
  );

async function flood(verdict: string, from: number, count: number, credential: object): Promise<void> {
  for (let id = from; id < from + count; id += 20)
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        gateway.rest('POST', `/api/v1/actions/${String(id + n)}/${verdict}`, credential),
      ),
    );
}

/** Ends the current minute, and closes it as the gateway does once it is over. */
async function closeMinutes(): Promise<void> {
  await gateway.database.sql(`UPDATE refusal_windows SET minute = minute - interval '10 minutes'`);
  const store = new OmittedRefusalsDatabase(gateway.database.application);
  await makeCloseRefusals(store, () => newCorrelationId(new Date()))(new AbortController().signal);
}

it.each([
  ['an analyst', ANALYST, () => Promise.resolve({ user: ANALYST })],
  ['an API key', 3, async () => ({ apiKey: await gateway.apiKey({ owner: 3 }) })],
])(
  '%s who invents ids leaves at most a hundred entries a minute, and one that counts the rest',
  async (_who, user, credentialOf) => {
    const credential = await credentialOf();
    // At most three minutes, should the clock pass one: none holds more than a hundred entries and what came at its
    // last moment.
    await flood('approve', 900_000, 400, credential);
    const recorded = (await denialRecords(user)).length;
    expect(recorded).toBeLessThan(250);
    expect(recorded).toBeGreaterThanOrEqual(100);
    await closeMinutes();
    const closing = (await denialRecords(user)).filter(({ data }) => data?.omitted !== undefined);
    expect(closing.reduce((sum, { data }) => sum + Number(data.omitted), 0)).toBe(400 - recorded);
    for (const entry of closing) {
      expect(entry).toMatchObject({ verdict: 'approve', action_id: null, refusal_code: expect.any(String) });
      expect(Date.parse(entry['data'].to) - Date.parse(entry['data'].from)).toBe(60_000);
    }
    await closeMinutes();
    expect((await denialRecords(user)).length).toBe(recorded + closing.length);
    expect(kindsOf(await verdictOn(await recordsIn(gateway.database.application, 1)))).toEqual([]);
  },
);

it('a denied approval hides no denied rejection, of the same action or after a flood', async () => {
  const verdictsOn = async (id: number) =>
    (await denialRecords(5)).filter(({ action_id: action }) => action === id).map(({ verdict }) => verdict);
  for (const verdict of ['approve', 'reject', 'approve', 'reject'])
    await gateway.rest('POST', `/api/v1/actions/12351/${verdict}`, { user: 5 });
  expect(await verdictsOn(12351)).toEqual(['approve', 'reject']);
  const credential = { apiKey: await gateway.apiKey({ owner: 5 }) };
  await flood('approve', 910_000, 300, credential);
  await gateway.rest('POST', '/api/v1/actions/910000/reject', credential);
  expect(await verdictsOn(910_000)).toEqual(['approve', 'reject']);
});

it('a denied bulk is recorded completely', async () => {
  const ids = await gateway.addActions(Array.from({ length: 150 }, () => 95));
  const body = { action_ids: ids };
  await gateway.rest('POST', '/api/v1/actions/bulk-approve', { user: 42, body });
  expect(await denialRecords(42)).toHaveLength(150);
});
