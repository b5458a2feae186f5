import type { IncomingMessage } from 'node:http';
import { KnownCredentials } from '../../../src/http/known-credentials';
import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';
import { codeOf, graphqlBody, graphqlCodeOf, restError } from '../../support/refusals';

/** How much one caller can request of a process, and what a busy process accepts. */
let gateway: Gateway;

const ORIGIN = 'https://app.example.com';
/** In ten seconds. */
const LIMIT = 5;
const ACTION = '/api/v1/actions/12345';
const [ADMIN, SECURITY_MANAGER, MANAGER, SENIOR, ANALYST, LIMITED] = [1, 2, 3, 42, 4, 5];
/** Of another organization; their token is presented only from an address that floods. */
const STRANGER = 104;
const [NEIGHBOUR, OTHER_NEIGHBOUR] = [101, 142];

beforeAll(async () => {
  gateway = await startGateway({
    rateLimitPerMinute: LIMIT * 6,
    trustProxy: ['127.0.0.1'],
    corsOrigins: [ORIGIN],
  });
});
afterAll(() => gateway.close());

/** A request from this address. */
const from = (address: string, options: RequestOptions = {}): RequestOptions => ({
  ...options,
  headers: { 'x-forwarded-for': address, ...options.headers },
});

/** The statuses of so many requests that are sent at once, in order. */
async function statusesOf(count: number, ask: () => Promise<{ readonly status: number }>): Promise<number[]> {
  const answers = await Promise.all(Array.from({ length: count }, ask));
  return answers.map(({ status }) => status).sort();
}

const limitOf = ({ headers }: { readonly headers: Headers }) =>
  ['limit', 'remaining', 'reset-after'].map((name) => Number(headers.get(`x-ratelimit-${name}`)));

describe('a reviewer who sends too many requests', () => {
  it('is refused with the time to wait, which is ten seconds at most', async () => {
    const ask = () => gateway.rest('GET', ACTION, { user: ADMIN, headers: { origin: ORIGIN } });
    expect(await statusesOf(LIMIT + 3, ask)).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
    const answer = await ask();
    expect(codeOf(answer)).toBe('429 RATE_LIMIT_EXCEEDED');
    expect(Object.keys(restError(answer))).toEqual([
      ...['detail', 'error_code', 'status', 'correlation_id', 'timestamp'],
    ]);
    const [limit, remaining, after = NaN] = limitOf(answer);
    expect([limit, remaining]).toEqual([LIMIT, 0]);
    expect(after).toBeGreaterThanOrEqual(1);
    expect(after).toBeLessThanOrEqual(10);
    expect(answer.headers.get('retry-after')).toBe(String(after));
    const reset = Number(answer.headers.get('x-ratelimit-reset'));
    expect(Math.abs(reset - Date.now() / 1000)).toBeLessThanOrEqual(11);
    expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(answer.headers.get('access-control-expose-headers')).toContain('X-RateLimit-Reset-After');
  });

  it('is refused over both APIs, and decides nothing', async () => {
    await statusesOf(LIMIT, () => gateway.rest('GET', ACTION, { user: SENIOR }));
    const rest = await gateway.rest('POST', `${ACTION}/approve`, { user: SENIOR });
    expect(codeOf(rest)).toBe('429 RATE_LIMIT_EXCEEDED');
    const query = 'mutation { approveAction(actionId: 12345) { status } }';
    const graphql = await gateway.graphql(query, { user: SENIOR });
    expect([graphql.status, graphqlCodeOf(graphql)]).toEqual([429, 'RATE_LIMIT_EXCEEDED']);
    expect(graphqlBody(graphql)).not.toHaveProperty('data');
    expect(graphql.headers.get('retry-after')).toBe(graphql.headers.get('x-ratelimit-reset-after'));
    const [action] = await gateway.database.sql<{ status: string }>(
      'SELECT status FROM actions WHERE id = 12345',
    );
    expect(action?.status).toBe('pending_approval');
  });

  it('leaves a colleague at the same address unaffected', async () => {
    const ask = (user: number) => gateway.rest('GET', ACTION, from('203.0.113.1', { user }));
    await statusesOf(LIMIT + 1, () => ask(MANAGER));
    expect((await ask(MANAGER)).status).toBe(429);
    expect((await ask(SECURITY_MANAGER)).status).toBe(200);
  });

  it('is answered again when the ten seconds are over', async () => {
    const ask = () => gateway.rest('GET', ACTION, { user: LIMITED });
    expect((await statusesOf(LIMIT + 1, ask)).at(-1)).toBe(429);
    const { now } = Date;
    const later = jest.spyOn(Date, 'now').mockImplementation(() => now() + 10_000);
    try {
      expect(limitOf(await ask()).slice(0, 2)).toEqual([LIMIT, LIMIT - 1]);
    } finally {
      later.mockRestore();
    }
  });
});

