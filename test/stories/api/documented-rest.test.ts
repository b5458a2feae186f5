import { startGateway, type Answer, type Gateway } from '../../support/gateway';

/**
 * Every row and example of the documented paths (docs/rest-api.md), over HTTP, key for key and in the printed order.
 */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const CORRELATION_ID = /^action_\d{8}_\d{6}_[0-9a-f]{16}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

function decide(verdict: 'approve' | 'reject', id: number, user: number, body?: object): Promise<Answer> {
  return gateway.rest('POST', `/api/v1/actions/${String(id)}/${verdict}`, { user, ...(body && { body }) });
}

async function pending(score: number): Promise<number> {
  const [id] = await gateway.addActions([score]);
  return id ?? 0;
}

describe('approve', () => {
  it('answers a senior manager with the documented keys in the documented order', async () => {
    const answer = await decide('approve', 12345, 42, { reason: 'Reviewed and approved' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(Object.keys(answer.body)).toEqual([
      'action_id',
      'status',
      'approved_by',
      'approved_at',
      'correlation_id',
    ]);
    expect(answer.body).toMatchObject({ action_id: 12345, status: 'approved', approved_by: 42 });
    expect(answer.body.approved_at).toMatch(TIME);
    expect(answer.body.correlation_id).toMatch(CORRELATION_ID);
  });

  it('accepts no body, an empty body declared as JSON, and a body without a content type', async () => {
    const [first, second, third] = [await pending(10), await pending(10), await pending(10)];
    const bare = await decide('approve', first, 42);
    const empty = await gateway.rest('POST', `/api/v1/actions/${String(second)}/approve`, {
      user: 42,
      headers: { 'content-type': 'application/json' },
      rawBody: '',
    });
    const untyped = await gateway.rest('POST', `/api/v1/actions/${String(third)}/approve`, {
      user: 42,
      rawBody: Buffer.from('{"reason":"untyped"}'),
    });
    expect([bare.status, empty.status, untyped.status]).toEqual([200, 200, 200]);
    const [row] = await gateway.database.sql('SELECT reason FROM actions WHERE id = $1', [third]);
    expect(row).toEqual({ reason: 'untyped' });
  });

  it('accepts a trailing slash', async () => {
    const answer = await gateway.rest('POST', `/api/v1/actions/${String(await pending(10))}/approve/`, {
      user: 42,
    });
    expect(answer.status).toBe(200);
  });
});

describe('reject', () => {
  it('answers with the documented keys in the documented order, the reason among them', async () => {
    const answer = await decide('reject', await pending(35), 42, { reason: 'Too risky' });
    expect(answer.status).toBe(200);
    const keys = ['action_id', 'status', 'rejected_by', 'rejected_at', 'reason', 'correlation_id'];
    expect(Object.keys(answer.body)).toEqual(keys);
    expect(answer.body).toMatchObject({ status: 'denied', rejected_by: 42, reason: 'Too risky' });
    expect(answer.body.rejected_at).toMatch(TIME);
    expect(answer.body.correlation_id).toMatch(CORRELATION_ID);
  });

  it.each([
    ['no body', undefined],
    ['no reason', {}],
    ['a null reason', { reason: null }],
    ['an empty reason', { reason: '' }],
    ['a blank reason', { reason: ' \n' }],
  ])('leaves the reason out where %s was sent', async (_what, body) => {
    const answer = await decide('reject', await pending(35), 42, body);
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body)).toEqual([
      'action_id',
      'status',
      'rejected_by',
      'rejected_at',
      'correlation_id',
    ]);
  });
});

describe('bulk', () => {
  it.each([
    ['bulk-approve', 'approved', 'approved_by', 'approved_at'],
    ['bulk-reject', 'denied', 'rejected_by', 'rejected_at'],
  ])('%s decides what it can and reports the outcome of each item', async (path, status, by, at) => {
    const [first, second] = await gateway.addActions([35, 62]);
    const body = { action_ids: [first, 12345, second, first], reason: 'Batch review' };
    const answer = await gateway.rest('POST', `/api/v1/actions/${path}`, { user: 42, body });
    expect(answer.status).toBe(200);
    const keys = ['status', 'requested', 'succeeded', 'failed', 'correlation_id', 'results'];
    expect(Object.keys(answer.body)).toEqual(keys);
    expect(answer.body).toMatchObject({ status, requested: 3, succeeded: 2, failed: 1 });
    const [decided, refused, other] = answer.body.results;
    expect(decided).toMatchObject({
      action_id: first,
      status,
      [by]: 42,
      correlation_id: answer.body.correlation_id,
    });
    expect(decided[at]).toMatch(TIME);
    expect(Object.keys(refused).slice(0, 4)).toEqual(['action_id', 'error_code', 'detail', 'status']);
    expect(refused).toMatchObject({
      action_id: 12345,
      error_code: 'INVALID_STATE',
      detail: 'Action is not pending approval (current status: approved)',
      status: 400,
    });
    expect(other).toMatchObject({ action_id: second, correlation_id: answer.body.correlation_id });
  });
});

