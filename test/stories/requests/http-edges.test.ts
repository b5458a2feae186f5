import { request as httpRequest } from 'node:http';
import { outcomeOf } from '../../support/apis';
import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';
import { codeOf, restError } from '../../support/refusals';

/** What all paths share: unknown paths and methods, error bodies, correlation ids, CORS, proxies. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const ADMIN = 1;
const ACTION = '/api/v1/actions/12345';
const CORRELATION_ID = /^action_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)_[0-9a-f]{16}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** Starts another gateway on the same database for one test. */
async function withGateway(
  options: NonNullable<Parameters<typeof startGateway>[0]>,
  test: (other: Gateway) => Promise<void>,
): Promise<void> {
  const other = await startGateway({ ...options, database: gateway.database });
  try {
    await test(other);
  } finally {
    await other.close();
  }
}

/** A senior manager's approval of a new action; returns its audit entry as an admin reads it. */
async function approveNew(options: RequestOptions, through: Gateway = gateway) {
  const [id] = await gateway.addActions([10]);
  const answer = await through.rest('POST', `/api/v1/actions/${String(id)}/approve`, {
    user: 42,
    ...options,
  });
  const log = await gateway.rest('GET', `/api/admin/audit-logs?action_id=${String(id)}`, { user: ADMIN });
  const [entry] = (log.body as { logs: Record<string, unknown>[] }).logs;
  return { answer, entry };
}

describe('a path', () => {
  it('that does not exist is a 404', async () => {
    const paths = ['/nothing', '/api/v1', '/API/v1/actions', `${ACTION}/approve/now`, '/%ZZ', '/graphql/x'];
    for (const path of paths)
      for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS'])
        expect(codeOf(await gateway.rest(method, path, { user: ADMIN }))).toBe('404 NOT_FOUND');
  });

  it.each([
    ['GET', `${ACTION}/approve`, ['POST']],
    ['DELETE', `${ACTION}/reject`, ['POST']],
    ['GET', '/api/v1/actions/bulk-approve', ['POST']],
    ['POST', ACTION, ['GET', 'HEAD']],
    ['PATCH', '/api/v1/actions', ['GET', 'HEAD']],
    ['PUT', `${ACTION}/status`, ['GET', 'HEAD']],
    ['DELETE', '/api/admin/audit-logs', ['GET', 'HEAD']],
    ['PUT', '/graphql', ['GET', 'POST']],
    ['POST', '/readyz', ['GET', 'HEAD']],
  ])('requested with %s at %s is a 405 that lists the allowed methods', async (method, path, allowed) => {
    const answer = await gateway.rest(method, path, { user: ADMIN });
    expect(outcomeOf(answer)).toMatchObject({ http: 405, status: 405, code: 'METHOD_NOT_ALLOWED' });
    const allow = answer.headers.get('allow')?.split(', ') ?? [];
    expect(allow.sort()).toEqual([...allowed, 'OPTIONS'].sort());
    const options = await gateway.rest('OPTIONS', path);
    expect([options.status, options.headers.get('allow'), options.text]).toEqual([
      204,
      answer.headers.get('allow'),
      '',
    ]);
    for (const offered of allow) expect((await gateway.rest(offered, path)).status).not.toBe(405);
  });

  it('answers HEAD as GET, without the body', async () => {
    for (const path of [ACTION, '/api/v1/actions', '/health', '/nothing', '/api/v1/actions/abc']) {
      const [get, head] = [
        await gateway.rest('GET', path, { user: ADMIN }),
        await gateway.rest('HEAD', path, { user: ADMIN }),
      ];
      expect([head.status, head.text]).toEqual([get.status, '']);
      expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
    }
    expect((await gateway.rest('HEAD', ACTION)).status).toBe(401);
  });

  it('is the same with a trailing slash', async () => {
    for (const path of [ACTION, `${ACTION}/status`, '/api/v1/actions', '/health', '/readyz', '/metrics'])
      expect((await gateway.rest('GET', `${path}/`, { user: ADMIN })).status).toBe(200);
    const query = { query: '{ viewer { id } }' };
    const answer = await gateway.rest('POST', '/graphql/', { user: ADMIN, body: query });
    expect(answer.body).toEqual({ data: { viewer: { id: '1' } } });
    expect(codeOf(await gateway.rest('POST', `${ACTION}/`, { user: ADMIN }))).toBe('405 METHOD_NOT_ALLOWED');
  });
});

