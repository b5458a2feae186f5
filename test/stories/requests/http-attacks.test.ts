import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { startGateway, type Gateway } from '../../support/gateway';

/** Requests of an attacker: unusual spellings of a path, broken bytes, headers without an end. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const ANALYST = 4;

/** The status of a request whose path is sent exactly as it is written here. */
function statusOf(method: string, path: string, user?: number): Promise<number> {
  const authorization = user === undefined ? {} : { authorization: `Bearer ${gateway.token(user)}` };
  return new Promise((resolve, reject) => {
    const request = httpRequest(gateway.url, { method, path, headers: authorization }, (response) => {
      response.resume();
      response.on('end', () => {
        resolve(response.statusCode ?? 0);
      });
    });
    request.on('error', reject);
    request.end();
  });
}

/** Sends bytes, and returns everything that arrives until the connection ends. */
function send(bytes: string, to: Gateway = gateway): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(to.url).port), '127.0.0.1', () => socket.write(bytes, 'latin1'));
    let received = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      received += text;
    });
    socket.on('close', () => {
      resolve(received);
    });
    // A client that is cut off while it writes learns so by a reset, if the answer came before.
    socket.on('error', (error) => {
      if (received === '') reject(error);
    });
  });
}

/** The text of an answer, which has to be the one error body. */
function refusalIn(answer: string): string {
  const [head = '', text = ''] = answer.split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 \d{3} [A-Z]/);
  expect(head.toLowerCase()).toContain('content-type: application/json');
  const body = JSON.parse(text) as Record<string, unknown>;
  expect(Object.keys(body)).toEqual(['detail', 'error_code', 'status', 'correlation_id', 'timestamp']);
  expect(head).toContain(` ${String(body['status'])} `);
  return `${String(body['status'])} ${String(body['error_code'])}`;
}

/** Other ways to write a path, of which some lead to the same route and some nowhere. */
function spellings(path: string): readonly string[] {
  const [, first = '', ...rest] = path.split('/');
  const last = rest.at(-1) ?? '';
  const before = path.slice(0, -last.length - 1);
  const escaped = `%${last.charCodeAt(0).toString(16)}${last.slice(1)}`;
  return [
    `/${path}`,
    `//${path}`,
    `${before}//${last}`,
    `${path}//`,
    `${before}%2F${last}`,
    `${before}%2f${last}`,
    `${before}%5C${last}`,
    `${before}\\${last}`,
    `/${first}%2F${rest.join('/')}`,
    `${path};`,
    `${path};x=/y`,
    `${before};x/${last}`,
    `/${first};/${rest.join('/')}`,
    path.toUpperCase(),
    `${before}/${last.charAt(0).toUpperCase()}${last.slice(1)}`,
    `/.${path}`,
    `/x/..${path}`,
    `${before}/./${last}`,
    `${before}/x/../${last}`,
    `${before}/x/%2e%2e/${last}`,
    `${before}/%2E%2E%2F${last}`,
    `/playground/..${path}`,
    `/health/%2e%2e${path}`,
    `/health/..;${path}`,
    `${before}/${escaped}`,
    `${before}/%25${escaped.slice(1)}`,
    `${path}%00`,
    `${path}%20`,
    `${path}.`,
    `${path}/.`,
    `${path}.json`,
    `${path}?x=/../..`,
    `${path}?/health`,
    `${path}#/health`,
    `http://127.0.0.1${path}`,
    `http://health/..${path}`,
  ];
}

