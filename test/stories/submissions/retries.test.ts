import { request as httpRequest } from 'node:http';
import { purgeIdempotencyRecords } from '../../../src/persistence/decisions/idempotency-records.store';
import { APIS, type Api } from '../../support/apis';
import { startGateway, type Answer, type Gateway } from '../../support/gateway';
import { setUsers } from '../../support/people';
import { changePolicy } from '../../support/policies';
import { codeOf, graphqlCodeOf } from '../../support/refusals';
import { MINIMAL, SDK_BODY, sdkHeaders, submit } from '../../support/submissions';
import { whileHeld } from '../../support/waiting';

/**
 * A request that is repeated under the same key takes effect once, and its response is replayed
 * (docs/rest-api.md#idempotency-keys).
 */
let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

let keys = 0;
const newKey = () => `key ${String((keys += 1))}`;
const ADMIN = 1;
const MANAGER = 42;

interface Given {
  readonly key?: string;
  readonly user?: number;
  readonly reason?: string;
  readonly mode?: 'atomic';
}

const SHOWN = `actionId status decidedAt reason correlationId approvalsReceived approvalsRequired decidedBy { id } auditLog { id }`;

/** Decides through an API under a key; the answer's facts in one shape for both APIs. */
async function decide(api: Api, verdict: string, ids: number | readonly number[], given: Given) {
  return factsOf(await ask(api, verdict, ids, given));
}

function ask(
  api: Api,
  verdict: string,
  ids: number | readonly number[],
  { key, user = ADMIN, ...given }: Given,
) {
  const isBulk = typeof ids !== 'number';
  if (api === 'rest') {
    const path = isBulk ? `bulk-${verdict}` : `${String(ids)}/${verdict}`;
    const body = { ...given, ...(isBulk && { action_ids: ids }) };
    const headers = key === undefined ? {} : { 'idempotency-key': key };
    return gateway.rest('POST', `/api/v1/actions/${path}`, { user, body, headers });
  }
  const field = isBulk ? `bulk${verdict === 'approve' ? 'Approve' : 'Reject'}Actions` : `${verdict}Action`;
  const args = isBulk ? 'actionIds: $ids, mode: $mode' : 'actionId: $ids';
  const head = isBulk ? '$ids: [ID!]!, $mode: BulkMode!' : '$ids: ID!';
  const shown = isBulk
    ? `correlationId requested succeeded failed results { actionId decision { ${SHOWN} } refusal { code detail } }`
    : SHOWN;
  const query = `mutation (${head}, $reason: String, $key: String) {
    done: ${field}(${args}, reason: $reason, idempotencyKey: $key) { ${shown} } }`;
  const { mode = 'best_effort', reason } = given;
  const variables = { ids, reason, key, ...(isBulk && { mode: mode.toUpperCase() }) };
  return gateway.graphql(query, { user, variables });
}

/** What identifies the effect: who, what, when. */
function factsOf({ body }: Answer): Record<string, any> {
  const [error] = body.errors?.[0]?.extensions === undefined ? [] : body.errors;
  if (error !== undefined) return { code: error.extensions.code };
  if (body.error_code !== undefined && body.results === undefined) return { code: body.error_code };
  const done = body.data?.done ?? body;
  const { results, correlation_id, correlationId = correlation_id } = done;
  if (results === undefined) return decisionFacts(done);
  return {
    correlation: correlationId,
    succeeded: done.succeeded,
    items: results.map((item: any) => {
      const { refusal, decision } = item;
      const code = item.error_code ?? refusal?.code;
      return code === undefined
        ? decisionFacts(decision ?? item)
        : { id: Number(item.action_id ?? item.actionId), code, detail: item.detail ?? refusal.detail };
    }),
  };
}

function decisionFacts(decision: any) {
  if (decision.actionId === undefined) {
    const { action_id: id, status, correlation_id: correlation } = decision;
    return { id, status, correlation };
  }
  const { actionId, status, correlationId } = decision;
  return {
    id: Number(actionId),
    status: status.toLowerCase(),
    correlation: correlationId,
  };
}