it("a program's requests count for its key, refused ones too", async () => {
  const apiKey = await gateway.apiKey({});
  const other = await gateway.apiKey({});
  const approve = () => gateway.rest('POST', `${ACTION}/approve`, { apiKey });
  expect(await statusesOf(LIMIT + 1, approve)).toEqual([401, 401, 401, 401, 401, 429]);
  expect((await gateway.rest('GET', ACTION, { apiKey })).status).toBe(429);
  expect((await gateway.rest('GET', ACTION, { apiKey: other })).status).toBe(200);
});

describe("every reply states its caller's limits", () => {
  it.each([
    ['192.0.2.1', 'an answer', '/api/v1/actions', { user: ANALYST }, 200],
    ['192.0.2.2', 'one without a credential', ACTION, {}, 401],
    ['192.0.2.3', 'one with a wrong credential', ACTION, { headers: { authorization: 'Bearer x' } }, 401],
    ['192.0.2.4', 'one at no path', '/nothing', {}, 404],
    ['192.0.2.5', 'the playground', '/playground', {}, 200],
  ] as const)('to %s: %s', async (address, _what, path, options: RequestOptions, status) => {
    const answer = await gateway.rest('GET', path, from(address, options));
    expect(answer.status).toBe(status);
    expect(limitOf(answer)).toEqual([LIMIT, LIMIT - 1, 10]);
  });
});

describe('an attacker who guesses tokens', () => {
  const guess = (address: string) =>
    gateway.rest('GET', ACTION, from(address, { headers: { authorization: 'Bearer a.b.c' } }));

  it('is refused before authentication once their address sent too many', async () => {
    for (let n = 0; n < LIMIT; n += 1) expect((await guess('203.0.113.2')).status).toBe(401);
    const { statements } = gateway.database;
    statements.length = 0;
    const refused = await guess('203.0.113.2');
    expect(codeOf(refused)).toBe('429 RATE_LIMIT_EXCEEDED');
    // Whatever they present that was never valid before: it could be a guess.
    const lucky = await gateway.rest('GET', ACTION, from('203.0.113.2', { user: STRANGER }));
    expect(lucky.status).toBe(429);
    expect(statements).toEqual([]);
    expect((await guess('203.0.113.3')).status).toBe(401);
  });

  it('does not escape by the many addresses of one IPv6 network', async () => {
    for (let n = 0; n < LIMIT; n += 1) expect((await guess(`2001:db8:1:1::${String(n)}`)).status).toBe(401);
    expect((await guess('2001:db8:1:1:ffff::1')).status).toBe(429);
    expect((await guess('2001:db8:1:2::1')).status).toBe(401);
  });

  it('keeps nobody from asking for the state of the process', async () => {
    for (let n = 0; n <= LIMIT; n += 1) await guess('203.0.113.4');
    for (const path of ['/health', '/readyz', '/metrics'])
      expect(await statusesOf(2 * LIMIT, () => gateway.rest('GET', path, from('203.0.113.4')))).toEqual(
        Array.from({ length: 2 * LIMIT }, () => 200),
      );
    const preflight = await gateway.rest(
      'OPTIONS',
      ACTION,
      from('203.0.113.4', { headers: { origin: ORIGIN } }),
    );
    expect(preflight.status).toBe(204);
  });
});

