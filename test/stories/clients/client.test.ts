import {
  CountersignClient,
  CountersignError,
  isCountersignError,
  type ClientOptions,
} from '../../../client/src/index';
import { startGateway, type Gateway } from '../../support/gateway';
import { startProxy, type Proxy } from '../../support/proxy';

/** The published client against a real gateway, with a proxy between them that loses and refuses requests as told. */
let gateway: Gateway;
let proxy: Proxy;

beforeAll(async () => {
  gateway = await startGateway();
  proxy = await startProxy(gateway.url);
});
afterAll(async () => {
  await proxy.close();
  await gateway.close();
});
beforeEach(() => {
  proxy.fates.length = 0;
  proxy.seen.length = 0;
});

const clientOf = (user: number, options: Partial<ClientOptions> = {}) =>
  new CountersignClient({ url: proxy.url, token: gateway.token(user), retryDelay: 1, ...options });
const manager = () => clientOf(42);

async function newAction(score = 35): Promise<number> {
  const [id = 0] = await gateway.addActions([score]);
  return id;
}

/** The audit entries of an action, oldest first. */
async function auditOf(id: number): Promise<unknown[]> {
  const rows = await gateway.database.sql<{ action_type: string }>(
    'SELECT action_type FROM audit_log WHERE action_id = $1 ORDER BY id',
    [id],
  );
  return rows.map(({ action_type }) => action_type);
}

