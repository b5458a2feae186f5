import { ROUTES } from '../../../src/rest/routes';
import { startGateway, type Gateway } from '../../support/gateway';
import { codeOf } from '../../support/refusals';
import { sdkGet, sdkHeaders } from '../../support/sdk';

/**
 * The vendor's SDK, unmodified (docs/legacy-sdk.md#calls): each of its calls with its own headers, and what it reads of
 * the answers.
 */
let gateway: Gateway;
/** A key of an agent: it submits and reads actions. */
let apiKey = '';
let auditor = '';
let [pending, approved, denied, expired] = [0, 0, 0, 0];

beforeAll(async () => {
  gateway = await startGateway();
  apiKey = await gateway.apiKey({});
  auditor = await gateway.apiKey({ scopes: ['audit:read'] });
  [pending = 0, approved = 0, denied = 0, expired = 0] = await gateway.addActions([62.5, 35, 35, 85]);
  const decide = (id: number, verdict: string, body = {}) =>
    gateway.rest('POST', `/api/v1/actions/${String(id)}/${verdict}`, { user: 42, body });
  await decide(approved, 'approve', { reason: 'Go' });
  await decide(denied, 'reject', { reason: 'Too risky' });
  await gateway.database.sql(
    `UPDATE actions SET submitted_at = '2026-01-20T12:00:00Z', expires_at = '2026-01-20T14:35:00.9Z' WHERE id = $1`,
    [expired],
  );
});
afterAll(() => gateway.close());

const EXPIRED = 'Expired at 2026-01-20T14:35:00Z without a decision';
const get = (path: string, version?: string) => sdkGet(gateway, apiKey, path, version);
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

describe.each([
  ['get_action_status of 2.3.0', '2.3.0', (id: number) => `/api/agent-action/status/${String(id)}`],
  ['get_action_status from 2.4.1 on', '2.5.1', (id: number) => `/api/v1/actions/${String(id)}/status`],
])('%s', (_call, version, path) => {
  it.each([
    ['keeps waiting while it is pending', () => pending, 'pending_approval', 'pending', 'medium', null],
    ['goes on once it is allowed', () => approved, 'approved', 'allowed', 'low', 'Go'],
    ['stops once it is denied, and knows why', () => denied, 'denied', 'denied', 'low', 'Too risky'],
    ['stops once it is expired, and knows why', () => expired, 'expired', 'denied', 'critical', EXPIRED],
  ])('%s', async (_what, id, status, decision, risk_level, reason) => {
    const { status: http, body } = await get(path(id()), version);
    expect(http).toBe(200);
    expect(Object.keys(body)).toEqual(
      'action_id status risk_score timestamp decision_ready decision risk_level reason correlation_id'.split(
        ' ',
      ),
    );
    expect(body).toMatchObject({ action_id: id(), status, decision, risk_level, reason });
    expect(body.decision_ready).toBe(decision !== 'pending');
    expect(Object.values(body).some((value) => Array.isArray(value))).toBe(false);
  });
});

