import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { APIS, outcomeOf, VERDICTS, type Api, type Verdict } from '../../support/apis';
import { startGateway, type Answer, type Gateway } from '../../support/gateway';
import { keptLogger } from '../../support/run-log';
import { sendRaw, type RawHeaders } from '../../support/raw-request';
import { withoutCorrelation } from '../../support/refusals';
import { TOKEN_ATTACKS } from '../../support/token-attacks';
import * as kit from '../../support/token-kit';

/** A caller without the right to decide tries every way to pass for a reviewer, over both APIs, with both verdicts. */
let gateway: Gateway;
/** Serves the keys of the issuer that publishes its own. */
let publisher: Server;
/** The address in a token's jku and similar headers: nothing may connect to it. */
let listener: Server;
let visitors = 0;
let keys: { good: string; made: string };
let pending: number;
/** Everything that was logged, at every level, and every secret that was sent. */
const logged: string[] = [];
const secrets = new Set<string>();
let log: ReturnType<typeof keptLogger>;

const addressOf = (server: Server) => `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
const { ISSUERS, KEYS, KIDS, NOW, token } = kit;

beforeAll(async () => {
  publisher = createServer((_request, response) => response.end(JSON.stringify(kit.publishedKeys())));
  listener = createServer((_request, response) => response.end('{"keys":[]}')).on(
    'connection',
    () => visitors++,
  );
  for (const server of [publisher, listener]) await once(server.listen(0, '127.0.0.1'), 'listening');
  log = keptLogger('trace', (line) => logged.push(line));
  gateway = await startGateway({
    trustedIssuers: kit.trustedIssuers(`${addressOf(publisher)}/jwks`),
    clock: () => new Date(NOW * 1000),
    log,
  });
  await kit.makeKnown(gateway.database);
  const good = await gateway.apiKey({});
  keys = { good, made: `csk_${'A'.repeat(43)}` };
  [pending = 0] = await gateway.addActions([10]);
});
afterAll(async () => {
  await gateway.close();
  for (const server of [publisher, listener]) {
    server.closeAllConnections();
    server.close();
  }
});

interface Attempt {
  readonly headers?: RawHeaders;
  readonly query?: string;
  readonly more?: object;
}

/** Gives a verdict on an action with exactly these headers. */
function decide(
  api: Api,
  verdict: Verdict,
  id: number,
  { headers, query = '', more }: Attempt,
): Promise<Answer> {
  const path = api === 'rest' ? `/api/v1/actions/${String(id)}/${verdict}` : '/graphql';
  const mutation = { query: `mutation { ${verdict}Action(actionId: ${String(id)}) { status } }` };
  for (const [part] of JSON.stringify([headers, query, more]).matchAll(/[\w-]{40,}/g)) secrets.add(part);
  const body = JSON.stringify({ ...(api === 'graphql' && mutation), ...more });
  const sent = { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return sendRaw(`${gateway.url}${path}${query}`, sent, body);
}
const bearer = (credential: string) => ({ headers: { authorization: `Bearer ${credential}` } });

/** Everything that a decision, or an attempt, would change. */
async function state(): Promise<unknown> {
  const [row] = await gateway.database.sql(
    `SELECT (SELECT md5(string_agg(a::text, '' ORDER BY id)) FROM actions a) AS actions,
       (SELECT count(*) FROM votes) AS votes, (SELECT count(*) FROM audit_log) AS entries,
       (SELECT count(*) FROM audit_pending) AS queued`,
  );
  return row;
}

/** An answer without what differs between requests. */
const uniform = ({ status, headers, text }: Answer) => [
  status,
  headers.get('www-authenticate'),
  withoutCorrelation(text).replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME'),
];

/** The answer to a plain attempt, made once: the answers to the others must be the same. */
const plainAnswers = new Map<string, unknown>();
async function answerTo(api: Api, verdict: Verdict, plain: Attempt): Promise<unknown> {
  const name = JSON.stringify([api, verdict, plain]);
  const known = plainAnswers.get(name) ?? uniform(await decide(api, verdict, pending, plain));
  plainAnswers.set(name, known);
  return known;
}

/** Attempts it over both APIs with both verdicts; the outcome must be that of the plain attempt, and no more. */
async function expectLike(tried: Attempt, plain: Attempt, code: string): Promise<void> {
  const before = await state();
  for (const api of APIS)
    for (const verdict of VERDICTS) {
      const answer = await decide(api, verdict, pending, tried);
      expect(uniform(answer)).toEqual(await answerTo(api, verdict, plain));
      expect(outcomeOf(answer)).toMatchObject({ status: 401, code });
    }
  expect(await state()).toEqual(before);
}

describe('a reviewer with a token', () => {
  const rs = kit.rs(KEYS.published[0].privateKey);
  const es = kit.es(KEYS.published[1].privateKey);
  it.each<readonly [string, () => string]>([
    ['by RS256', () => token()],
    ['by PS256', () => token({ iss: ISSUERS.ps }, { alg: 'PS256' }, kit.ps(KEYS.ps.privateKey))],
    ['by ES256', () => token({ iss: ISSUERS.es }, { alg: 'ES256' }, kit.es(KEYS.es.privateKey))],
    ['by a published RSA key', () => token({ iss: ISSUERS.jwks }, { kid: KIDS[0] }, rs)],
    ['by a published EC key', () => token({ iss: ISSUERS.jwks }, { alg: 'ES256', kid: KIDS[1] }, es)],
    [
      'that says it is an access token',
      () => token({ token_use: 'access', typ: 'Bearer' }, { typ: 'at+jwt' }),
    ],
    ['that says nothing of itself', () => token({ iat: undefined }, { typ: undefined, kid: 'any' })],
    ['with spaces in its JSON', () => kit.compact('{ "alg" : "RS256" }', kit.claims(), kit.rs(KEYS.rs))],
    ['for several audiences', () => token({ aud: ['elsewhere', 'countersign'] })],
    ['that ends in half a second', () => token({ exp: NOW + 0.5 })],
    ['that begins thirty seconds from now', () => token({ nbf: NOW + 30, iat: NOW + 30 })],
  ])('%s approves and rejects over both APIs', async (_what, make) => {
    const ids = await gateway.addActions([10, 10, 10, 10]);
    const asked = APIS.flatMap((api) => VERDICTS.map((verdict) => ({ api, verdict })));
    for (const [n, { api, verdict }] of asked.entries()) {
      const answer = await decide(api, verdict, ids[n] ?? 0, bearer(make()));
      expect(outcomeOf(answer)).toMatchObject({ http: 200, code: null });
    }
    const rows = await gateway.database.sql('SELECT status FROM actions WHERE id = ANY($1) ORDER BY id', [
      ids,
    ]);
    expect(rows.map(({ status }) => status)).toEqual(['approved', 'denied', 'approved', 'denied']);
  });

  it.each([
    ['as numbers', 142, 2],
    ['as text', '142', '2'],
  ])('whose ids are given %s decides in their organization', async (_how, db_user_id, db_org_id) => {
    const made = token({ iss: ISSUERS.globex, db_user_id, db_org_id }, {}, kit.rs(KEYS.globex.privateKey));
    const [id = 0] = await gateway.addActions([10], { organization: 2 });
    expect(outcomeOf(await decide('rest', 'approve', id, bearer(made)))).toMatchObject({
      http: 200,
      code: null,
    });
    const [row] = await gateway.database.sql('SELECT decided_by FROM actions WHERE id = $1', [id]);
    expect(row).toEqual({ decided_by: 142 });
  });
});

describe('an attacker', () => {
  it.each(TOKEN_ATTACKS)('with %s is refused like any other', async (_what, make) => {
    await expectLike(bearer(make(addressOf(listener))), bearer('garbage'), 'INVALID_TOKEN');
  });

  it.each<readonly [string, () => RawHeaders]>([
    [
      'two Authorization headers, both good',
      () => ({ authorization: two(bearerOf(token()), bearerOf(token())) }),
    ],
    [
      'two Authorization headers, the first good',
      () => ({ authorization: two(bearerOf(token()), 'Bearer x') }),
    ],
    [
      'two Authorization headers, the last good',
      () => ({ authorization: two('Bearer x', bearerOf(token())) }),
    ],
    [
      'an Authorization header for a token and one for a key',
      () => ({ authorization: two(bearerOf(token()), bearerOf(keys.good)) }),
    ],
    ['nothing but a scheme', () => ({ authorization: 'Bearer' })],
    ['no scheme', () => ({ authorization: token() })],
    ['the scheme Basic', () => ({ authorization: `Basic ${token()}` })],
    ['the scheme DPoP', () => ({ authorization: `DPoP ${token()}` })],
    ['two schemes', () => ({ authorization: `Basic x, Bearer ${token()}` })],
    ['a scheme and a colon', () => ({ authorization: `Bearer: ${token()}` })],
    ['a token and more', () => ({ authorization: `Bearer ${token()} x` })],
    [
      'a forged token beside a good API key',
      () => ({ authorization: 'Bearer a.b.c', 'x-api-key': keys.good }),
    ],
    ['an API key that looks like a token', () => ({ authorization: `Bearer ${keys.good}.b.c` })],
    [
      'an API key as a password',
      () => ({ authorization: `Basic ${Buffer.from(`user:${keys.good}`).toString('base64')}` }),
    ],
  ])('with %s is refused like any other', async (_what, make) => {
    await expectLike({ headers: make() }, bearer('garbage'), 'INVALID_TOKEN');
  });

  it.each<readonly [string, () => Attempt]>([
    ['the query', () => ({ query: `?access_token=${token()}` })],
    ['the query, as a header', () => ({ query: `?authorization=Bearer%20${token()}` })],
    ['the body', () => ({ more: { access_token: token() } })],
    ['a cookie', () => ({ headers: { cookie: `access_token=${token()}; authorization=Bearer ${token()}` } })],
    ['the header for proxies', () => ({ headers: { 'proxy-authorization': bearerOf(token()) } })],
    [
      'a header of its own',
      () => ({ headers: { 'x-access-token': token(), 'x-forwarded-authorization': bearerOf(token()) } }),
    ],
  ])('with a valid token in %s counts as anonymous', async (_where, make) => {
    await expectLike(make(), {}, 'MISSING_AUTH');
  });

  it.each<readonly [string, () => RawHeaders]>([
    ['a token in the place of an API key', () => ({ 'x-api-key': token() })],
    ['a made-up API key', () => ({ authorization: bearerOf(keys.made) })],
    ['two API keys', () => ({ 'x-api-key': two(keys.good, keys.good) })],
  ])('with %s is refused like any other API key', async (_what, make) => {
    await expectLike({ headers: make() }, { headers: { 'x-api-key': 'garbage' } }, 'INVALID_API_KEY');
  });

  it('with a token that is no longer valid is told so, and nothing else happens', async () => {
    const over = token({ exp: NOW });
    await expectLike(bearer(over), bearer(token({ exp: 0 })), 'EXPIRED_TOKEN');
  });

  it.each<readonly [string, () => RawHeaders]>([
    ['in its own header', () => ({ 'x-api-key': keys.good })],
    ['as a Bearer', () => ({ authorization: bearerOf(keys.good) })],
    ['in both', () => ({ authorization: bearerOf(keys.good), 'x-api-key': keys.good })],
    ['beside a Bearer that is no token', () => ({ authorization: 'Bearer garbage', 'x-api-key': keys.good })],
  ])('with a valid API key %s decides nothing and leaves a denial record', async (_where, make) => {
    const [id = 0] = await gateway.addActions([10]);
    for (const api of APIS)
      for (const verdict of VERDICTS)
        expect(outcomeOf(await decide(api, verdict, id, { headers: make() }))).toMatchObject({
          status: 401,
          code: 'JWT_REQUIRED',
        });
    const written = await gateway.database.sql(
      `SELECT a.status, l.action_type, l.refusal_code FROM actions a JOIN audit_log l ON l.action_id = a.id WHERE a.id = $1`,
      [id],
    );
    const denialRecords = {
      status: 'pending_approval',
      action_type: 'decision_refused',
      refusal_code: 'JWT_REQUIRED',
    };
    // One for each verdict.
    expect(written).toEqual([denialRecords, denialRecords]);
  });

  it('has more than 45 ways, and none of them makes the gateway connect to anywhere', () => {
    expect(TOKEN_ATTACKS.length).toBeGreaterThan(45);
    expect(visitors).toBe(0);
  });
});

it('an operator who reads the log finds no credential in it, not even in an entry about a request', () => {
  const headers = {
    authorization: bearerOf(token()),
    'x-api-key': keys.good,
    cookie: `a=${keys.good}`,
    host: 'kept',
  };
  log.warn({ req: { headers } }, 'a request');
  log.warn({ headers, token: token() }, 'its headers');
  log.warn({ ...headers, apiKey: keys.good }, 'one of them');
  for (const part of [...token().split('.'), keys.good]) secrets.add(part);
  expect(secrets.size).toBeGreaterThan(100);
  expect(logged.join('').match(/"host":"kept"/g)).toHaveLength(3);
  expect([...secrets].filter((secret) => logged.some((line) => line.includes(secret)))).toEqual([]);
});

function bearerOf(credential: string): string {
  return `Bearer ${credential}`;
}

function two(first: string, second: string): string[] {
  return [first, second];
}