async function entriesOf(...ids: number[]) {
  const rows = await gateway.database.sql<{ action_type: string }>(
    'SELECT action_type FROM audit_log WHERE action_id = ANY($1) ORDER BY id',
    [ids],
  );
  return rows.map(({ action_type: type }) => type);
}

const other = (api: Api): Api => (api === 'rest' ? 'graphql' : 'rest');

describe.each(APIS)('a reviewer who repeats a decision over %s', (api) => {
  it.each(['approve', 'reject'])(
    'gets the same decision to %s, over either API, and it is one',
    async (verdict) => {
      const [id = 0] = await gateway.addActions([20]);
      const given = { key: newKey(), reason: 'looked at' };
      const first = await decide(api, verdict, id, given);
      expect(first).toMatchObject({ id, status: verdict === 'approve' ? 'approved' : 'denied' });
      for (const again of [api, other(api), api])
        expect(await decide(again, verdict, id, given)).toEqual(first);
      expect(await entriesOf(id)).toEqual([verdict === 'approve' ? 'action_approved' : 'action_denied']);
    },
  );

  it('gets the very body and status of the first response', async () => {
    const [id = 0] = await gateway.addActions([20]);
    const given = { key: newKey() };
    const [first, again] = [await ask(api, 'approve', id, given), await ask(api, 'approve', id, given)];
    expect([again.status, again.text]).toEqual([first.status, first.text]);
  });

  it('reads of a vote that it still waits for others, although the action was decided since', async () => {
    await changePolicy(gateway, { quorum: { low: 2 } });
    const [id = 0] = await gateway.addActions([20]);
    const given = { key: newKey(), user: MANAGER };
    const voted = await ask(api, 'approve', id, given);
    expect(voted.status).toBe(api === 'rest' ? 202 : 200);
    expect(await decide(api, 'approve', id, given)).toEqual(factsOf(voted));
    expect(await decide(api, 'approve', id, { user: ADMIN })).toMatchObject({ status: 'approved' });
    expect(await decide(other(api), 'approve', id, given)).toEqual(factsOf(voted));
    expect(factsOf(voted)['status']).toBe('pending_approval');
    expect(await entriesOf(id)).toEqual(['vote_recorded', 'action_approved']);
    await changePolicy(gateway, { quorum: { low: 1 } });
  });

  it('gets the whole response of a bulk, refused items included', async () => {
    const ids = [...(await gateway.addActions([20, 30])), 999_999];
    await decide('rest', 'reject', ids[1] ?? 0, {});
    const given = { key: newKey() };
    const first = await decide(api, 'approve', ids, given);
    expect(first['items'].map((item: any) => item.code ?? item.status)).toEqual([
      'approved',
      'INVALID_STATE',
      'ACTION_NOT_FOUND',
    ]);
    const before = await entriesOf(...ids);
    expect(await decide(api, 'approve', ids, given)).toEqual(first);
    expect(await decide(other(api), 'approve', ids, given)).toEqual(first);
    expect(await entriesOf(...ids)).toEqual(before);
  });

  it('gets the response of an all-or-none bulk, and of one that was refused nothing', async () => {
    const [one = 0, two = 0] = await gateway.addActions([20, 30]);
    const given = { key: newKey(), mode: 'atomic' } as const;
    await decide('rest', 'reject', two, {});
    expect((await ask(api, 'approve', [one, two], given)).body).toBeDefined();
    expect(await entriesOf(one)).toEqual([]);
    const [three = 0] = await gateway.addActions([25]);
    const first = await decide(api, 'approve', [one, three], given);
    expect(first['succeeded']).toBe(2);
    expect(await decide(other(api), 'approve', [one, three], given)).toEqual(first);
    expect(await entriesOf(one, three)).toEqual(['action_approved', 'action_approved']);
  });

  it('is refused another request under a used key, and nothing is done', async () => {
    const [one = 0, two = 0] = await gateway.addActions([20, 20]);
    const key = newKey();
    await decide(api, 'approve', one, { key });
    const attempts = [
      await ask(api, 'approve', two, { key }),
      await ask(api, 'reject', one, { key }),
      await ask(api, 'approve', one, { key, reason: 'another' }),
      await ask(api, 'approve', [one], { key }),
      await ask(api, 'approve', [two], { key }),
    ];
    for (const answer of attempts) {
      if (api === 'rest') expect(codeOf(answer)).toBe('422 IDEMPOTENCY_KEY_REUSED');
      else expect(graphqlCodeOf(answer)).toBe('IDEMPOTENCY_KEY_REUSED');
    }
    expect(await entriesOf(two)).toEqual([]);
  });

  it('gets no replay of a refusal: the request is tried again', async () => {
    const [id = 0] = await gateway.addActions([50]);
    await setUsers(gateway, ADMIN, [3], { approvalLevel: 1 });
    const given = { key: newKey(), user: 3 };
    expect(await decide(api, 'approve', id, given)).toEqual({ code: 'APPROVAL_LEVEL_REQUIRED' });
    const bulk = { key: newKey(), user: 3 };
    expect((await decide(api, 'approve', [id], bulk))['items'][0].code).toBe('APPROVAL_LEVEL_REQUIRED');
    await setUsers(gateway, ADMIN, [3], { approvalLevel: 2 });
    expect(await decide(api, 'approve', id, given)).toMatchObject({ status: 'approved' });
    expect((await decide(api, 'approve', [id], bulk))['items'][0].code).toBe('INVALID_STATE');
    await setUsers(gateway, ADMIN, [3], { approvalLevel: null });
  });

  it.each([
    ['made a user', { role: 'USER' }, { role: 'MANAGER' }, 'INSUFFICIENT_PERMISSIONS'],
    ['left a lower level', { approvalLevel: 1 }, { approvalLevel: 2 }, 'APPROVAL_LEVEL_REQUIRED'],
    ['given a lower limit', { maxRiskScore: 10 }, { maxRiskScore: null }, 'RISK_LIMIT_EXCEEDED'],
    ['deactivated', { active: false }, { active: true }, 'INVALID_TOKEN'],
  ])('gets no replay once they are %s', async (_title, demotion, restored, code) => {
    const [one = 0, two = 0] = await gateway.addActions([50, 50]);
    const [single, bulk] = [newKey(), newKey()].map((key) => ({ key, user: MANAGER }));
    const first = await decide(api, 'approve', one, single ?? {});
    await decide(api, 'approve', [two], bulk ?? {});
    await setUsers(gateway, ADMIN, [MANAGER], demotion);
    expect(await decide(api, 'approve', one, single ?? {})).toEqual({ code });
    expect(await decide(api, 'approve', [two], bulk ?? {})).toEqual({ code });
    await setUsers(gateway, ADMIN, [MANAGER], restored);
    expect(await decide(api, 'approve', one, single ?? {})).toEqual(first);
  });

  it('costs no statement more with a key than without, and a replay writes nothing', async () => {
    const [one = 0, two = 0] = await gateway.addActions([20, 20]);
    const names = async (id: number, given: Given) => {
      gateway.database.statements.length = 0;
      await decide(api, 'approve', id, given);
      return gateway.database.statements.map(({ name }) => name);
    };
    const without = await names(one, {});
    const given = { key: newKey() };
    expect(await names(two, given)).toEqual(without);
    expect((await names(two, given)).filter((name) => /^(decide|refuse|begin|remember)/.test(name))).toEqual(
      [],
    );
  });
});

