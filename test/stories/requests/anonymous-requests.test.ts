import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { startGateway, type Gateway } from '../../support/gateway';
import { sendRaw } from '../../support/raw-request';
import { codeOf, graphqlBody, graphqlCodeOf } from '../../support/refusals';
import { keptLogger } from '../../support/run-log';

/** What a caller without a credential can make the gateway do, byte for byte: little, and never more than was sent. */
let gateway: Gateway;
/** What was logged, at every level. */
const logged: { readonly level: number; readonly msg: string }[] = [];
const ORIGIN = 'https://app.example.com';
const ERROR = 50;

beforeAll(async () => {
  const log = keptLogger('trace', (entry) => logged.push(JSON.parse(entry) as (typeof logged)[number]));
  gateway = await startGateway({ log, corsOrigins: [ORIGIN] });
});
afterAll(() => gateway.close());

const TYPENAME = '{"query":"{ __typename }"}';
const JSON_HEADERS = { 'content-type': 'application/json' };
const post = (rawBody: string, headers: Readonly<Record<string, string>> = JSON_HEADERS) =>
  gateway.rest('POST', '/graphql', { headers, rawBody });

/** Sends bytes, and returns everything that arrives until the connection ends. */
function send(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () =>
      socket.write(bytes, 'latin1'),
    );
    let received = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => (received += text));
    socket.on('close', () => {
      resolve(received);
    });
    socket.on('error', reject);
  });
}

/** The status line's number and the code of the one error body. */
function refusalIn(answer: string): string {
  const [head = '', text = ''] = answer.split('\r\n\r\n');
  const body = JSON.parse(text) as Record<string, unknown>;
  expect(Object.keys(body)).toEqual(['detail', 'error_code', 'status', 'correlation_id', 'timestamp']);
  expect(head).toMatch(/cache-control: no-store/i);
  return `${String(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1])} ${String(body['error_code'])}`;
}

describe('a caller who sends 110,000 of one byte is answered as fast as for few', () => {
  const LONG = 110_000;

  it('as the digits of a variable', async () => {
    const digits = '1'.repeat(LONG);
    const posted = await post(`{"query":"{__typename}","variables":{"x":${digits}}}`);
    expect(posted.body).toEqual({ data: { __typename: 'Query' } });
    const search = `query=%7B__typename%7D&variables=${encodeURIComponent(`{"x":${digits}}`)}`;
    const headers = { 'apollo-require-preflight': '1' };
    const gotten = await gateway.rest('GET', `/graphql?${search}`, { headers });
    expect(gotten.body).toEqual({ data: { __typename: 'Query' } });
  });

  it('as the spaces of a content type, which reaches no library', async () => {
    const spaces = ' '.repeat(LONG);
    for (const [type, status] of [
      [`application/json;${spaces}x`, 200],
      [`APPLICATION/json ${spaces};`, 200],
      [`application/json;${' ;'.repeat(LONG / 2)}`, 200],
      [`application/json${spaces}x`, 415],
      [`x${spaces}/json`, 415],
    ] as const)
      expect((await post(TYPENAME, { 'content-type': type })).status).toBe(status);
  });

  it('as the spaces between the accepted types, which reach no library', async () => {
    const typeFor = async (accept: string) =>
      (await gateway.rest('GET', '/', { headers: { accept } })).headers.get('content-type');
    expect(await typeFor('text/html, x/y')).toMatch(/^text\/html/);
    expect(await typeFor(`text/html, ${' '.repeat(LONG)}x/y`)).toMatch(/^application\/json/);
  });

  it.each([
    ...[
      'Accept',
      'Accept-Encoding',
      'Accept-Language',
      'Access-Control-Request-Headers',
      'Cookie',
      'Forwarded',
    ],
    ...['Idempotency-Key', 'If-None-Match', 'Origin', 'Prefer', 'TE', 'User-Agent', 'X-Correlation-ID'],
    ...['X-Forwarded-For', 'X-Apollo-Operation-Name', '__proto__', 'constructor'],
  ])('in the header %s', async (name) => {
    for (const part of [' ', ',', '"', ';q=0,', 'a;', '\t']) {
      const value = `x${part.repeat(LONG / part.length)}x`;
      const answer = await sendRaw(`${gateway.url}/graphql`, { ...JSON_HEADERS, [name]: value }, TYPENAME);
      expect([answer.status, answer.body]).toEqual([200, { data: { __typename: 'Query' } }]);
    }
  });

  it.each(['Authorization', 'X-API-Key'])(
    'in the header %s, which then holds no credential',
    async (name) => {
      for (const value of [
        `Bearer${' '.repeat(LONG)}x y`,
        `Bearer ${'.'.repeat(LONG)}`,
        `csk_${'_'.repeat(LONG)}`,
      ]) {
        const answer = await sendRaw(`${gateway.url}/graphql`, { ...JSON_HEADERS, [name]: value }, TYPENAME);
        expect(answer.status).toBe(401);
      }
    },
  );

  it('as an id in a path, of whatever length', async () => {
    const answer = await gateway.rest('GET', `/api/v1/actions/${'1'.repeat(LONG)}`, { user: 4 });
    expect(codeOf(answer)).toBe('422 VALIDATION_ERROR');
  });

  it('as nested brackets', async () => {
    const deep = `${'['.repeat(LONG)}${']'.repeat(LONG)}`;
    expect((await post(`{"query":"{__typename}","variables":{"x":${deep}}}`)).status).toBe(200);
    expect(codeOf(await post(deep))).toContain('400');
  });
});

