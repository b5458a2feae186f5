import { APIS } from '../../support/apis';
import { startGateway, type Gateway } from '../../support/gateway';
import { changePolicy } from '../../support/policies';
import {
  HOLD,
  inOneStatement,
  someKeys,
  statementsThatSubmitted,
  submitTogether,
  until,
  waiting,
  type Told,
} from '../../support/submit-bursts';
import { entriesOf, MINIMAL, storedAction, submitThrough } from '../../support/submissions';

/** Submissions that are under way together share a statement; the agents notice nothing of it. */
let gateway: Gateway;
/** Forty agents' keys of Acme, and three more. */
let keys: string[];
let fillers: string[];

beforeAll(async () => {
  gateway = await startGateway();
  keys = await someKeys(gateway, 40);
  fillers = await someKeys(gateway, 3);
});
afterAll(() => gateway.close());

/** Checks that each of the answers is about the caller's own action, which is stored with its entry. */
async function expectOwn(answers: readonly Told[], apiKeys = keys): Promise<void> {
  for (const [n, answer] of answers.entries()) {
    expect(answer).toMatchObject({ status: 'pending_approval', action_id: expect.any(Number) });
    const [stored, entries] = [
      await storedAction(gateway, answer['action_id']),
      await entriesOf(gateway, answer['action_id']),
    ];
    expect(stored['target_resource']).toBe(`target-${String(n)}`);
    expect(apiKeys[n]?.startsWith(await prefixOf(stored['submitted_by_api_key']))).toBe(true);
    expect(entries).toMatchObject([
      {
        action_type: 'action_submitted',
        actor_kind: 'api_key',
        actor_id: stored['submitted_by_api_key'],
        correlation_id: answer['correlation_id'],
      },
    ]);
  }
  expect(new Set(answers.map(({ action_id: id }) => id)).size).toBe(answers.length);
}

async function prefixOf(id: number): Promise<string> {
  const text = 'SELECT prefix FROM api_keys WHERE id = $1';
  const [row] = await gateway.database.sql<{ prefix: string }>(text, [id]);
  if (row === undefined) throw new Error(`There is no API key ${String(id)}`);
  return row.prefix;
}

async function countActions(): Promise<number> {
  const [row] = await gateway.database.sql<{ count: number }>('SELECT count(*) FROM actions');
  return row?.count ?? 0;
}

/** Runs SQL meanwhile on every new action, or on every statement that adds some. */
async function whileAdded<T>(body: string, level: 'ROW' | 'STATEMENT', work: () => Promise<T>): Promise<T> {
  const added = level === 'ROW' ? '' : 'REFERENCING NEW TABLE AS added';
  await gateway.database.sql(
    `CREATE OR REPLACE FUNCTION disturb() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN NEW; END $$`,
  );
  await gateway.database.sql(
    `CREATE TRIGGER disturb AFTER INSERT ON actions ${added} FOR EACH ${level} EXECUTE FUNCTION disturb()`,
  );
  try {
    return await work();
  } finally {
    await gateway.database.sql('DROP TRIGGER disturb ON actions');
  }
}

describe.each(APIS)('forty agents that submit at the same moment over %s', (api) => {
  it('share statements, and each gets its own action, with the audit ids in the order of the actions', async () => {
    const answers = await inOneStatement(gateway, fillers, 40, () => submitTogether(gateway, api, keys));
    await expectOwn(answers);
    expect(statementsThatSubmitted(gateway).map(({ length }) => length)).toEqual([1, 1, 1, 40]);
    const order = await gateway.database.sql(
      `SELECT array_agg(action_id ORDER BY id) = array_agg(action_id ORDER BY action_id) AS stable
       FROM audit_log WHERE action_id = ANY ($1)`,
      [answers.map(({ action_id: id }) => id)],
    );
    expect(order).toEqual([{ stable: true }]);
  });

  it('are identified in shared statements, and their ids are drawn in shared ones', async () => {
    gateway.database.statements.length = 0;
    await submitTogether(gateway, api, keys);
    const names = gateway.database.statements.map(({ name }) => name);
    for (const name of ['api_keys_by_prefix', 'prepare_submission', 'submit'])
      expect(names.filter((known) => known === name).length).toBeLessThan(40);
  });

  it('get each its own refusal: a score that it may not set, or a key that was used for another request', async () => {
    const headers = (n: number) => ({ 'x-correlation-id': `own-${api}-${String(n)}` });
    await submitTogether(gateway, api, keys.slice(0, 10), (n) => ({ headers: headers(n) }));
    const before = await countActions();
    const answers = await inOneStatement(gateway, fillers, 30, () =>
      submitTogether(gateway, api, keys, (n) => ({
        headers: headers(n),
        body: n < 10 ? { description: 'another' } : n < 20 ? { risk_score: 1 } : {},
      })),
    );
    expect(answers.map(({ error_code: code }) => code ?? null)).toEqual(
      keys.map((_, n) => (n < 10 ? 'IDEMPOTENCY_KEY_REUSED' : n < 20 ? 'INSUFFICIENT_PERMISSIONS' : null)),
    );
    expect(await countActions()).toBe(before + 3 + 20);
  });

  it('get each its own score, and what the policy approves is approved automatically with both entries', async () => {
    const scoringRules = [
      { toolName: 'sql', score: 45 },
      { toolName: 'read', score: 5 },
    ];
    await changePolicy(gateway, { scoringRules, autoApproveBelow: 40 });
    const answers = await inOneStatement(gateway, fillers, 40, () =>
      submitTogether(gateway, api, keys, (n) => ({ body: { tool_name: n % 2 === 0 ? 'read' : 'sql' } })),
    );
    await changePolicy(gateway, { scoringRules: [], autoApproveBelow: null });
    expect(answers.map(({ status, risk_score: score }) => [status, score])).toEqual(
      keys.map((_, n) => (n % 2 === 0 ? ['approved', 5] : ['pending_approval', 45])),
    );
    const last: number[] = [];
    for (const { action_id: id, status } of [...answers].sort((a, b) => a['action_id'] - b['action_id'])) {
      const entries = await entriesOf(gateway, id);
      expect(entries.map(({ action_type: type }) => type)).toEqual(
        status === 'approved' ? ['action_submitted', 'action_approved'] : ['action_submitted'],
      );
      last.push(...entries.map((entry) => entry['id']));
    }
    expect(last).toEqual([...last].sort((a, b) => a - b));
  });
});