it("one person's key is not another's, and another person's same key is free", async () => {
  const [one = 0, two = 0] = await gateway.addActions([20, 20]);
  const key = newKey();
  expect(await decide('rest', 'approve', one, { key, user: ADMIN })).toMatchObject({ status: 'approved' });
  expect(await decide('rest', 'approve', two, { key, user: 2 })).toMatchObject({ status: 'approved' });
  expect(await decide('rest', 'approve', one, { key, user: 2 })).toEqual({ code: 'IDEMPOTENCY_KEY_REUSED' });
});

it.each(['', 'x'.repeat(256), 'é'])(
  'the key %j is refused as malformed, and nothing is done',
  async (key) => {
    const [id = 0] = await gateway.addActions([20]);
    expect(await decide('graphql', 'approve', id, { key })).toEqual({ code: 'VALIDATION_ERROR' });
    const headers = { 'idempotency-key': Buffer.from(key, 'utf8').toString('latin1') };
    const answer = await gateway.rest('POST', `/api/v1/actions/${String(id)}/approve`, {
      user: ADMIN,
      headers,
    });
    expect(codeOf(answer)).toBe('422 VALIDATION_ERROR');
    expect(answer.body.errors[0].loc).toEqual(['header', 'Idempotency-Key']);
    expect(await entriesOf(id)).toEqual([]);
  },
);

