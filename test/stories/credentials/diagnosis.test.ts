import { once } from 'node:events';
import { connect } from 'node:net';
import { waiting } from '../../support/expiry';
import { startGateway, type Gateway } from '../../support/gateway';
import { restError } from '../../support/refusals';
import { keptLogger } from '../../support/run-log';
import * as kit from '../../support/token-kit';

/** What the log and the metrics tell an operator of requests and refused credentials. */
let gateway: Gateway;
/** How far the gateway's clock is ahead, in milliseconds. */
let ahead = 0;
const logged: Record<string, unknown>[] = [];
const { claims, compact, ISSUERS, KEYS, NOW, rs, ps, token } = kit;

const log = keptLogger('trace', (line) => logged.push(JSON.parse(line) as Record<string, unknown>));
const LOGGING = { log, requestLog: log };

beforeAll(async () => {
  gateway = await startGateway({
    trustedIssuers: kit.trustedIssuers('http://127.0.0.1:1/jwks'),
    clock: () => new Date(Date.now() + ahead),
    trustProxy: ['127.0.0.1'],
    rateLimitPerMinute: 60_000,
    ...LOGGING,
  });
  await kit.makeKnown(gateway.database);
});
afterAll(() => gateway.close());
beforeEach(() => (logged.length = 0));

const entries = (message: string) => logged.filter(({ msg }) => msg === message);

/** Resolves once the log has such entries: a line is written after its answer was sent. */
async function untilLogged(message: string, count = 1): Promise<Record<string, unknown>[]> {
  while (entries(message).length < count) await new Promise((resolve) => setImmediate(resolve));
  return entries(message);
}

/** The value of a metric, by its name and labels as they are printed. */
async function metric(sample: string): Promise<number> {
  const { text } = await gateway.rest('GET', '/metrics');
  const line = text.split('\n').find((line) => line.startsWith(`${sample} `));
  // NaN would be equal to itself.
  if (line === undefined) throw new Error(`There is no metric ${sample}`);
  return Number(line.slice(sample.length + 1));
}

describe('an operator learns why a log-in is refused', () => {
  const of = (issuer: string, more: object = {}) => claims({ iss: issuer, ...more });
  const globex = (ids: object) =>
    compact({ alg: 'RS256' }, of(ISSUERS.globex, ids), rs(KEYS.globex.privateKey));
  const cases: readonly (readonly [reason: string, what: string, credential: () => string])[] = [
    ['not_bearer', 'basic authentication', () => 'Basic dXNlcjpwYXNz'],
    ['size', 'a token of 9,000 characters', () => `Bearer ${token({ padding: 'x'.repeat(9_000) })}`],
    ['malformed', 'text', () => 'Bearer garbage'],
    [
      'issuer_unknown',
      'the token of an issuer that is not configured',
      () => `Bearer ${token({ iss: 'https://elsewhere.example' })}`,
    ],
    [
      'keys_unavailable',
      'an issuer whose keys cannot be had',
      () => `Bearer ${token({ iss: ISSUERS.jwks }, { kid: 'a' })}`,
    ],
    [
      'signature',
      'the signature of a stranger',
      () => `Bearer ${token({}, {}, rs(KEYS.stranger.privateKey))}`,
    ],
    ['signature', 'another algorithm', () => `Bearer ${token({}, { alg: 'PS256' }, ps(KEYS.rs))}`],
    ['audience', 'a token for somebody else', () => `Bearer ${token({ aud: 'https://other.example' })}`],
    ['not_access_token', 'an ID token', () => `Bearer ${token({ token_use: 'id' })}`],
    ['times', 'a token that never expires', () => `Bearer ${token({ exp: undefined })}`],
    ['not_yet_valid', 'a token that begins tomorrow', () => `Bearer ${token({ nbf: NOW + 86_400 })}`],
    ['not_yet_valid', 'a token that is issued tomorrow', () => `Bearer ${token({ iat: NOW + 86_400 })}`],
    ['identity_claims', 'a token of nobody', () => `Bearer ${token({ sub: undefined })}`],
    ['subject_not_provisioned', 'an unknown person', () => `Bearer ${token({ sub: 'stranger' })}`],
    [
      'organization_of_another_issuer',
      'an issuer that speaks for others',
      () => `Bearer ${globex({ db_user_id: 42, db_org_id: 1 })}`,
    ],
    ['deactivated', 'a deactivated user', () => `Bearer ${gateway.token(6)}`],
    ['expired', 'an expired token', () => `Bearer ${token({ exp: NOW - 1 })}`],
    ['api_key_unknown', 'an API key that nobody made', () => `Bearer csk_${'A'.repeat(43)}`],
  ];

  it.each(cases)('%s: %s', async (reason, _what, credential) => {
    const sample = `countersign_authentication_failures_total{reason="${reason}"}`;
    const before = await metric(sample);
    const answer = await gateway.rest('GET', '/api/v1/actions/12345', {
      headers: { authorization: credential() },
    });
    const { correlation_id: correlationId, ...body } = restError(answer);
    const [entry, ...more] = entries('a credential was refused');
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ level: 30, reason, correlationId, code: body['error_code'] });
    expect(await metric(sample)).toBe(before + 1);
    // The answer says nothing of it.
    expect(Object.keys(body)).toEqual(['detail', 'error_code', 'status', 'timestamp']);
    if (!['keys_unavailable', 'expired', 'api_key_unknown'].includes(reason))
      expect(body['detail']).toBe('Invalid or missing token');
    expect(JSON.stringify(logged)).not.toContain(credential().split(/[ .]/).at(-1));
  });

  it('of an API key: revoked, expired, or of a deactivated owner', async () => {
    const [revoked, expired, orphan] = [
      await gateway.apiKey({}),
      await gateway.apiKey({}),
      await gateway.apiKey({ owner: 5 }),
    ];
    const set = (what: string, key: string) =>
      gateway.database.sql(`UPDATE api_keys SET ${what} WHERE prefix = $1`, [key.slice(0, 12)]);
    await set('revoked_at = now()', revoked);
    await set("created_at = now() - interval '2 days', expires_at = now() - interval '1 day'", expired);
    await gateway.database.sql('UPDATE users SET active = false WHERE id = 5');
    for (const apiKey of [revoked, expired, orphan, 'made up'])
      await gateway.rest('GET', '/api/v1/actions', { apiKey });
    expect(entries('a credential was refused').map(({ reason }) => reason)).toEqual([
      'api_key_revoked',
      'api_key_expired',
      'api_key_owner_deactivated',
      'api_key_malformed',
    ]);
  });
});