describe('a caller without a credential who sends several faults', () => {
  const SUBMIT = 'mutation ($i: SubmitActionInput!) { submitAction(input: $i) { actionId } }';
  const unknownKeys = `{${Array.from({ length: 15_000 }, (_, n) => `"key${String(n)}":1`).join(',')}}`;

  it('is told for each field that a credential is missing, before its variables are read', async () => {
    const answer = await post(`{"query":"${SUBMIT}","variables":{"i":${unknownKeys}}}`);
    const { data, errors } = graphqlBody(answer);
    expect([data, errors?.map(({ extensions: { code } }) => code)]).toEqual([null, ['MISSING_AUTH']]);
    expect(answer.text.length).toBeLessThan(1_000);
  });

  it('is told so at the place of each field, beside the fields that are open', async () => {
    const query = `query Q($id: ID!, $in: Boolean!, $name: String!, $n: Int!) {
      one: action(id: $id) @include(if: $in) { ...A } ... on Query { two: action(id: "x") { id } } ...R
      __typename __type(name: $name) { name }
    }
    fragment A on Action { auditLogs(first: $n) { edges { cursor } } }
    fragment R on Query { three: action(id: $id) { id } }`;
    const variables = { id: {}, in: true, name: 'User', n: 'many' };
    const answer = await post(JSON.stringify({ query, variables }));
    expect(answer.body.data).toEqual({
      one: null,
      two: null,
      three: null,
      __typename: 'Query',
      __type: { name: 'User' },
    });
    const told = answer.body.errors.map(({ path, extensions }: any) => [path, extensions.code]);
    expect(told).toEqual(['one', 'two', 'three'].map((field) => [[field], 'MISSING_AUTH']));
  });

  it('is told so even of two decisions in one operation', async () => {
    const query =
      'mutation { a: approveAction(actionId: 1) { actionId } b: rejectAction(actionId: 2) { actionId } }';
    expect(graphqlCodeOf(await post(JSON.stringify({ query })))).toBe('MISSING_AUTH');
  });

  it.each([
    ['fields', `{ ${Array.from({ length: 400 }, (_, n) => `x${String(n)}`).join(' ')} }`],
    ['long names', `{ ${'a'.repeat(200_000)} }`],
    ['long texts', `{ action(id: {a: "${' Did you mean "x"? or'.repeat(9_000)}"}) { id } }`],
    ['operations', Array.from({ length: 120 }, () => '{ viewer { id } }').join(' ')],
  ])('gets ten short errors at most: %s', async (_what, query) => {
    const answer = await post(JSON.stringify({ query }));
    const { errors = [] } = graphqlBody(answer);
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.length).toBeLessThanOrEqual(10);
    for (const { message } of errors) expect(message.length).toBeLessThanOrEqual(500);
    expect(answer.text.length).toBeLessThan(20_000);
  });

  it('gets ten short errors at most with a credential too', async () => {
    const rawBody = `{"query":"${SUBMIT}","variables":{"i":${unknownKeys}}}`;
    const answer = await gateway.rest('POST', '/graphql', { user: 4, headers: JSON_HEADERS, rawBody });
    const { errors = [] } = graphqlBody(answer);
    expect(errors.map(({ extensions: { code } }) => code)).toEqual(Array(10).fill('VALIDATION_ERROR'));
    for (const { message } of errors) expect(message.length).toBeLessThanOrEqual(500);
    const ids = { action_ids: Array<string>(500).fill('x') };
    const rest = await gateway.rest('POST', '/api/v1/actions/bulk-approve', { user: 1, body: ids });
    expect([codeOf(rest), rest.body.errors.length]).toEqual(['422 VALIDATION_ERROR', 10]);
  });
});