describe('fifty requests at once under one key', () => {
  const fifty = <T>(work: (index: number) => Promise<T>) =>
    Promise.all(Array.from({ length: 50 }, (_, index) => work(index)));
  const summary = (answers: readonly Record<string, any>[]) => {
    const told = answers.filter(({ code }) => code !== 'IDEMPOTENCY_CONFLICT');
    return { distinct: new Set(told.map((facts) => JSON.stringify(facts))).size, first: told[0] };
  };

  it('to decide one action are one decision, and every other gets its replay, or is told that it is under way', async () => {
    const [id = 0] = await gateway.addActions([20]);
    const key = newKey();
    const { distinct, first } = summary(
      await fifty((index) => decide(index % 2 === 0 ? 'rest' : 'graphql', 'approve', id, { key })),
    );
    expect(distinct).toBe(1);
    expect(first).toMatchObject({ status: 'approved' });
    expect(await entriesOf(id)).toEqual(['action_approved']);
  });

  it('to decide in bulk are one bulk', async () => {
    const ids = await gateway.addActions([20, 30, 40]);
    const key = newKey();
    const { distinct, first } = summary(await fifty(() => decide('rest', 'approve', ids, { key })));
    expect([distinct, first?.['succeeded']]).toEqual([1, 3]);
    expect((await entriesOf(...ids)).length).toBe(3);
  });

  it('to submit are one action', async () => {
    const apiKey = await gateway.apiKey({});
    const headers = { 'idempotency-key': newKey() };
    const answers = await fifty(() => submit(gateway, SDK_BODY, { apiKey, headers }));
    const told = answers.filter(({ status }) => status !== 409);
    expect(new Set(told.map(({ text }) => text)).size).toBe(1);
    const [{ count } = { count: 0 }] = await gateway.database.sql<{ count: number }>(
      `SELECT count(*) FROM actions WHERE submitted_by_api_key = (SELECT max(id) FROM api_keys)`,
    );
    expect(count).toBe(1);
    expect(await entriesOf(told[0]?.body.action_id)).toEqual(['action_submitted']);
  });

  it('for different actions decide one, and the others are refused as another request', async () => {
    const ids = await gateway.addActions(Array.from({ length: 50 }, () => 20));
    const key = newKey();
    const codes = (await fifty((index) => decide('rest', 'approve', ids[index] ?? 0, { key }))).map(
      ({ code, status }) => code ?? status,
    );
    expect(codes.filter((code) => code === 'approved').length).toBe(1);
    expect(new Set(codes.filter((code) => code !== 'approved'))).toEqual(new Set(['IDEMPOTENCY_KEY_REUSED']));
    expect(await entriesOf(...ids)).toEqual(['action_approved']);
  });
});