/** The error of a refused call. */
async function refusalOf(call: Promise<unknown>): Promise<CountersignError> {
  const thrown: unknown = await call.then(
    (value) => new Error(`It was not refused: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (isCountersignError(thrown)) return thrown;
  throw thrown;
}

describe('a reviewer with the client', () => {
  it('approves an action and learns who decided it and when', async () => {
    const approval = await manager().actions.approve(12345, {
      reason: 'Reviewed and approved',
      receipt: true,
    });
    expect(approval).toMatchObject({
      actionId: 12345,
      status: 'APPROVED',
      approvedBy: 42,
      approvedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      reason: 'Reviewed and approved',
      correlationId: expect.stringMatching(/^action_/),
      receipt: { signature: expect.any(String) },
    });
    const { body } = await gateway.rest('GET', '/api/v1/actions/12345', { user: 42 });
    expect([body.status, body.decided_by]).toEqual(['approved', 42]);
  });

  it('rejects an action', async () => {
    const id = await newAction();
    expect(await manager().actions.reject(String(id))).toMatchObject({
      actionId: id,
      status: 'DENIED',
      rejectedBy: 42,
      reason: null,
    });
  });

  it('who comes too late gets an error that says who was faster', async () => {
    const error = await refusalOf(manager().actions.approve(12345));
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      code: 'INVALID_STATE',
      status: 400,
      message: 'Action is not pending approval (current status: approved)',
      correlationId: expect.stringMatching(/^action_/),
      facts: { currentStatus: 'APPROVED', decidedBy: 42 },
    });
    expect(isCountersignError(error, 'INVALID_STATE')).toBe(true);
    expect(isCountersignError(error, 'RISK_LIMIT_EXCEEDED', 'ACTION_NOT_FOUND')).toBe(false);
    expect(proxy.seen).toHaveLength(1);
  });

  it('learns what was required and held, and every fault of a request', async () => {
    const level = await refusalOf(manager().actions.approve(12351));
    expect(level).toMatchObject({
      code: 'APPROVAL_LEVEL_REQUIRED',
      facts: { requiredLevel: 4, heldLevel: 2 },
    });
    const fault = await refusalOf(manager().actions.approve(12346, { reason: 'x'.repeat(2001) }));
    expect([fault.code, fault.errors.map(({ type }) => type)]).toEqual(['VALIDATION_ERROR', ['length']]);
    expect((await refusalOf(manager().actions.get(987_654_321))).code).toBe('ACTION_NOT_FOUND');
    expect((await refusalOf(clientOf(6).actions.get(12346))).code).toBe('INVALID_TOKEN');
    expect((await refusalOf(new CountersignClient({ url: proxy.url }).actions.list())).code).toBe(
      'MISSING_AUTH',
    );
  });

  it('decides several actions, each with its own outcome', async () => {
    const ids = await gateway.addActions([10, 20, 90]);
    const bulk = await manager().actions.bulkApprove([...ids, 12345], { reason: 'Batch' });
    expect([bulk.requested, bulk.succeeded, bulk.failed]).toEqual([4, 2, 2]);
    expect(bulk.results.map(({ actionId }) => actionId)).toEqual([...ids, 12345]);
    expect(bulk.results.map(({ decision, refusal }) => decision?.status ?? refusal?.code)).toEqual([
      'APPROVED',
      'APPROVED',
      'APPROVAL_LEVEL_REQUIRED',
      'INVALID_STATE',
    ]);
    const atomic = await manager().actions.bulkReject([ids[2] ?? 0, await newAction()], { mode: 'ATOMIC' });
    expect([atomic.succeeded, atomic.failed]).toEqual([0, 2]);
  });

  it('finds actions, page by page', async () => {
    const ids = await gateway.addActions([11, 12, 13]);
    const { actions: client } = manager();
    const filter = { agentId: ['test-agent'], status: ['PENDING_APPROVAL' as const] };
    const first = await client.list({ filter, first: 2 });
    expect(first.actions.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    expect(first.hasNextPage).toBe(true);
    const second = await client.list({ filter, first: 1, after: first.endCursor ?? '' });
    expect(second.actions.map(({ id, riskScore }) => [id, riskScore])).toEqual([[ids[0], 11]]);
  });
});

describe('an agent with the client', () => {
  it('submits an action and waits until it is decided', async () => {
    // Its owner is not the reviewer: nobody decides what their own key submitted.
    const apiKey = await gateway.apiKey({ owner: 2 });
    const agent = new CountersignClient({ url: proxy.url, apiKey: () => apiKey });
    const submission = await agent.actions.submit({ agentId: 'nightly', actionType: 'database_write' });
    expect(submission).toMatchObject({ status: 'PENDING_APPROVAL', riskLevel: 'CRITICAL' });
    const { actionId } = submission;
    const waiting = agent.actions.wait(actionId, { interval: 5 });
    // It has asked once, and the action was pending.
    while (proxy.seen.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    await clientOf(1).actions.approve(actionId, { reason: 'Go' });
    expect(await waiting).toMatchObject({
      id: actionId,
      status: 'APPROVED',
      decidedBy: { id: 1 },
      reason: 'Go',
    });
  });

  it('waits no longer than its timeout', async () => {
    const id = await newAction();
    const late = await refusalOf(manager().actions.wait(id, { timeout: 0 }));
    expect([late.code, late.status]).toEqual(['STILL_PENDING', null]);
    const leaving = new AbortController();
    const waiting = manager().actions.wait(id, { interval: 60_000, signal: leaving.signal });
    while (proxy.seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    const reason = new Error('The user has left');
    leaving.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});

describe('a failed attempt', () => {
  it('whose answer was lost is repeated, and the decision is made once', async () => {
    const id = await newAction();
    proxy.fates.push('lose the answer', 'lose the answer');
    expect(await manager().actions.approve(id)).toMatchObject({
      actionId: id,
      status: 'APPROVED',
      approvedBy: 42,
    });
    expect(proxy.seen).toHaveLength(3);
    expect(new Set(proxy.seen.map(({ body }) => body.variables.idempotencyKey)).size).toBe(1);
    expect(await auditOf(id)).toEqual(['action_approved']);
  });

  it('whose answer was lost is repeated, and bulks and submissions take effect once', async () => {
    const ids = await gateway.addActions([10, 11]);
    proxy.fates.push('lose the answer');
    const bulk = await manager().actions.bulkReject(ids);
    expect([bulk.succeeded, bulk.failed]).toEqual([2, 0]);
    for (const id of ids) expect(await auditOf(id)).toEqual(['action_denied']);
    proxy.fates.push('lose the answer');
    const { actionId } = await manager().actions.submit({ agentId: 'once-agent', actionType: 'test' });
    const { actions } = await manager().actions.list({ filter: { agentId: ['once-agent'] } });
    expect(actions.map(({ id }) => id)).toEqual([actionId]);
  });

  it('has another key than the next call, unless the caller provides one', async () => {
    const id = await newAction();
    await manager().actions.approve(id);
    expect((await refusalOf(manager().actions.approve(id))).code).toBe('INVALID_STATE');
    const another = await newAction();
    const once = { idempotencyKey: `order-${String(another)}` };
    const first = await manager().actions.approve(another, once);
    expect(await manager().actions.approve(another, once)).toEqual(first);
    expect(await auditOf(another)).toEqual(['action_approved']);
  });

  it.each([
    ['429 of a proxy', { status: 429, headers: { 'retry-after': '0' }, text: 'slow down' }],
    ['502 of a proxy', { status: 502, text: '<h1>Bad gateway</h1>' }],
    ['503 of the gateway', { status: 503, text: gatewayError('SERVICE_UNAVAILABLE', 503) }],
    ['409 of a request under way', { status: 200, text: gatewayError('IDEMPOTENCY_CONFLICT', 409) }],
  ])('with a %s is repeated', async (_what, fate) => {
    const id = await newAction();
    proxy.fates.push(fate);
    expect((await manager().actions.approve(id)).status).toBe('APPROVED');
    expect(proxy.seen).toHaveLength(2);
  });

  it('is not repeated before the server allows it', async () => {
    proxy.fates.push({ status: 503, headers: { 'retry-after': '3600' } });
    const leaving = new AbortController();
    const call = manager().actions.get(12346, { signal: leaving.signal });
    while (proxy.seen.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    // Many times the pause without Retry-After.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(proxy.seen).toHaveLength(1);
    leaving.abort(new Error('Enough'));
    await expect(call).rejects.toThrow('Enough');
  });

  it('that fails again and again ends with the error', async () => {
    for (let attempts = 0; attempts < 3; attempts += 1) proxy.fates.push({ status: 503 });
    const error = await refusalOf(clientOf(42, { retries: 2 }).actions.get(12346));
    expect([error.code, error.status, proxy.seen.length]).toEqual(['SERVICE_UNAVAILABLE', 503, 3]);
    const gone = new CountersignClient({ url: 'http://127.0.0.1:9', retries: 1, retryDelay: 1 });
    expect((await refusalOf(gone.actions.get(1))).code).toBe('NETWORK');
    proxy.fates.push({ status: 404, text: '<h1>Not here</h1>' });
    expect((await refusalOf(manager().actions.get(12346))).code).toBe('BAD_ANSWER');
  });

  it('asks for the credential again, so that a token can be renewed', async () => {
    let asked = 0;
    const token = () => {
      asked += 1;
      return Promise.resolve(gateway.token(asked === 1 ? 42 : 1));
    };
    proxy.fates.push({ status: 503 });
    await clientOf(42, { token }).actions.get(12346);
    expect(proxy.seen.map(({ authorization }) => authorization)).toEqual([
      `Bearer ${gateway.token(42)}`,
      `Bearer ${gateway.token(1)}`,
    ]);
  });
});

function gatewayError(code: string, status: number): string {
  return JSON.stringify({ errors: [{ message: 'Not now', extensions: { code, status } }] });
}