describe('a request', () => {
  it('is one line of the log, with who requested what and how it ended, and nothing of its content', async () => {
    const answer = await gateway.rest('POST', '/api/v1/actions/12346/approve?note=private', {
      user: 42,
      body: { reason: 'confidential' },
      headers: { 'x-correlation-id': 'mine-1' },
    });
    const { correlation_id: correlationId } = answer.body as { correlation_id: string };
    const lines = await untilLogged('request');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      ...{
        level: 30,
        method: 'POST',
        route: '/api/v1/actions/:action_id/approve',
        status: 200,
        actionId: 12346,
      },
      ...{ correlationId, clientCorrelationId: 'mine-1', userId: 42, organizationId: 1, ip: '127.0.0.1' },
    });
    expect(lines[0]?.['durationMs']).toBeGreaterThanOrEqual(0);
    expect(JSON.stringify(logged)).not.toMatch(/private|confidential/);
  });

  it('that is refused has its codes in the line, over both APIs', async () => {
    await gateway.rest('POST', '/api/v1/actions/12346/approve', { user: 42 });
    await untilLogged('request');
    await gateway.graphql('mutation Decide { approveAction(actionId: 12346) { status } }', { user: 42 });
    await gateway.graphql('{ nothing }', { user: 42 });
    const lines = await untilLogged('request', 3);
    expect(lines.map(({ route, status, codes }) => [route, status, codes])).toEqual([
      ['/api/v1/actions/:action_id/approve', 400, ['INVALID_STATE']],
      ['/graphql', 200, ['INVALID_STATE']],
      ['/graphql', 200, ['GRAPHQL_VALIDATION_FAILED']],
    ]);
  });

  it('is counted by its route and status, and by nothing that a caller can invent', async () => {
    const count = (method: string, route: string, status: number) =>
      `countersign_http_requests_total{method="${method}",route="${route}",status="${String(status)}"}`;
    const one = count('GET', '/api/v1/actions/:action_id', 200);
    const ask = (id: number) => gateway.rest('GET', `/api/v1/actions/${String(id)}`, { user: 42 });
    await ask(12345);
    await untilLogged('request');
    const before = await metric(one);
    logged.length = 0;
    for (const id of [12345, 12347, 12348]) await ask(id);
    for (let n = 0; n < 20; n += 1) await gateway.rest('GET', `/made/up/${String(n)}`);
    await untilLogged('request', 23);
    expect(await metric(one)).toBe(before + 3);
    expect(await metric(count('GET', 'unmatched', 404))).toBe(20);
    const { text } = await gateway.rest('GET', '/metrics');
    expect(text).not.toMatch(/made\/up|12347/);
    expect(text).toMatch(
      /^countersign_http_request_duration_seconds_bucket\{le="0.1",method="GET",route="unmatched"\} \d+$/m,
    );
  });
});