describe('a caller who writes a path in another way', () => {
  const DECIDE = [
    '/api/v1/actions/12345/approve',
    '/api/v1/actions/12346/reject',
    '/api/v1/actions/bulk-approve',
  ];
  const READ = ['/api/admin/audit-logs', '/api/admin/audit-logs/export', '/api/v1/actions', '/checkpoint'];

  it.each(DECIDE)('decides nothing without a credential, nor as an analyst: %s', async (path) => {
    const refused: unknown[] = [];
    for (const written of spellings(path)) {
      const anonymous = await statusOf('POST', written);
      const analyst = await statusOf('POST', written, ANALYST);
      // Most lead nowhere, and some to the action of no such id, which is only read there; the rest lead to the checks.
      if (![401, 404, 405].includes(anonymous) || ![403, 404, 405, 422].includes(analyst))
        refused.push([written, anonymous, analyst]);
    }
    expect(refused).toEqual([]);
    const rows = await gateway.database.sql(
      `SELECT id FROM actions WHERE id IN (12345, 12346) AND status = 'pending_approval'`,
    );
    expect(rows).toHaveLength(2);
  });

  it.each(READ)('reads nothing without a credential: %s', async (path) => {
    const read: unknown[] = [];
    for (const written of spellings(path)) {
      const status = await statusOf('GET', written);
      if (![401, 404].includes(status)) read.push([written, status]);
    }
    expect(read).toEqual([]);
  });

  it('is answered where the spelling means the same, with the credential for it', async () => {
    expect(await statusOf('POST', '/api/v1/actions/12347/%61pprove?x=/../..', 1)).toBe(200);
  });
});

describe('a client whose bytes are no request gets the one error body, and the connection ends:', () => {
  const host = 'Host: 127.0.0.1\r\n';

  it.each([
    ['a line that is none', 'NONSENSE\r\n\r\n', '400 MALFORMED_REQUEST'],
    ['another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc', '400 MALFORMED_REQUEST'],
    ['a method that is none', `APPROVE / HTTP/1.1\r\n${host}\r\n`, '400 MALFORMED_REQUEST'],
    ['a path with a NUL', `GET /\0 HTTP/1.1\r\n${host}\r\n`, '400 MALFORMED_REQUEST'],
    ['a header without a colon', `GET / HTTP/1.1\r\n${host}X\r\n\r\n`, '400 MALFORMED_REQUEST'],
    [
      'a body of two lengths',
      `POST /graphql HTTP/1.1\r\n${host}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`,
      '400 MALFORMED_REQUEST',
    ],
    [
      'a body with a length and chunks, as who smuggles a request',
      `POST /graphql HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      '400 MALFORMED_REQUEST',
    ],
    [
      'a header of 200 kB',
      `GET / HTTP/1.1\r\n${host}X: ${'x'.repeat(200_000)}\r\n\r\n`,
      '431 HEADERS_TOO_LARGE',
    ],
    [
      'twenty thousand headers',
      `GET / HTTP/1.1\r\n${host}${Array.from({ length: 20_000 }, (_, n) => `X-${String(n)}: x\r\n`).join('')}\r\n`,
      '431 HEADERS_TOO_LARGE',
    ],
    ['a path of 200 kB', `GET /${'x'.repeat(200_000)} HTTP/1.1\r\n${host}\r\n`, '431 HEADERS_TOO_LARGE'],
  ])('%s', async (_what, bytes, code) => {
    expect(refusalIn(await send(bytes))).toBe(code);
    expect((await gateway.rest('GET', '/readyz')).status).toBe(200);
  });
});

describe('a client that never finishes its request', () => {
  let impatient: Gateway;

  beforeAll(async () => {
    impatient = await startGateway({ database: gateway.database, requestTimeout: 300 });
  });
  afterAll(() => impatient.close());

  it.each([
    ['their headers', 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: '],
    [
      'their body',
      'POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
    ],
  ])('%s is cut off, and others are answered meanwhile', async (_what, bytes) => {
    const cut = send(bytes, impatient);
    expect((await impatient.rest('GET', '/readyz')).status).toBe(200);
    expect(refusalIn(await cut)).toBe('408 REQUEST_TIMEOUT');
  });
});

it('a browser is told to do nothing with an answer but read it, whatever the answer is', async () => {
  for (const path of ['/api/v1/actions/12345', '/nothing', '/health', '/graphql']) {
    const { headers } = await gateway.rest('GET', path, { user: ANALYST });
    expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('strict-transport-security')).toContain('max-age=');
    expect([headers.get('server'), headers.get('x-powered-by')]).toEqual([null, null]);
  }
  const page = await gateway.rest('GET', '/playground');
  expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
  expect(page.headers.get('x-frame-options')).toBe('DENY');
});