it('an error body has the documented keys in the documented order', async () => {
  const text = { 'content-type': 'text/plain' };
  await gateway.rest('POST', '/api/v1/actions/12348/approve', { user: ADMIN });
  const requests: readonly (readonly [string, string, string, RequestOptions, string?])[] = [
    ['400 INVALID_STATE', 'POST', '/api/v1/actions/12348/approve', { user: ADMIN }, 'context'],
    ['400 INVALID_JSON', 'POST', `${ACTION}/approve`, { user: ADMIN, rawBody: Buffer.from('{') }],
    ['401 MISSING_AUTH', 'GET', ACTION, {}],
    ['401 INVALID_TOKEN', 'GET', ACTION, { headers: { authorization: 'Bearer x' } }],
    ['403 INSUFFICIENT_PERMISSIONS', 'POST', `${ACTION}/approve`, { user: 4 }, 'context'],
    ['403 APPROVAL_LEVEL_REQUIRED', 'POST', '/api/v1/actions/12351/approve', { user: 42 }, 'context'],
    ['403 RISK_LIMIT_EXCEEDED', 'POST', `${ACTION}/approve`, { user: 5 }, 'context'],
    ['403 SELF_APPROVAL_FORBIDDEN', 'POST', '/api/v1/actions/12353/approve', { user: 42 }, 'context'],
    ['404 ACTION_NOT_FOUND', 'GET', '/api/v1/actions/987654321', { user: ADMIN }],
    ['404 NOT_FOUND', 'GET', '/nothing', {}],
    ['405 METHOD_NOT_ALLOWED', 'GET', `${ACTION}/approve`, {}],
    ['413 PAYLOAD_TOO_LARGE', 'POST', `${ACTION}/approve`, { user: ADMIN, rawBody: Buffer.alloc(2_000_000) }],
    ['415 UNSUPPORTED_MEDIA_TYPE', 'POST', `${ACTION}/approve`, { user: ADMIN, headers: text, rawBody: 'x' }],
    ['422 VALIDATION_ERROR', 'GET', '/api/v1/actions/0', { user: ADMIN }, 'errors'],
  ];
  for (const [code, method, path, options, more] of requests) {
    const answer = await gateway.rest(method, path, options);
    const { status, correlation_id, timestamp } = restError(answer);
    expect(codeOf(answer)).toBe(code);
    expect(Object.keys(restError(answer))).toEqual([
      ...['detail', 'error_code', 'status', 'correlation_id', 'timestamp'],
      ...(more === undefined ? [] : [more]),
    ]);
    expect(status).toBe(answer.status);
    expect(correlation_id).toMatch(CORRELATION_ID);
    expect(timestamp).toMatch(TIME);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  }
});

describe('a correlation id', () => {
  it('is generated for each decision within 2 s of its time', async () => {
    const { answer, entry } = await approveNew({});
    const { correlation_id: id } = answer.body as { correlation_id: string };
    const minted = Date.parse(id.replace(CORRELATION_ID, '$1-$2-$3T$4:$5:$6Z'));
    const [{ at } = { at: new Date(0) }] = await gateway.database.sql<{ at: Date }>(
      'SELECT decided_at AS at FROM actions WHERE correlation_id = $1',
      [id],
    );
    expect(Math.abs(at.getTime() - minted)).toBeLessThan(2000);
    expect(entry).toMatchObject({ correlation_id: id, client_correlation_id: null });
  });

  it('of the client is returned and stored beside it', async () => {
    for (const theirs of ['asc_1f-2.B:3', 'x', 'y'.repeat(128)]) {
      const { answer, entry } = await approveNew({ headers: { 'x-correlation-id': theirs } });
      expect(answer.headers.get('x-correlation-id')).toBe(theirs);
      expect(entry).toMatchObject({ client_correlation_id: theirs });
      expect(entry?.['correlation_id']).toMatch(CORRELATION_ID);
      const refused = await gateway.rest('GET', '/nothing', { headers: { 'x-correlation-id': theirs } });
      expect(refused.headers.get('x-correlation-id')).toBe(theirs);
    }
  });

  it('of the client that is not well-formed is ignored', async () => {
    for (const theirs of ['', 'a b', 'a,b', 'a/b', '<x>', 'é', 'y'.repeat(129)]) {
      const { answer, entry } = await approveNew({ headers: { 'x-correlation-id': theirs } });
      expect([answer.status, answer.headers.get('x-correlation-id')]).toEqual([200, null]);
      expect(entry).toMatchObject({ client_correlation_id: null });
    }
  });
});