describe('the metrics', () => {
  it('show decisions by verdict: no votes, no refusals, and no replays', async () => {
    const approved = 'countersign_decisions_total{verdict="approve",decided_by="reviewer"}';
    const rejected = 'countersign_decisions_total{verdict="reject",decided_by="reviewer"}';
    const before = [await metric(approved), await metric(rejected)] as const;
    const [first, second, third, fourth] = await gateway.addActions([10, 10, 10, 10]);
    const retried = { user: 42, headers: { 'idempotency-key': 'again' } };
    for (let n = 0; n < 2; n += 1)
      await gateway.rest('POST', `/api/v1/actions/${String(first)}/approve`, retried);
    await gateway.rest('POST', `/api/v1/actions/${String(first)}/reject`, { user: 42 });
    await gateway.rest('POST', '/api/v1/actions/bulk-reject', {
      user: 42,
      body: { action_ids: [first, second, third] },
    });
    await gateway.rest('POST', `/api/v1/actions/${String(fourth)}/approve`, { user: 42 });
    expect([await metric(approved), await metric(rejected)]).toEqual([before[0] + 2, before[1] + 2]);
  });

  it('show the queue, its age, and the unsealed entries, as they are at this very scrape', async () => {
    const pending = await gateway.database.sql<{ n: number }>(
      "SELECT count(*) AS n FROM actions WHERE status = 'pending_approval'",
    );
    const other = await startGateway({ database: gateway.database });
    try {
      const first = await other.rest('GET', '/metrics');
      const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(first.text)?.[1]);
      expect(value('countersign_queue_pending_actions')).toBe(pending[0]?.n);
      expect(value('countersign_queue_oldest_seconds')).toBeGreaterThan(0);
      expect(value('countersign_audit_backlog')).toBeGreaterThan(0);
      expect(value('countersign_audit_lag_seconds')).toBeGreaterThan(0);
    } finally {
      await other.close();
    }
  });
});

it('a client that hangs up early leaves no error in the log', async () => {
  const { hostname, port } = new URL(gateway.url);
  const body = JSON.stringify({ query: '{ actions(first: 100) { edges { node { id } } } }' });
  for (let n = 0; n < 20; n += 1) {
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const headers = [
      'POST /graphql HTTP/1.1',
      ...['Host: x', 'X-Forwarded-For: 203.0.113.9', 'Content-Type: application/json'],
      ...[`Authorization: Bearer ${gateway.token(42)}`, `Content-Length: ${String(body.length)}`],
    ];
    socket.write(`${headers.join('\r\n')}\r\n\r\n${n % 2 === 0 ? body : body.slice(0, 9)}`);
    socket.resetAndDestroy();
  }
  // Later requests are served; whatever the earlier ones left has been logged by then.
  const ready = await gateway.rest('GET', '/readyz');
  expect(ready.status).toBe(200);
  await untilLogged('request');
  expect(logged.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  // The operating system may have forgotten the peer by the time the request is read: no proxy is trusted then.
  for (const { ip } of entries('request').filter(({ route }) => route === '/graphql'))
    expect(['203.0.113.9', null]).toContain(ip);
});

it('a client that hangs up while its request waits is counted and logged under its address, and leaves no error', async () => {
  const direct = await startGateway({ ...LOGGING, database: gateway.database });
  try {
    const { hostname, port } = new URL(direct.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    await gateway.database.owner.transaction(async (sql) => {
      await sql.query({ name: 'hold', text: 'LOCK TABLE actions IN ACCESS EXCLUSIVE MODE' }, []);
      const headers = ['GET /api/v1/actions/12345 HTTP/1.1', 'Host: x'];
      socket.write(`${headers.join('\r\n')}\r\nAuthorization: Bearer ${direct.token(42)}\r\n\r\n`);
      while ((await waiting(gateway.database)).length === 0);
      socket.resetAndDestroy();
      // Later requests are served: by then the other client is known to have left.
      expect((await direct.rest('GET', '/health')).status).toBe(200);
    });
    const isIts = ({ route }: Record<string, unknown>) => route === '/api/v1/actions/:action_id';
    while (!entries('request').some(isIts)) await new Promise((resolve) => setImmediate(resolve));
    expect(entries('request').find(isIts)).toMatchObject({ ip: '127.0.0.1', status: 499 });
    expect(logged.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  } finally {
    await direct.close();
  }
});

it('a gateway whose clock is off says so in the log and in a metric, and again once it is right', async () => {
  const message = /^the clock of this gateway is \d+ s (ahead of|behind) the database's/;
  const offset = () => metric('countersign_clock_offset_seconds');
  const until = async (pattern: RegExp) => {
    while (!logged.some(({ msg }) => pattern.test(String(msg))))
      await new Promise((resolve) => setTimeout(resolve, 50));
  };
  ahead = -90_000;
  try {
    await until(message);
    expect(logged.find(({ msg }) => message.test(String(msg)))).toMatchObject({
      level: 40,
      msg: expect.stringMatching(/90 s behind/) as string,
    });
    expect(await offset()).toBeLessThan(-80);
    // The effect on people: a token that is fresh elsewhere begins in this gateway's future.
    await gateway.rest('GET', '/api/v1/actions/12345', {
      headers: { authorization: `Bearer ${token({ iat: Math.floor(Date.now() / 1000) })}` },
    });
    expect(entries('a credential was refused').at(-1)).toMatchObject({ reason: 'not_yet_valid' });
  } finally {
    ahead = 0;
  }
  await until(/agrees with the database's again/);
  expect(Math.abs(await offset())).toBeLessThan(80);
});