describe('a caller who breaks off a body', () => {
  it.each([
    ['with a length', 'Content-Length: 99\r\n\r\n{'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\n{"que'],
  ])('%s is no error in the log', async (_what, rest) => {
    logged.length = 0;
    const { port } = new URL(gateway.url);
    const head = 'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
    const socket = connect(Number(port), '127.0.0.1', () => {
      // Expect is answered once the request is being read.
      socket.write(`${head}Expect: 100-continue\r\n${rest}`);
    });
    socket.on('error', () => undefined);
    socket.once('data', () => socket.resetAndDestroy());
    while (!logged.some(({ msg }) => msg === 'request body incomplete')) await pause(10);
    expect(logged.filter(({ level }) => level >= ERROR)).toEqual([]);
  });
});

describe('a header that a proxy repeats', () => {
  const body = '{"agent_id":"a","action_type":"t"}';
  const submit = (headers: Readonly<Record<string, string | readonly string[]>>) =>
    sendRaw(
      `${gateway.url}/api/v1/actions/submit`,
      { authorization: `Bearer ${gateway.token(4)}`, ...JSON_HEADERS, ...headers },
      body,
    );

  it('counts once where its values are equal', async () => {
    const headers = { 'idempotency-key': ['k 1', 'k 1'], 'x-correlation-id': ['c-1', 'c-1'] };
    const first = await submit({ ...headers, 'content-type': ['application/json', 'application/json'] });
    const again = await submit({ 'idempotency-key': 'k 1' });
    expect([first.status, again.status, again.body.action_id]).toEqual([200, 200, first.body.action_id]);
    expect(first.headers.get('x-correlation-id')).toBe('c-1');
  });

  it.each([
    ['Idempotency-Key', ['a', 'b']],
    ['X-Correlation-ID', ['a', 'b', 'a']],
    ['Content-Type', ['application/json', 'text/plain']],
  ])('is a 400 where they differ: %s', async (name, values) => {
    const answer = await submit({ [name.toLowerCase()]: values });
    expect(codeOf(answer)).toBe('400 MALFORMED_REQUEST');
    expect(answer.body.detail).toContain(name);
    expect(answer.headers.get('x-correlation-id')).toBeNull();
  });

  it('is refused as a credential before it is refused as a header', async () => {
    const headers = { authorization: 'Bearer a.b.c', 'idempotency-key': ['a', 'b'] };
    expect(codeOf(await submit(headers))).toBe('401 INVALID_TOKEN');
    const token = `Bearer ${gateway.token(4)}`;
    expect(codeOf(await submit({ authorization: [token, token] }))).toBe('401 INVALID_TOKEN');
  });
});

describe('a request that is refused before any route sees it:', () => {
  it.each(['gzip', 'GZIP ', 'br', 'identity, gzip', 'x'.repeat(100_000)])(
    'an encoded body is a 415: %#',
    async (encoding) => {
      const headers = { ...JSON_HEADERS, 'content-encoding': encoding };
      const answer = await gateway.rest('POST', '/api/v1/actions/12345/approve', {
        user: 1,
        headers,
        rawBody: '{}',
      });
      expect(codeOf(answer)).toBe('415 UNSUPPORTED_MEDIA_TYPE');
      expect(answer.headers.get('accept-encoding')).toBe('identity');
    },
  );

  it('a body whose encoding is identity is read', async () => {
    expect((await post(TYPENAME, { ...JSON_HEADERS, 'content-encoding': 'identity' })).status).toBe(200);
  });

  it.each(['PROPFIND', 'PURGE', 'LINK', 'TRACE', 'PUT', 'DELETE', 'M-SEARCH', 'QUERY'])(
    'a known path with the method %s is a 405 that says what it allows',
    async (method) => {
      for (const [path, allow] of [
        ['/api/v1/actions/12345/approve', 'POST, OPTIONS'],
        ['/api/v1/actions/12345', 'GET, HEAD, OPTIONS'],
        ['/graphql', 'GET, POST, OPTIONS'],
        ['/health', 'GET, HEAD, OPTIONS'],
      ]) {
        const answer = await send(
          `${method} ${String(path)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
        );
        expect(answer).toMatch(/^HTTP\/1\.1 405 /);
        expect(answer).toMatch(new RegExp(`^allow: ${String(allow)}\r$`, 'im'));
        expect(answer).toContain('METHOD_NOT_ALLOWED');
      }
    },
  );

  it.each([
    ['without a Host', 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n', '400 MALFORMED_REQUEST'],
    [
      'for two hosts',
      'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n',
      '400 MALFORMED_REQUEST',
    ],
    ['for a tunnel', 'CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n', '405 METHOD_NOT_ALLOWED'],
    ['that is none', 'NONSENSE\r\n\r\n', '400 MALFORMED_REQUEST'],
    [
      'with too large headers',
      `GET / HTTP/1.1\r\nX: ${'x'.repeat(200_000)}\r\n\r\n`,
      '431 HEADERS_TOO_LARGE',
    ],
  ])('a request %s gets the one error body', async (_what, bytes, code) => {
    expect(refusalIn(await send(bytes))).toBe(code);
  });

  it('an unknown expectation is ignored', async () => {
    const head = 'GET /health HTTP/1.1\r\nHost: x\r\nExpect: 200-maybe\r\nConnection: close\r\n\r\n';
    expect(await send(head)).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('a browser or a cache between client and gateway', () => {
  it('stores no answer', async () => {
    const key = 'mutation { createApiKey(name: "k", scopes: ["actions:read"]) { key } }';
    for (const answer of [
      await gateway.graphql('{ viewer { id } }', { user: 1 }),
      await gateway.graphql(key, { user: 1 }),
      await gateway.graphql('{ viewer', { user: 1 }),
      await gateway.rest('GET', '/api/v1/actions/12345', { user: 1 }),
      await gateway.rest('GET', '/api/admin/audit-logs', { user: 1 }),
      await gateway.rest('GET', '/api/v1/actions/12345'),
      await gateway.rest('GET', '/api/v1/nothing', { user: 1 }),
      await gateway.rest('GET', '/readyz'),
    ])
      expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('learns what an answer depends on, its origin included', async () => {
    const headers = { origin: ORIGIN };
    const varied = async (path: string) =>
      (
        await gateway.rest('GET', path, { user: 1, headers: { ...headers, 'apollo-require-preflight': '1' } })
      ).headers
        .get('vary')
        ?.split(', ');
    expect(await varied('/graphql?query=%7B__typename%7D')).toEqual(['Origin', 'Accept']);
    expect(await varied('/api/admin/audit-logs/export')).toEqual(['Origin', 'Accept-Encoding']);
    expect(await varied('/api/v1/actions/12345')).toEqual(['Origin']);
  });

  it('may send the headers of trace contexts and of Apollo clients', async () => {
    const asked = ['traceparent', 'tracestate', 'apollographql-client-name', 'apollographql-client-version'];
    const { status, headers } = await gateway.rest('OPTIONS', '/graphql', {
      headers: {
        origin: ORIGIN,
        'access-control-request-method': 'POST',
        'access-control-request-headers': asked.join(','),
      },
    });
    expect(status).toBe(204);
    const allowed = headers.get('access-control-allow-headers')?.toLowerCase().split(', ');
    expect(allowed).toEqual(
      expect.arrayContaining([...asked, 'x-apollo-operation-name', 'apollo-require-preflight']),
    );
  });
});