describe('the address in the audit log', () => {
  const forwarded = { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' };

  it("is the peer's, whatever the peer claims", async () => {
    expect((await approveNew({ headers: forwarded })).entry).toMatchObject({ ip_address: '127.0.0.1' });
  });

  it("is the one that a trusted proxy saw, not the one that the proxy's client claims", async () => {
    await withGateway({ trustProxy: ['127.0.0.1'] }, async (other) => {
      const { entry } = await approveNew({ headers: forwarded }, other);
      expect(entry).toMatchObject({ ip_address: '203.0.113.9' });
      expect((await approveNew({}, other)).entry).toMatchObject({ ip_address: '127.0.0.1' });
    });
  });

  it("is the peer's where another proxy is trusted", async () => {
    await withGateway({ trustProxy: ['10.0.0.0/8'] }, async (other) => {
      expect((await approveNew({ headers: forwarded }, other)).entry).toMatchObject({
        ip_address: '127.0.0.1',
      });
    });
  });
});

describe('CORS', () => {
  const origin = 'https://app.example.com';
  const preflight = {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type,idempotency-key,x-correlation-id',
  };
  const corsOf = (headers: Headers) =>
    [...headers.keys()].filter((name) => name.startsWith('access-control-'));

  it('is off unless it is configured', async () => {
    const answers = [
      await gateway.rest('OPTIONS', `${ACTION}/approve`, { headers: preflight }),
      await gateway.rest('GET', ACTION, { user: ADMIN, headers: { origin } }),
    ];
    expect(answers.flatMap(({ headers }) => corsOf(headers))).toEqual([]);
  });

  it('answers the preflight of an allowed origin before authentication', async () => {
    await withGateway({ corsOrigins: [origin] }, async (other) => {
      for (const path of [`${ACTION}/approve`, '/api/v1/actions/bulk-approve', '/graphql']) {
        const { status, headers } = await other.rest('OPTIONS', path, { headers: preflight });
        expect([status, headers.get('access-control-allow-origin')]).toEqual([204, origin]);
        expect(headers.get('access-control-allow-methods')).toContain('POST');
        const allowed = headers.get('access-control-allow-headers')?.toLowerCase().split(/, ?/);
        expect(allowed).toEqual(
          expect.arrayContaining(preflight['access-control-request-headers'].split(',')),
        );
      }
    });
  });

  it('lets an allowed origin read answers and refusals, with the exposed headers', async () => {
    await withGateway({ corsOrigins: ['https://other.example.com', origin] }, async (other) => {
      const requests: [number, string, RequestOptions][] = [
        [200, ACTION, { user: ADMIN }],
        [401, ACTION, {}],
        [401, ACTION, { headers: { authorization: 'Bearer x' } }],
        [404, '/nothing', {}],
        [422, '/api/v1/actions/0', { user: ADMIN }],
      ];
      for (const [expected, path, options] of requests) {
        const { status, headers } = await other.rest('GET', path, {
          ...options,
          headers: { ...options.headers, origin },
        });
        expect([status, headers.get('access-control-allow-origin')]).toEqual([expected, origin]);
        expect(headers.get('access-control-expose-headers')?.split(', ')).toEqual(
          expect.arrayContaining(['X-Correlation-ID', 'Retry-After']),
        );
        expect(headers.get('vary')).toMatch(/origin/i);
        expect(headers.get('access-control-allow-credentials')).toBeNull();
      }
      const graphql = await other.graphql('{ viewer { id } }', {
        headers: { origin, authorization: 'Bearer x' },
      });
      expect([graphql.status, graphql.headers.get('access-control-allow-origin')]).toEqual([401, origin]);
    });
  });

  it('tells another origin nothing', async () => {
    await withGateway({ corsOrigins: [origin] }, async (other) => {
      for (const stranger of ['https://evil.example.com', 'https://app.example.com.evil.example', 'null']) {
        const headers = { ...preflight, origin: stranger };
        const answers = [
          await other.rest('OPTIONS', `${ACTION}/approve`, { headers }),
          await other.rest('GET', ACTION, { user: ADMIN, headers: { origin: stranger } }),
        ];
        for (const answer of answers) expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      }
    });
  });
});

describe('a GraphQL request over HTTP', () => {
  /** Sends the headers unchanged, which fetch would not. */
  function ask(
    method: string,
    path: string,
    headers: Record<string, string>,
    body = '',
  ): Promise<[number, any]> {
    return new Promise((resolve, reject) => {
      const sent = httpRequest(gateway.url + path, { method, headers }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          resolve([response.statusCode ?? 0, JSON.parse(text)]);
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }
  const credential = () => ({ authorization: `Bearer ${gateway.token(42)}` });

  it.each(['[', 'a b', 'x:99999999', '%', 'example.com'])(
    'is answered whatever its Host is: %s',
    async (host) => {
      const headers = { ...credential(), host, 'content-type': 'application/json' };
      const [status, body] = await ask('POST', '/graphql', headers, '{"query":"{ viewer { id } }"}');
      expect([status, body]).toEqual([200, { data: { viewer: { id: '42' } } }]);
    },
  );

  it('reads by GET with variables that are not rounded', async () => {
    const query = encodeURIComponent('query ($id: ID!) { action(id: $id) { id } }');
    const headers = { ...credential(), 'apollo-require-preflight': 'yes' };
    const get = (id: string) =>
      ask('GET', `/graphql?query=${query}&variables=${encodeURIComponent(`{"id":${id}}`)}`, headers);
    expect(await get('12345')).toEqual([200, { data: { action: { id: '12345' } } }]);
    const [, rounded] = await get('12345.0000000000001');
    expect(rounded.errors[0].extensions.code).toBe('VALIDATION_ERROR');
  });

  it('by GET with two sets of variables is refused', async () => {
    const headers = { ...credential(), 'apollo-require-preflight': 'yes' };
    const [status] = await ask(
      'GET',
      '/graphql?query=%7Bviewer%7Bid%7D%7D&variables=%7B%7D&variables=%7B%7D',
      headers,
    );
    expect(status).toBe(400);
  });
});