it('a repeated request while the first is still under way is a 409, and waits for no lock of others', async () => {
  const [id = 0] = await gateway.addActions([20]);
  const given = { key: newKey() };
  let second: Promise<Record<string, any>> | undefined;
  const held = `SELECT FROM actions WHERE id = ${String(id)} FOR UPDATE`;
  const told = await gateway.database.owner.transaction(async (sql) => {
    await sql.query({ name: 'hold', text: held }, []);
    const first = decide('rest', 'approve', id, given);
    for (let waiting = 0; waiting === 0;) {
      const rows = await gateway.database.sql<{ count: number }>(
        `SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()`,
      );
      waiting = rows[0]?.count ?? 0;
    }
    second = decide('graphql', 'approve', id, given);
    return { first, second: await second };
  });
  expect(told.second).toEqual({ code: 'IDEMPOTENCY_CONFLICT' });
  const first = await told.first;
  expect(first).toMatchObject({ status: 'approved' });
  expect(await decide('graphql', 'approve', id, given)).toEqual(first);
});

it('a response that was lost after the commit is replayed', async () => {
  const [id = 0] = await gateway.addActions([20]);
  const key = newKey();
  const url = new URL(`/api/v1/actions/${String(id)}/approve`, gateway.url);
  const headers = { authorization: `Bearer ${gateway.token(ADMIN)}`, 'idempotency-key': key };
  await gateway.database.owner.transaction(async (sql) => {
    await sql.query({ name: 'hold', text: `SELECT FROM actions WHERE id = ${String(id)} FOR UPDATE` }, []);
    const lost = httpRequest(url, { method: 'POST', headers });
    lost.on('error', () => undefined);
    lost.end();
    for (let waiting = 0; waiting === 0;) {
      const rows = await gateway.database.sql<{ count: number }>(
        `SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()`,
      );
      waiting = rows[0]?.count ?? 0;
    }
    lost.destroy();
  });
  while ((await entriesOf(id)).length === 0);
  const told = await decide('rest', 'approve', id, { key });
  expect(told).toMatchObject({ id, status: 'approved' });
  const [entry] = await gateway.database.sql<{ correlation_id: string }>(
    'SELECT correlation_id FROM audit_log WHERE action_id = $1',
    [id],
  );
  expect(told['correlation']).toBe(entry?.correlation_id);
  expect(await entriesOf(id)).toEqual(['action_approved']);
});

it('a bulk of which one action changed before the write is decided and remembered as a whole', async () => {
  const ids = await gateway.addActions([20, 30]);
  const given = { key: newKey() };
  const change = `UPDATE actions SET version = version + 1, risk_score = 35 WHERE id = ${String(ids[1])}`;
  const [first] = await whileHeld(gateway, change, [() => decide('rest', 'approve', ids, given)]);
  expect(first?.['succeeded']).toBe(2);
  expect(await decide('rest', 'approve', ids, given)).toEqual(first);
  expect((await entriesOf(...ids)).length).toBe(2);
});