describe('evaluate_action', () => {
  /** As the SDK sends it: no description, no tool name, no score. */
  const EVALUATED = {
    agent_id: 'billing-agent',
    agent_name: 'Billing agent',
    action_type: 'database_write',
    resource: 'billing-db',
    resource_id: 'invoices/2026',
    action_details: { statement: 'UPDATE invoices SET paid = true', rows: 17.5 },
    context: { ticket: 'OPS-7' },
    risk_indicators: { pii_involved: true },
    timestamp: '2026-01-20T14:35:00+00:00',
  };
  const evaluate = (body: object = EVALUATED, headers = sdkHeaders(apiKey)) =>
    gateway.rest('POST', '/api/v1/actions/submit', { headers, body });

  it('waits for a reviewer, continues on approval, and is in the audit log', async () => {
    const { status, body } = await evaluate();
    expect([status < 300, body]).toMatchObject([
      true,
      { status: 'pending_approval', decision: 'pending', risk_level: 'critical' },
    ]);
    const id = body.action_id as number;
    expect([Number.isInteger(id), typeof body.risk_score]).toEqual([true, 'number']);
    for (const key of ['reason', 'correlation_id']) expect(Object.keys(body)).toContain(key);
    expect(Object.values(body).some((value) => Array.isArray(value) && value.length === 0)).toBe(false);

    const wait = async () => (await get(`/api/v1/actions/${String(id)}/status`)).body.decision;
    expect(await wait()).toBe('pending');
    const seen = (await gateway.rest('GET', `/api/v1/actions/${String(id)}`, { user: 4 })).body;
    expect(seen).toMatchObject({
      agent_name: 'Billing agent',
      target_system: 'billing-db',
      target_resource: 'invoices/2026',
      submitted_by: 1,
    });
    // User 1 owns the key, so that another reviewer has to decide: a second admin.
    await gateway.database.sql('UPDATE users SET approval_level = 4 WHERE id = 2');
    const approve = (user: number) => gateway.rest('POST', `/api/v1/actions/${String(id)}/approve`, { user });
    expect(codeOf(await approve(1))).toBe('403 SELF_APPROVAL_FORBIDDEN');
    expect((await approve(2)).status).toBe(200);
    expect(await wait()).toBe('allowed');

    const { logs } = (await sdkGet(gateway, auditor, '/audit/logs?limit=10&offset=0')).body;
    const types = logs
      .filter(({ resource }: any) => resource === `action:${String(id)}`)
      .map(({ event_type }: any) => event_type);
    expect(types).toEqual(['action_approved', 'decision_refused', 'action_submitted']);
  });

  it('that is repeated because its answer was late is one action, with the same answer', async () => {
    const headers = sdkHeaders(apiKey);
    const first = await evaluate(EVALUATED, headers);
    const again = await Promise.all(Array.from({ length: 4 }, () => evaluate(EVALUATED, headers)));
    const ids = new Set([first, ...again].map(({ body }) => body.action_id));
    expect(ids.size).toBe(1);
    for (const { body } of again)
      expect(body).toMatchObject({ decision: 'pending', status: 'pending_approval' });
    expect((await evaluate()).body.action_id).not.toBe(first.body.action_id);
  });
});

describe('get_action_details', () => {
  const details = (id: number) => `/api/v1/actions/${String(id)}`;

  it('knows every status that it gets', async () => {
    const told = [];
    for (const id of [pending, approved, denied, expired]) told.push((await get(details(id))).body.status);
    expect(told).toEqual(['pending', 'approved', 'denied', 'denied']);
    const { body } = await get(details(pending));
    expect([body.id, body.action_id, body.agent_id]).toEqual([pending, pending, 'test-agent']);
  });

  it('of any other client has all details, in the same keys', async () => {
    const plain = (await gateway.rest('GET', details(expired), { apiKey })).body;
    const sdk = (await get(details(expired))).body;
    expect(plain.status).toBe('expired');
    expect(sdk).toEqual({ ...plain, status: 'denied' });
    expect(Object.keys(sdk)).toEqual(Object.keys(plain));
  });
});