describe('an attacker who floods from an address', () => {
  const guess = (address: string) =>
    gateway.rest('GET', '/nothing', from(address, { headers: { authorization: 'Bearer a.b.c' } }));
  const flood = async (address: string) => {
    while ((await guess(address)).status !== 429);
  };
  const read = (address: string, options: RequestOptions) =>
    gateway.rest('GET', '/api/v1/actions', from(address, options));

  it('does not lock out a neighbour whose credential was valid a moment ago, be it a token or a key', async () => {
    const apiKey = await gateway.apiKey({ organization: 2, owner: 101 });
    for (const who of [{ user: NEIGHBOUR }, { apiKey }])
      expect((await read('203.0.113.20', who)).status).toBe(200);
    await flood('203.0.113.20');
    for (const who of [{ user: NEIGHBOUR }, { apiKey }]) {
      const answer = await read('203.0.113.20', who);
      expect([answer.status, ...limitOf(answer).slice(0, 2)]).toEqual([200, LIMIT, LIMIT - 2]);
    }
    // It is no way around the limits: not at another path, and not for a caller who used up their own.
    expect((await guess('203.0.113.20')).status).toBe(429);
    const spend = () => gateway.rest('GET', '/nothing', from('203.0.113.20', { user: NEIGHBOUR }));
    expect(await statusesOf(LIMIT, spend)).toEqual([404, 404, 404, 429, 429]);
    expect((await read('203.0.113.20', { user: NEIGHBOUR })).status).toBe(429);
  });

  it('locks out a credential that was withdrawn meanwhile, once it was refused', async () => {
    const apiKey = await gateway.apiKey({ organization: 2, owner: 101 });
    const prefix = apiKey.slice(0, 12);
    expect((await read('203.0.113.21', { apiKey })).status).toBe(200);
    await gateway.database.sql('UPDATE api_keys SET revoked_at = now() WHERE prefix = $1', [prefix]);
    await flood('203.0.113.21');
    expect((await read('203.0.113.21', { apiKey })).status).toBe(401);
    expect((await read('203.0.113.21', { apiKey })).status).toBe(429);
  });

  it('is not taken for a neighbour with half of a credential, or with it twice', async () => {
    const token = gateway.token(OTHER_NEIGHBOUR);
    expect((await read('203.0.113.22', { user: OTHER_NEIGHBOUR })).status).toBe(200);
    await flood('203.0.113.22');
    const [head = '', claims = ''] = token.split('.');
    for (const authorization of [`Bearer ${head}.${claims}.AAAA`, `Bearer ${token}, Bearer ${token}`])
      expect((await read('203.0.113.22', { headers: { authorization } })).status).toBe(429);
    expect((await read('203.0.113.22', { user: OTHER_NEIGHBOUR })).status).toBe(200);
  });
});

describe('the memory of valid credentials', () => {
  const request = (credential: string) =>
    ({ rawHeaders: ['Authorization', credential] }) as unknown as IncomingMessage;

  it('keeps a bounded number of them, eight of one principal, for an hour', () => {
    const known = new KnownCredentials();
    known.remember(request('old'), 'user:1', 0);
    for (let n = 0; n < 20; n += 1) known.remember(request(`many ${String(n)}`), 'user:2', 0);
    const kept = Array.from({ length: 20 }, (_, n) => known.ownerOf(request(`many ${String(n)}`), 1));
    expect(kept).toEqual([...Array(12).fill(null), ...Array(8).fill('user:2')]);
    expect(known.ownerOf(request('old'), 60 * 60_000 - 1)).toBe('user:1');
    expect(known.ownerOf(request('old'), 60 * 60_000)).toBeNull();
    for (let n = 0; n < 10_000; n += 1)
      known.remember(request(`crowd ${String(n)}`), `user:${String(n + 3)}`, 2);
    expect(known.ownerOf(request('old'), 2)).toBeNull();
    expect(known.ownerOf(request('crowd 0'), 2)).toBe('user:3');
  });
});

it('a gateway without limits states none', async () => {
  const unlimited = await startGateway({ database: gateway.database });
  try {
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => unlimited.rest('GET', ACTION, { user: ANALYST })),
    );
    for (const { status, headers } of answers)
      expect([status, headers.get('x-ratelimit-limit')]).toEqual([200, null]);
  } finally {
    await unlimited.close();
  }
});

it('an overloaded process sends callers elsewhere over either API, and answers probes', async () => {
  const load = { eventLoopDelay: null, memory: 1 };
  const busy = await startGateway({ database: gateway.database, load });
  try {
    const approve = () => busy.rest('POST', `${ACTION}/approve`, { user: ADMIN, body: { reason: 1 } });
    // The process checks itself once a second.
    while ((await approve()).status !== 503);
    const rest = await approve();
    expect([codeOf(rest), rest.headers.get('retry-after')]).toEqual(['503 SERVICE_UNAVAILABLE', '1']);
    const graphql = await busy.graphql('{ viewer { id } }', { user: ADMIN });
    expect([graphql.status, graphqlCodeOf(graphql)]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    for (const path of ['/health', '/readyz', '/metrics'])
      expect((await busy.rest('GET', path)).status).toBe(200);
    // A caller who is sent elsewhere is counted like every other.
    const { text } = await busy.rest('GET', '/metrics');
    expect(text).toMatch(
      /^countersign_http_requests_total\{method="POST",route="\/api\/v1\/actions\/:action_id\/approve",status="503"\} [1-9]/m,
    );
  } finally {
    await busy.close();
  }
});