describe('an agent that repeats a submission', () => {
  it('under the same X-Correlation-ID, as the SDK does up to 16 times, has submitted once', async () => {
    const key = await gateway.apiKey({});
    const headers = sdkHeaders(key, 'asc_burst');
    const [first, ...more] = await Promise.all(
      Array.from({ length: 16 }, () => submit(gateway, SDK_BODY, { headers })),
    );
    for (const answer of more) expect([answer.status, answer.text]).toEqual([first?.status, first?.text]);
    expect(first?.status).toBe(200);
    const later = await submit(gateway, SDK_BODY, { headers });
    expect(later.text).toBe(first?.text);
    const next = await submit(gateway, SDK_BODY, { headers: sdkHeaders(key, 'asc_other') });
    expect(next.body.action_id).not.toBe(first?.body.action_id);
  });

  it('gets the first response, although the action was decided since', async () => {
    const apiKey = await gateway.apiKey({});
    const given = { apiKey, headers: { 'idempotency-key': newKey() } };
    const first = await submit(gateway, MINIMAL, given);
    await decide('rest', 'approve', first.body.action_id, {});
    expect((await submit(gateway, MINIMAL, given)).text).toBe(first.text);
  });

  it('is refused another action under the same name, by key or by correlation id', async () => {
    const key = await gateway.apiKey({});
    for (const headers of [{ 'idempotency-key': newKey() }, { 'x-correlation-id': 'asc_again' }]) {
      await submit(gateway, MINIMAL, { apiKey: key, headers });
      const answer = await submit(gateway, { ...MINIMAL, description: 'other' }, { apiKey: key, headers });
      expect(codeOf(answer)).toBe('422 IDEMPOTENCY_KEY_REUSED');
    }
  });

  it('over GraphQL after REST, or with its members in another order, has submitted once', async () => {
    const apiKey = await gateway.apiKey({});
    const key = newKey();
    const body = { agent_id: 'a', action_type: 't', parameters: { one: 1, two: { b: 2, a: 1 } } };
    const first = await submit(gateway, body, { apiKey, headers: { 'idempotency-key': key } });
    const turned = { parameters: { two: { a: 1, b: 2 }, one: 1 }, action_type: 't', agent_id: 'a' };
    const again = await submit(gateway, turned, { apiKey, headers: { 'idempotency-key': key } });
    expect(again.text).toBe(first.text);
    const query = `mutation ($input: SubmitActionInput!, $key: String) { submitAction(input: $input, idempotencyKey: $key) {
      actionId correlationId submittedAt action { id status } } }`;
    const input = { agentId: 'a', actionType: 't', parameters: body.parameters };
    const told = (await gateway.graphql(query, { apiKey, variables: { input, key } })).body.data.submitAction;
    expect(told).toMatchObject({
      actionId: String(first.body.action_id),
      correlationId: first.body.correlation_id,
    });
    expect(told.action).toEqual({ id: told.actionId, status: 'PENDING_APPROVAL' });
  });

  it('with a key that was revoked meanwhile gets no replay', async () => {
    const apiKey = await gateway.apiKey({});
    const given = { apiKey, headers: { 'idempotency-key': newKey() } };
    await submit(gateway, MINIMAL, given);
    await gateway.database.sql(
      'UPDATE api_keys SET revoked_at = now() WHERE id = (SELECT max(id) FROM api_keys)',
    );
    expect(codeOf(await submit(gateway, MINIMAL, given))).toBe('401 REVOKED_API_KEY');
  });

  it('by hand under the same X-Correlation-ID has submitted twice: a person needs an idempotency key', async () => {
    const headers = { 'x-correlation-id': 'by-hand' };
    const [one, two] = [
      await submit(gateway, MINIMAL, { user: 4, headers }),
      await submit(gateway, MINIMAL, { user: 4, headers }),
    ];
    expect(one.body.action_id).not.toBe(two.body.action_id);
  });

  it('takes three statements each time', async () => {
    const apiKey = await gateway.apiKey({});
    const given = { apiKey, headers: { 'idempotency-key': newKey() } };
    for (let time = 0; time < 2; time += 1) {
      gateway.database.statements.length = 0;
      await submit(gateway, MINIMAL, given);
      expect(gateway.database.statements.length).toBeLessThanOrEqual(3);
    }
  });
});

it('an idempotency record is deleted after a day, in batches, and not before', async () => {
  await gateway.database.sql(
    `INSERT INTO idempotency_keys (organization_id, principal_kind, principal_id, key, request_hash, outcome, created_at)
     SELECT 1, 'user', 1, 'key:old ' || n, repeat('0', 64), '{}'::jsonb, now() - interval '24 hours 1 minute' FROM generate_series(1, 2500) n
     UNION ALL SELECT 1, 'user', 1, 'key:young', repeat('0', 64), '{}'::jsonb, now() - interval '23 hours 59 minutes'`,
  );
  gateway.database.statements.length = 0;
  await purgeIdempotencyRecords(gateway.database.application, new AbortController().signal);
  const left = await gateway.database.sql(`SELECT key FROM idempotency_keys WHERE key ~ '^key:(old|young)'`);
  expect(left).toEqual([{ key: 'key:young' }]);
});