describe('forty agents that submit at the same moment', () => {
  it('are not affected by a neighbour whose action the database refuses', async () => {
    const answers = await whileAdded(
      `IF NEW.target_resource = 'target-17' THEN RAISE EXCEPTION 'no'; END IF;`,
      'ROW',
      () => inOneStatement(gateway, fillers, 40, () => submitTogether(gateway, 'rest', keys)),
    );
    expect(answers.map(({ error_code: code }) => code ?? null)).toEqual(
      keys.map((_, n) => (n === 17 ? 'INTERNAL_ERROR' : null)),
    );
    await expectOwn(answers.slice(0, 17));
  });

  it('are stored one by one where the database refuses every statement that adds several', async () => {
    const answers = await whileAdded(
      `IF (SELECT count(*) FROM added) > 1 THEN RAISE EXCEPTION 'no'; END IF;`,
      'STATEMENT',
      () => inOneStatement(gateway, fillers, 40, () => submitTogether(gateway, 'rest', keys)),
    );
    await expectOwn(answers);
  });

  it.each([
    ['API key', 'SELECT FROM api_keys WHERE owner_id = 2 FOR NO KEY UPDATE'],
    ['owner', 'SELECT FROM users WHERE organization_id = 1 AND id = 2 FOR NO KEY UPDATE'],
  ])('do not wait for a neighbour whose %s is locked', async (_what, text) => {
    const held = await gateway.apiKey({ owner: 2 });
    const { late } = await gateway.database.owner.transaction(async (holder) => {
      await holder.query({ name: 'hold', text }, []);
      const late = submitTogether(gateway, 'rest', [held]);
      await expectOwn(await submitTogether(gateway, 'rest', keys));
      await until(async () => (await waiting(gateway)) === 1);
      return { late };
    });
    await expectOwn(await late, [held]);
  });

  it('are told 503 where the connection is lost before the commit, and may try again', async () => {
    const before = await countActions();
    const lost = await whileAdded('PERFORM pg_terminate_backend(pg_backend_pid());', 'ROW', () =>
      submitTogether(gateway, 'rest', keys),
    );
    expect(new Set(lost.map(({ error_code: code }) => code))).toEqual(new Set(['SERVICE_UNAVAILABLE']));
    expect(await countActions()).toBe(before);
    await expectOwn(await submitTogether(gateway, 'rest', keys));
  });

  it('with large values are stored in statements of a bounded size', async () => {
    const parameters = { text: 'é'.repeat(32_000) };
    const answers = await inOneStatement(gateway, fillers, 40, () =>
      submitTogether(gateway, 'rest', keys, () => ({ body: { parameters } })),
    );
    await expectOwn(answers);
    expect((await storedAction(gateway, answers[39]?.['action_id']))['parameters']).toEqual(parameters);
    const sizes = gateway.database.statements
      .filter(({ name }) => name === 'submit')
      .map(({ values }) => Buffer.byteLength(String(values[4])));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(40 * 64_000);
    expect(Math.max(...sizes)).toBeLessThan(1_100_000);
  });

  it.each([
    ['policy is being changed', HOLD.text],
    ['row is locked', 'SELECT FROM organizations WHERE id = 1 FOR UPDATE'],
  ])('do not delay another organization, although their own organization’s %s', async (_what, text) => {
    const other = await gateway.apiKey({ organization: 2 });
    const { late } = await gateway.database.owner.transaction(async (holder) => {
      await holder.query({ name: 'hold', text }, []);
      const late = submitTogether(gateway, 'rest', keys);
      await until(async () => (await waiting(gateway)) >= 1);
      for (const api of APIS)
        expect(await submitThrough(gateway, api, MINIMAL, { apiKey: other })).toMatchObject({
          status: 'pending_approval',
        });
      return { late };
    });
    await expectOwn(await late);
  });
});