describe('the documented errors', () => {
  it('400: an action that is no longer pending, in the printed words', async () => {
    const answer = await decide('approve', 12345, 42);
    expect(answer.status).toBe(400);
    const start =
      '{"detail":"Action is not pending approval (current status: approved)","error_code":"INVALID_STATE","status":400,';
    expect(answer.text.slice(0, start.length)).toBe(start);
    const keys = ['detail', 'error_code', 'status', 'correlation_id', 'timestamp', 'context'];
    expect(Object.keys(answer.body)).toEqual(keys);
    expect(answer.body.context).toMatchObject({ current_status: 'approved', decided_by: 42 });
    expect(answer.body.context.decided_at).toMatch(TIME);
  });

  it.each(['approve', 'reject'])('401: %s without a token, and with an invalid one', async (verdict) => {
    const path = `/api/v1/actions/12346/${verdict}`;
    const missing = await gateway.rest('POST', path);
    const invalid = await gateway.rest('POST', path, { headers: { authorization: 'Bearer a.b.c' } });
    expect([missing.status, missing.body.error_code]).toEqual([401, 'MISSING_AUTH']);
    expect([invalid.status, invalid.body.error_code]).toEqual([401, 'INVALID_TOKEN']);
    expect(invalid.headers.get('www-authenticate')).toMatch(/^Bearer /);
  });

  it.each(['approve', 'reject'] as const)('403: %s by a user who may only read', async (verdict) => {
    const answer = await decide(verdict, 12346, 4);
    expect([answer.status, answer.body.error_code]).toEqual([403, 'INSUFFICIENT_PERMISSIONS']);
  });

  it.each(['approve', 'reject'] as const)('404: %s of an action that does not exist', async (verdict) => {
    const answer = await decide(verdict, 999_999, 42);
    expect([answer.status, answer.body.error_code]).toEqual([404, 'ACTION_NOT_FOUND']);
    expect(answer.body.detail).toBe('Action 999999 not found');
  });

  it('an API key decides nothing, in whatever header it arrives', async () => {
    const apiKey = await gateway.apiKey({});
    for (const headers of [{ 'x-api-key': apiKey }, { authorization: `Bearer ${apiKey}` }]) {
      const answer = await gateway.rest('POST', '/api/v1/actions/12346/approve', { headers });
      expect([answer.status, answer.body.error_code]).toEqual([401, 'JWT_REQUIRED']);
    }
  });
});

describe('the table of roles', () => {
  it.each([
    ['an admin', 1, 90],
    ['a security manager', 2, 72],
    ['a senior manager', 42, 62],
    ['a manager', 3, 35],
  ])('%s approves and rejects', async (_who, user, score) => {
    expect((await decide('approve', await pending(score), user)).status).toBe(200);
    expect((await decide('reject', await pending(score), user)).status).toBe(200);
  });

  it('a manager is limited by risk level, as the organization configured', async () => {
    const withinLimit = await decide('approve', await pending(30), 5);
    const aboveLimit = await decide('approve', await pending(31), 5);
    expect(withinLimit.status).toBe(200);
    expect([aboveLimit.status, aboveLimit.body.error_code]).toEqual([403, 'RISK_LIMIT_EXCEEDED']);
  });
});

describe('the table of risk levels', () => {
  it.each([
    ['low', 0, 1],
    ['low', 39, 1],
    ['medium', 40, 2],
    ['medium', 69, 2],
    ['high', 70, 3],
    ['high', 84, 3],
    ['critical', 85, 4],
    ['critical', 100, 4],
  ])('%s risk, score %d, requires level %d and accepts it', async (riskLevel, score, level) => {
    const id = await pending(score);
    const reader = await gateway.rest('GET', `/api/v1/actions/${String(id)}`, { user: 4 });
    expect(reader.body).toMatchObject({ risk_level: riskLevel, required_approval_level: level });
    const reviewers: Record<number, number> = { 1: 3, 2: 42, 3: 2, 4: 1 };
    const below = reviewers[level - 1];
    if (below !== undefined) {
      const refused = await decide('approve', id, below);
      expect([refused.status, refused.body.error_code]).toEqual([403, 'APPROVAL_LEVEL_REQUIRED']);
      expect(refused.body.context).toEqual({ required_level: level, held_level: level - 1 });
    }
    expect((await decide('approve', id, reviewers[level] ?? 0)).status).toBe(200);
  });
});