describe('list_actions', () => {
  const list = async (query: string): Promise<any[]> => (await get(`/api/agent-activity?${query}`)).body;

  it('has the shape of the documented list, newest first, part by part', async () => {
    const all = (await gateway.rest('GET', '/api/v1/actions', { apiKey })).body;
    const statusOf = ({ status, ...rest }: any) => ({ ...rest, status });
    expect((await list('')).map(statusOf)).toEqual(all.map(statusOf));
    expect(await list('limit=2&offset=1')).toEqual(all.slice(1, 3));
  });

  it.each([
    ['status=pending', 'pending_approval'],
    ['status=pending_approval', 'pending_approval'],
    ['status=approved', 'approved'],
    ['status=denied', 'denied'],
    ['status=expired', 'expired'],
  ])('filters by %s', async (query, status) => {
    const found = await list(`${query}&agent_id=test-agent`);
    expect(found.map((action) => action.status)).toEqual([status]);
  });

  it('filters by agent, and ignores empty parameters', async () => {
    expect(await list('agent_id=nobody&status=')).toEqual([]);
    expect((await list('agent_id=test-agent&status=&limit=')).length).toBe(4);
  });

  it.each([
    ['status=running', 'status'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['offset=-1', 'offset'],
  ])('is told that %s is invalid', async (query, name) => {
    const answer = await get(`/api/agent-activity?${query}`);
    expect(codeOf(answer)).toBe('422 VALIDATION_ERROR');
    expect(answer.body.errors).toMatchObject([{ loc: ['query', name] }]);
  });
});

describe('query_audit_log', () => {
  const read = async (query: string, key = auditor) => sdkGet(gateway, key, `/audit/logs?${query}`);

  it('reads pages that count from 1, newest first', async () => {
    const { status, body } = await read('limit=2&offset=0');
    expect([status, Object.keys(body)]).toEqual([200, ['total', 'page', 'page_size', 'logs']]);
    const [row] = await gateway.database.sql(
      'SELECT count(*) AS total FROM audit_log WHERE organization_id = 1',
    );
    expect(body).toMatchObject({ ...row, page: 1, page_size: 2 });
    const next = (await read('limit=2&offset=2')).body;
    expect(next.page).toBe(2);
    const ids = [...body.logs, ...next.logs].map(({ id }: { id: number }) => id);
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    expect((await read('')).body).toMatchObject({ page: 1, page_size: 100 });
  });

  it('reads who did what, to what, and the outcome', async () => {
    await gateway.rest('POST', `/api/v1/actions/${String(pending)}/approve`, { apiKey });
    const [key] = await gateway.database.sql<{ id: number }>(
      `SELECT actor_id AS id FROM audit_log WHERE actor_kind = 'api_key' ORDER BY id DESC LIMIT 1`,
    );
    const { logs } = (await read('limit=1000')).body;
    const keys = 'id event_type timestamp actor resource action outcome details';
    for (const log of logs) {
      expect(Object.keys(log)).toEqual(keys.split(' '));
      expect(log.timestamp).toMatch(TIME);
    }
    const about = (id: number) => logs.find(({ resource }: any) => resource === `action:${String(id)}`);
    expect(about(denied)).toMatchObject({
      event_type: 'action_denied',
      actor: 'user:42',
      action: 'reject',
      outcome: 'success',
      details: `Action ${String(denied)} denied by user 42`,
    });
    expect(about(pending)).toMatchObject({
      event_type: 'decision_refused',
      actor: `api_key:${String(key?.id)}`,
      action: 'approve',
      outcome: 'refused',
    });
    const made = logs.find(({ event_type }: any) => event_type === 'api_key_created');
    expect(made).toMatchObject({
      actor: 'system',
      resource: null,
      action: 'api_key_created',
      outcome: 'success',
    });
  });

  it('needs the scope audit:read, which permits nothing else', async () => {
    const refused = await read('limit=1', apiKey);
    expect(codeOf(refused)).toBe('403 INSUFFICIENT_PERMISSIONS');
    expect(refused.body.detail).toContain('audit:read');
    const admin = await sdkGet(gateway, auditor, '/api/admin/audit-logs');
    expect(codeOf(admin)).toBe('401 JWT_REQUIRED');
    expect(codeOf(await sdkGet(gateway, auditor, '/api/v1/actions'))).toBe('403 INSUFFICIENT_PERMISSIONS');
    for (const field of ['auditLogs { totalCount }', 'auditSummary(groupBy: DAY) { key }']) {
      const { body } = await gateway.graphql(`{ ${field} }`, { apiKey: auditor });
      expect(body.errors).toBeDefined();
    }
    const graphql = await gateway.graphql('{ auditLogs { totalCount } }', { apiKey: auditor });
    expect(graphql.body.errors).toMatchObject([{ extensions: { code: 'JWT_REQUIRED' } }]);
  });

  it('shows nothing to another organization, and everything to its own people by JWT', async () => {
    const theirs = await gateway.apiKey({ organization: 2, scopes: ['audit:read'] });
    const { body } = await read('limit=1000', theirs);
    const ids = await gateway.database.sql<{ id: number }>(
      'SELECT id FROM audit_log WHERE organization_id = 2 ORDER BY id DESC',
    );
    expect(body.logs.map(({ id }: any) => id)).toEqual(ids.map(({ id }) => id));
    expect((await gateway.rest('GET', '/audit/logs', { user: 4 })).status).toBe(200);
    expect(codeOf(await gateway.rest('GET', '/audit/logs'))).toBe('401 MISSING_AUTH');
  });
});

describe('check_approval', () => {
  const check = (id: number) => get(`/api/sdk/approval/${String(id)}`);

  it('learns who decided, when, and why an action was denied', async () => {
    const answers = [];
    for (const id of [pending, approved, denied, expired]) answers.push((await check(id)).body);
    const decided_at = expect.stringMatching(TIME) as unknown;
    expect(answers).toEqual([
      { action_id: pending, status: 'pending' },
      { action_id: approved, status: 'approved', approved_by: 42, decided_at },
      { action_id: denied, status: 'denied', rejected_by: 42, decided_at, rejection_reason: 'Too risky' },
      {
        action_id: expired,
        status: 'denied',
        rejected_by: null,
        decided_at: '2026-01-20T14:35:00Z',
        rejection_reason: EXPIRED,
      },
    ]);
  });
});

describe('test_connection', () => {
  it('finds the gateway, its version and environment', async () => {
    const [health, deployment] = [await get('/health'), await get('/api/deployment-info')];
    expect([health.status, health.body]).toEqual([200, { status: 'ok' }]);
    expect(deployment.body).toEqual({
      service: 'countersign',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/) as unknown,
      environment: 'development',
      status: 'ok',
    });
  });

  it('learns that a key is invalid', async () => {
    const answer = await sdkGet(gateway, `csk_${'A'.repeat(43)}`, '/api/deployment-info');
    expect(codeOf(answer)).toBe('401 INVALID_API_KEY');
  });
});

