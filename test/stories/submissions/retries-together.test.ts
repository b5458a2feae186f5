import { APIS } from '../../support/apis';
import { startGateway, type Gateway } from '../../support/gateway';
import {
  HOLD,
  inOneStatement,
  someKeys,
  statementsThatSubmitted,
  submitTogether,
  until,
  waiting,
} from '../../support/submit-bursts';
import { MINIMAL, submit } from '../../support/submissions';

/** Submissions that are repeated under one idempotency key, in the statement that they share. */
let gateway: Gateway;
let fillers: string[];

beforeAll(async () => {
  gateway = await startGateway();
  fillers = await someKeys(gateway, 3);
});
afterAll(() => gateway.close());

let bursts = 0;

async function countActions(): Promise<number> {
  const [row] = await gateway.database.sql<{ count: number }>('SELECT count(*) FROM actions');
  return row?.count ?? 0;
}

describe.each(APIS)('a request that is sent twice in one burst over %s', (api) => {
  it('is one action, and the other gets its replay', async () => {
    const keys = await someKeys(gateway, 4);
    bursts += 1;
    const headers = (n: number) => ({ 'x-correlation-id': `twice-${String(bursts)}-${String(n % 4)}` });
    const before = await countActions();
    const answers = await inOneStatement(gateway, fillers, 8, () =>
      submitTogether(gateway, api, [...keys, ...keys], (n) => ({
        headers: headers(n),
        body: { target_resource: 'same' },
      })),
    );
    expect(statementsThatSubmitted(gateway).map(({ length }) => length)).toEqual([1, 1, 1, 8]);
    for (let n = 0; n < 4; n += 1) {
      expect(answers[n]).toMatchObject({ status: 'pending_approval' });
      expect(answers[n + 4]).toEqual(answers[n]);
    }
    expect(await countActions()).toBe(before + 3 + 4);
  });

  it('with another content is refused the second time, and only there', async () => {
    const [key = ''] = await someKeys(gateway, 1);
    bursts += 1;
    const headers = { 'x-correlation-id': `unlike-${String(bursts)}` };
    const answers = await inOneStatement(gateway, fillers, 2, () =>
      submitTogether(gateway, api, [key, key], () => ({ headers })),
    );
    expect(answers.map(({ error_code: code }) => code ?? 'stored').sort()).toEqual([
      'IDEMPOTENCY_KEY_REUSED',
      'stored',
    ]);
  });
});

it.each([1, 5])(
  'a key that somebody takes at the last moment is answered from their record, among %s that share the statement',
  async (count) => {
    const keys = await someKeys(gateway, count);
    const headers = { 'x-correlation-id': `late-${String(count)}` };
    // Another key's record stands for a request that another process finishes between the snapshot and the commit.
    await submit(gateway, MINIMAL, { apiKey: fillers[0] ?? '', headers });
    const taken = `INSERT INTO idempotency_keys (organization_id, principal_kind, principal_id, key, request_hash, outcome, created_at)
      SELECT 1, 'api_key', (SELECT max(id) - ${String(count - 1)} FROM api_keys), key, request_hash, outcome, created_at
      FROM idempotency_keys WHERE key = 'correlation:late-${String(count)}'`;
    const work = () =>
      submitTogether(gateway, 'rest', keys, () => ({ headers, body: { target_resource: null } }));
    const { late } = await gateway.database.owner.transaction(async (holder) => {
      await holder.query(HOLD, []);
      const late = work();
      await until(async () => (await waiting(gateway)) > 0);
      await gateway.database.sql(taken);
      return { late };
    });
    const [first, ...others] = await late;
    const replayed = await submit(gateway, MINIMAL, { apiKey: fillers[0] ?? '', headers });
    expect(first?.['action_id']).toBe(replayed.body.action_id);
    expect(new Set([first, ...others].map((told) => told?.['action_id'])).size).toBe(count);
    for (const told of others) expect(told).toMatchObject({ status: 'pending_approval' });
  },
);