describe('the audit record', () => {
  it('has the documented keys in the documented order, and says who decided what from where', async () => {
    const id = await pending(35);
    const userAgent = 'Mozilla/5.0 (test)';
    const approved = await gateway.rest('POST', `/api/v1/actions/${String(id)}/approve`, {
      user: 42,
      headers: { 'user-agent': userAgent },
    });
    const answer = await gateway.rest('GET', `/api/admin/audit-logs?action_id=${String(id)}`, { user: 1 });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body)).toEqual(['limit', 'offset', 'next_cursor', 'logs']);
    const [record] = answer.body.logs;
    expect(Object.keys(record)).toEqual([
      'audit_id',
      'action_type',
      'user_id',
      'organization_id',
      'timestamp',
      'details',
      'ip_address',
      'user_agent',
      'correlation_id',
      'action_id',
      'reason',
      'refusal_code',
      'client_correlation_id',
    ]);
    expect(record).toMatchObject({
      action_type: 'action_approved',
      user_id: 42,
      organization_id: 1,
      timestamp: approved.body.approved_at,
      details: `Action ${String(id)} approved by user 42`,
      ip_address: '127.0.0.1',
      user_agent: userAgent,
      correlation_id: approved.body.correlation_id,
      action_id: id,
    });
    expect(Number.isInteger(record.audit_id)).toBe(true);
  });

  it('exists for every decision, single and bulk, approved and denied', async () => {
    const ids = await gateway.addActions([10, 10, 10, 10]);
    const [first, second, ...bulk] = ids;
    await decide('approve', first ?? 0, 42);
    await decide('reject', second ?? 0, 42);
    await gateway.rest('POST', '/api/v1/actions/bulk-reject', { user: 42, body: { action_ids: bulk } });
    const rows = await gateway.database.sql<{ action_type: string }>(
      'SELECT action_type FROM audit_log WHERE action_id = ANY($1::bigint[]) ORDER BY action_id',
      [ids],
    );
    expect(rows.map((row) => row.action_type)).toEqual([
      'action_approved',
      'action_denied',
      'action_denied',
      'action_denied',
    ]);
  });
});

describe('the related endpoints', () => {
  it('Get Action Status tells a waiting agent the decision', async () => {
    const apiKey = await gateway.apiKey({});
    const id = await pending(35);
    const path = `/api/v1/actions/${String(id)}/status`;
    const before = await gateway.rest('GET', path, { apiKey });
    await decide('reject', id, 42, { reason: 'No' });
    const after = await gateway.rest('GET', path, { apiKey });
    expect(Object.keys(before.body)).toEqual([
      'action_id',
      'status',
      'risk_score',
      'timestamp',
      'decision_ready',
      'decision',
      'risk_level',
      'reason',
      'correlation_id',
    ]);
    expect(before.body).toMatchObject({
      status: 'pending_approval',
      decision_ready: false,
      decision: 'pending',
    });
    expect(after.body).toMatchObject({
      status: 'denied',
      decision_ready: true,
      decision: 'denied',
      reason: 'No',
    });
  });

  it('GET one and GET list answer with every documented key, newest first', async () => {
    const id = await pending(39.5);
    const one = await gateway.rest('GET', `/api/v1/actions/${String(id)}`, { user: 4 });
    const list = await gateway.rest('GET', '/api/v1/actions?limit=1', { user: 4 });
    expect(Object.keys(one.body).join()).toBe(
      'action_id,id,agent_id,agent_name,action_type,description,tool_name,target_system,target_resource,status,' +
        'risk_score,risk_level,required_approval_level,submitted_by,created_at,updated_at,decided_by,decided_at,' +
        'reason,correlation_id',
    );
    expect(one.body).toMatchObject({
      action_id: id,
      id,
      risk_score: 39.5,
      risk_level: 'low',
      submitted_by: 4,
    });
    expect(list.body).toEqual([one.body]);
  });
});