describe('every call of the SDK by id', () => {
  const PATHS = ['/api/agent-action/status/', '/api/v1/actions/', '/api/sdk/approval/'];

  it.each(PATHS)('%s… does not tell an unknown id from that of another organization', async (path) => {
    const answers = [];
    for (const id of [87654, 22345]) {
      const { status, text } = await get(`${path}${String(id)}`);
      answers.push([status, text.replace(String(id), 'N').replaceAll(/"(action_2|20)[^"]+"/g, '""')]);
    }
    expect(answers[0]?.[0]).toBe(404);
    expect(answers[1]).toEqual(answers[0]);
  });

  it.each(PATHS)('%s… refuses an invalid id, and needs actions:read', async (path) => {
    expect(codeOf(await get(`${path}abc`))).toBe('422 VALIDATION_ERROR');
    const submitter = await gateway.apiKey({ scopes: ['actions:submit'] });
    expect(codeOf(await sdkGet(gateway, submitter, `${path}12345`))).toBe('403 INSUFFICIENT_PERMISSIONS');
  });

  it('gets its correlation id back', async () => {
    const headers = sdkHeaders(apiKey);
    const answer = await gateway.rest('GET', '/api/v1/actions/12345/status', { headers });
    expect(answer.headers.get('x-correlation-id')).toBe(headers['X-Correlation-ID']);
  });
});

describe('every readable path', () => {
  const READS = [
    ...new Set(ROUTES.filter(({ method }) => method === 'GET').map(({ path }) => path)),
    '/health',
    '/api/deployment-info',
  ].map((path) => path.replace(':action_id', '12345'));
  const ask = (method: string, path: string) => gateway.rest(method, path, { user: 1 });

  it.each(READS)('%s ignores unknown query parameters', async (path) => {
    const [plain, more] = [
      await ask('GET', path),
      await ask('GET', `${path}?foo=bar&_=17&api-version=2&limit[x]=1`),
    ];
    expect(plain.status).toBe(200);
    expect([more.status, more.body]).toEqual([200, plain.body]);
  });

  it.each(READS)(
    '%s answers HEAD and a trailing slash as GET, and OPTIONS with the allowed methods',
    async (path) => {
      const plain = await ask('GET', path);
      for (const same of [
        await ask('GET', `${path}/`),
        await ask('HEAD', path),
        await ask('HEAD', `${path}/`),
      ])
        expect([same.status, same.headers.get('content-length')]).toEqual([
          200,
          plain.headers.get('content-length'),
        ]);
      for (const slash of ['', '/']) {
        const options = await gateway.rest('OPTIONS', `${path}${slash}`);
        expect([options.status, options.headers.get('allow'), options.text]).toEqual([
          204,
          'GET, HEAD, OPTIONS',
          '',
        ]);
        expect(codeOf(await ask('DELETE', `${path}${slash}`))).toBe('405 METHOD_NOT_ALLOWED');
      }
    },
  );
});
