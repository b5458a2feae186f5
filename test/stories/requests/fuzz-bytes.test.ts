import { connect } from 'node:net';
import fc from 'fast-check';
import { Draw } from '../../support/draw';
import { startGateway, type Gateway } from '../../support/gateway';
import { insideIn } from '../../support/insides';
import { keptLogger } from '../../support/run-log';
import { cases } from '../../support/runs';

/**
 * Whatever bytes are sent in any header, the gateway answers, or hangs up where they are no HTTP: never with an
 * internal error, never with more than an error has to say, and never with internals.
 */
const CASES = cases(400, 20_000);
/** How many are sent at once. */
const TOGETHER = 4;
/** How large an answer to these requests can be, in bytes, with its headers: one action, or ten errors. */
const MOST = 20_000;

const NAMES = [
  ...['Accept', 'Accept-Charset', 'Accept-Encoding', 'Accept-Language', 'Access-Control-Request-Headers'],
  ...[
    'Access-Control-Request-Method',
    'Apollo-Require-Preflight',
    'Authorization',
    'Baggage',
    'Cache-Control',
  ],
  ...[
    'Connection',
    'Content-Encoding',
    'Content-Language',
    'Content-Length',
    'Content-Type',
    'Cookie',
    'Date',
  ],
  ...[
    'Expect',
    'Forwarded',
    'Host',
    'Idempotency-Key',
    'If-Match',
    'If-Modified-Since',
    'If-None-Match',
    'Origin',
  ],
  ...[
    'Prefer',
    'Proxy-Authorization',
    'Range',
    'Referer',
    'TE',
    'Traceparent',
    'Trailer',
    'Transfer-Encoding',
  ],
  ...[
    'Upgrade',
    'User-Agent',
    'Via',
    'X-API-Key',
    'X-Apollo-Operation-Name',
    'X-Correlation-ID',
    'X-Forwarded-For',
  ],
  ...['X-Forwarded-Host', 'X-Forwarded-Proto', 'X-HTTP-Method-Override', 'X-SDK-Version', '__proto__'],
];
const QUERY = JSON.stringify({ query: '{ viewer { id } action(id: 12345) { id status } }' });
const REQUESTS = [
  ['POST', '/graphql', QUERY],
  ['GET', '/api/v1/actions/12345', ''],
  ['POST', '/api/v1/actions/999999/approve', '{"reason":"r"}'],
  ['POST', '/api/v1/actions/submit', '{"agent_id":"a"}'],
  ['OPTIONS', '/api/v1/actions', ''],
  ['GET', '/nowhere', ''],
] as const;

let gateway: Gateway;
/** What was logged as an error: only the unexpected. */
const surprises: string[] = [];
const statuses = new Map<number, number>();

beforeAll(async () => {
  const log = keptLogger('error', (entry) => surprises.push(entry));
  gateway = await startGateway({ log, trustProxy: ['127.0.0.1'], corsOrigins: ['https://app.example.com'] });
});
afterAll(() => gateway.close());

/** A header's value: a few bytes, valid beginnings with bytes behind them, or many of one byte. */
function valueFrom(draw: Draw): string {
  return draw.oneOf(
    () => draw.bytes(40),
    () => draw.bytes(40, 0x20),
    () =>
      draw.pick(['Bearer ', 'application/json', 'gzip;q=', '203.0.113.7, ', '"', 'chunked', '12', 'a=b;']) +
      draw.bytes(12, 0x20),
    () => draw.bytes(2, 0x20).repeat(draw.pick([1, 500, 20_000])),
    () => Buffer.from(draw.lookalikeText()).toString('latin1'),
  );
}

/** A request as bytes. The gateway closes the connection after its answer, unless a made-up header says otherwise. */
function bytesFrom(draw: Draw): string {
  const [method, path, body] = draw.pick(REQUESTS);
  const headers = new Map([
    ['Host', 'localhost'],
    ['Connection', 'close'],
    ...(body === '' ? [] : [['Content-Type', 'application/json'] as const]),
    ['Content-Length', String(body.length)],
    ...(draw.oneIn(4) ? [] : [['Authorization', `Bearer ${gateway.token(4)}`] as const]),
  ]);
  const made = Array.from({ length: 1 + draw.upTo(2) }, (): readonly [string, string] => [
    draw.oneIn(12) ? draw.bytes(12, 0x21) : draw.pick(NAMES),
    valueFrom(draw),
  ]);
  const replaced = made.map(([name]) => name.toLowerCase());
  const kept = [...headers].filter(([name]) => !replaced.includes(name.toLowerCase()) || draw.oneIn(4));
  const lines = [...kept, ...made].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `${method} ${path} HTTP/1.1\r\n${lines}\r\n${body}`;
}

/** Sends bytes and the end of them; returns everything that arrives until the connection ends. */
function send(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => socket.end(bytes, 'latin1'));
    let received = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => (received += text));
    socket.on('close', () => {
      resolve(received);
    });
    // The gateway may hang up while bytes are still being sent.
    socket.on('error', () => undefined);
  });
}

/** @throws {Error} for an answer that nobody should ever get */
async function ask(bytes: string): Promise<void> {
  const received = await send(bytes);
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(received)?.[1] ?? 0);
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const [head = '', ...rest] = received.split('\r\n\r\n');
  const text = rest.join('\r\n\r\n');
  const fields = head
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(': ', 2) as [string, string]);
  // The bytes after a truncated body are read as requests of their own.
  const others = [...received.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, found]) => Number(found));
  const fault = others.some((found) => found >= 500 && found !== 501)
    ? 'a fault of the gateway'
    : received.length > MOST
      ? 'too much'
      : (insideIn({ status, headers: new Headers(fields), text }, bytes) ??
        (surprises.length > 0 ? 'a surprise' : undefined));
  if (fault === undefined) return;
  throw new Error(
    `Answered with ${fault}: ${received.slice(0, 2_000)}\nto ${JSON.stringify(bytes.slice(0, 3_000))}\n${surprises.join('')}`,
  );
}

it(
  'a caller who sends any bytes in any header gets an answer without an internal error, in few words, and without internals',
  async () => {
    const property = fc.asyncProperty(fc.gen(), async (generate) => {
      const draw = new Draw(generate);
      await Promise.all(Array.from({ length: TOGETHER }, () => bytesFrom(draw)).map(ask));
    });
    await fc.assert(property, { numRuns: CASES / TOGETHER, endOnFailure: true });
    for (const status of [200, 400, 401]) expect([status, statuses.has(status)]).toEqual([status, true]);
  },
  cases(600_000, 3_600_000),
);

it('the gateway still works after all those bytes', async () => {
  const { body } = await gateway.graphql('{ viewer { id } }', { user: 1 });
  expect(body).toEqual({ data: { viewer: { id: '1' } } });
});
