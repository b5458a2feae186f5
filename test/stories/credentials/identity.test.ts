import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sign, type SignOptions } from 'jsonwebtoken';
import { developmentSubject, openDevelopmentIssuer } from '../../../src/http/development-issuer';
import { STANDARD_CLAIMS } from '../../../src/http/token-claims';
import type { TrustedIssuer } from '../../../src/http/token-verifier';
import { setting } from '../../support/database';
import { startGateway, type Answer, type Gateway } from '../../support/gateway';
import { codeOf, graphqlBody, graphqlCodeOf, restError, withoutCorrelation } from '../../support/refusals';

/** Which caller a credential stands for: tokens, API keys, and changes of a person's rights. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const READ = '/api/v1/actions/12345';
const {
  issuer,
  audiences: [audience = ''],
  keys: { key: publicKey },
} = openDevelopmentIssuer(setting('TEST_DATA_DIR')).trusted;
const privateKey = readFileSync(join(setting('TEST_DATA_DIR'), 'development-token-key.pem'));
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const elliptic = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const now = () => Math.floor(Date.now() / 1000);

/** A valid token of user 1's, with these changes to its claims (undefined removes one), its header and its key. */
function tokenWith(
  claims: Readonly<Record<string, unknown>> = {},
  { key = privateKey, ...options }: SignOptions & { key?: KeyObject | Buffer } = {},
): string {
  const good = { iss: issuer, aud: audience, sub: developmentSubject(1), exp: now() + 600 };
  const all: Record<string, unknown> = { ...good, ...claims };
  const payload = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return sign(payload, key, { algorithm: 'RS256', ...options });
}

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
/** A valid token's claims under another header, signed by this function. */
function forged(header: unknown, signature: (signed: string) => string): string {
  const signed = `${base64url(header)}.${tokenWith().split('.')[1] ?? ''}`;
  return `${signed}.${signature(signed)}`;
}
const spkiPem = publicKey.export({ type: 'spki', format: 'pem' });
const [header = '', payload = '', signature = ''] = tokenWith().split('.');

const authorized = (authorization: string) => gateway.rest('GET', READ, { headers: { authorization } });
const bearer = (token: string) => authorized(`Bearer ${token}`);
const viewer = (authorization: string) =>
  gateway.graphql('{ viewer { id } }', { headers: { authorization } });
/** A body without what differs between requests. */
const uniform = ({ text }: Answer) =>
  withoutCorrelation(text).replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME');

describe('a token', () => {
  it.each([
    ['RS256 by the trusted key', () => `Bearer ${tokenWith()}`],
    ['a lower-case scheme', () => `bearer ${tokenWith()}`],
    ['an upper-case scheme', () => `BEARER ${tokenWith()}`],
    ['several audiences, one of them ours', () => `Bearer ${tokenWith({ aud: ['x', audience] })}`],
    ['claims that nobody here knows', () => `Bearer ${tokenWith({ role: 'user', org: 2, nbf: now() - 5 })}`],
  ])('with %s is accepted', async (_what, authorization) => {
    expect((await authorized(authorization())).status).toBe(200);
    expect((await viewer(authorization())).body).toEqual({ data: { viewer: { id: '1' } } });
  });

  const INVALID: readonly (readonly [string, () => string])[] = [
    ['nothing in it', () => 'Bearer'],
    ['garbage', () => 'Bearer garbage'],
    ['three parts of garbage', () => 'Bearer a.b.c'],
    ['two parts', () => `Bearer ${header}.${payload}`],
    ['no signature', () => `Bearer ${header}.${payload}.`],
    ['four parts', () => `Bearer ${header}.${payload}.${signature}.x`],
    [
      "another token's signature",
      () => `Bearer ${header}.${payload}.${tokenWith({ sub: 'x' }).split('.')[2] ?? ''}`,
    ],
    [
      'changed claims',
      () =>
        `Bearer ${header}.${base64url({ iss: issuer, aud: audience, sub: 'user-2', exp: now() + 600 })}.${signature}`,
    ],
    ['another key', () => `Bearer ${tokenWith({}, { key: other.privateKey })}`],
    ['another algorithm of the right key', () => `Bearer ${tokenWith({}, { algorithm: 'RS512' })}`],
    [
      'another algorithm and key',
      () => `Bearer ${tokenWith({}, { algorithm: 'ES256', key: elliptic.privateKey })}`,
    ],
    ['alg none', () => `Bearer ${forged({ alg: 'none', typ: 'JWT' }, () => '')}`],
    ['alg none and a signature', () => `Bearer ${forged({ alg: 'none', typ: 'JWT' }, () => signature)}`],
    [
      'HS256 with the public key as the secret',
      () =>
        `Bearer ${forged({ alg: 'HS256', typ: 'JWT' }, (signed) => createHmac('sha256', spkiPem).update(signed).digest('base64url'))}`,
    ],
    [
      'its own key in its header',
      () =>
        `Bearer ${tokenWith({}, { key: other.privateKey, header: { alg: 'RS256', jwk: other.publicKey.export({ format: 'jwk' }) } as never })}`,
    ],
    ['another issuer', () => `Bearer ${tokenWith({ iss: 'https://elsewhere.example' })}`],
    ['no issuer', () => `Bearer ${tokenWith({ iss: undefined })}`],
    ['another audience', () => `Bearer ${tokenWith({ aud: 'elsewhere' })}`],
    ['no audience', () => `Bearer ${tokenWith({ aud: undefined })}`],
    ['no expiry', () => `Bearer ${tokenWith({ exp: undefined })}`],
    ['no subject', () => `Bearer ${tokenWith({ sub: undefined })}`],
    ['an empty subject', () => `Bearer ${tokenWith({ sub: '' })}`],
    ['a subject with U+0000', () => `Bearer ${tokenWith({ sub: 'user-1\0' })}`],
    ['a start in the future', () => `Bearer ${tokenWith({ nbf: now() + 600 })}`],
    ['a subject that nobody knows', () => `Bearer ${tokenWith({ sub: developmentSubject(987_654) })}`],
    ['a deactivated user', () => `Bearer ${tokenWith({ sub: developmentSubject(6) })}`],
    ['9 kB', () => `Bearer ${tokenWith({ padding: 'x'.repeat(6500) })}`],
    ['two tokens', () => `Bearer ${tokenWith()} ${tokenWith()}`],
    ['the scheme Basic', () => `Basic ${Buffer.from('user:secret').toString('base64')}`],
    ['the scheme Basic and a good token', () => `Basic ${tokenWith()}`],
    ['no scheme', () => tokenWith()],
    ['expired, and of another audience', () => `Bearer ${tokenWith({ exp: now() - 60, aud: 'elsewhere' })}`],
    [
      'expired, and by another key',
      () => `Bearer ${tokenWith({ exp: now() - 60 }, { key: other.privateKey })}`,
    ],
    ['expired, and without a subject', () => `Bearer ${tokenWith({ exp: now() - 60, sub: undefined })}`],
  ];

  it.each(INVALID)('with %s is refused like any other', async (_what, authorization) => {
    const answer = await authorized(authorization());
    expect(codeOf(answer)).toBe('401 INVALID_TOKEN');
    expect(uniform(answer)).toBe(uniform(await bearer('garbage')));
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer .*error="invalid_token"/);
    const graphql = await viewer(authorization());
    expect([graphql.status, graphqlCodeOf(graphql)]).toEqual([401, 'INVALID_TOKEN']);
  });

  it.each([
    ['asks for an extension that nobody here knows', { crit: ['exp2'], exp2: true }],
    ['names a place for its key', { jku: 'https://elsewhere.example/keys' }],
    ['names a place for its certificate', { x5u: 'https://elsewhere.example/certificate' }],
    ['carries a key', { jwk: other.publicKey.export({ format: 'jwk' }) }],
  ])('with a valid signature that %s is refused', async (_what, more) => {
    const token = tokenWith({}, { header: { alg: 'RS256', typ: 'JWT', ...more } });
    expect(codeOf(await bearer(token))).toBe('401 INVALID_TOKEN');
  });

  it('whose signature is the right one in other letters is refused', async () => {
    // A 2048-bit signature leaves four bits of its last letter unused: these letters decode to the same bytes.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet[alphabet.indexOf(signature.at(-1) ?? '') + 1] ?? '';
    const twin = signature.slice(0, -1) + last;
    expect(Buffer.from(twin, 'base64url')).toEqual(Buffer.from(signature, 'base64url'));
    expect(codeOf(await bearer(`${header}.${payload}.${twin}`))).toBe('401 INVALID_TOKEN');
  });

  it('that is valid but expired is reported as expired, and only then', async () => {
    const answer = await bearer(tokenWith({ exp: now() - 1 }));
    expect(answer.body).toMatchObject({ error_code: 'EXPIRED_TOKEN', status: 401 });
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer .*error="invalid_token"/);
    const graphql = await viewer(`Bearer ${tokenWith({ exp: now() - 1 })}`);
    expect([graphql.status, graphqlCodeOf(graphql)]).toEqual([401, 'EXPIRED_TOKEN']);
  });

  it('that is invalid has the keys of the REST body over GraphQL', async () => {
    const rest = restError(await bearer('garbage'));
    const { errors = [] } = graphqlBody(await viewer('Bearer garbage'));
    expect(Object.keys(errors[0] ?? {})).toEqual(expect.arrayContaining(Object.keys(rest)));
    expect(errors[0]).toMatchObject({
      detail: rest.detail,
      error_code: 'INVALID_TOKEN',
      status: 401,
      extensions: { code: 'INVALID_TOKEN', status: 401 },
    });
  });

  it('in a cookie or in the query string is ignored', async () => {
    const cookie = `token=${tokenWith()}; authorization=Bearer ${tokenWith()}`;
    expect(codeOf(await gateway.rest('GET', READ, { headers: { cookie } }))).toBe('401 MISSING_AUTH');
    const query = `${READ}?access_token=${tokenWith()}&authorization=${tokenWith()}`;
    expect(codeOf(await gateway.rest('GET', query))).toBe('401 MISSING_AUTH');
  });

  it('that is missing is a 401 over REST, and over GraphQL an error of each field', async () => {
    const [id] = await gateway.addActions([10]);
    const requests = [
      ['GET', READ],
      ['GET', `${READ}/status`],
      ['GET', '/api/v1/actions'],
      ['GET', '/api/admin/audit-logs'],
      ['POST', `/api/v1/actions/${String(id)}/approve`],
      ['POST', '/api/v1/actions/bulk-reject'],
    ] as const;
    for (const [method, path] of requests) {
      const answer = await gateway.rest(method, path);
      expect(codeOf(answer)).toBe('401 MISSING_AUTH');
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer /);
    }
    for (const field of ['viewer { id }', 'action(id: 12345) { id }', 'auditLogs { totalCount }']) {
      const answer = await gateway.graphql(`{ ${field} }`);
      expect([answer.status, graphqlCodeOf(answer)]).toEqual([200, 'MISSING_AUTH']);
    }
    const mutation = `mutation { approveAction(actionId: ${String(id)}) { actionId } }`;
    expect(graphqlCodeOf(await gateway.graphql(mutation))).toBe('MISSING_AUTH');
    expect(await gateway.database.sql('SELECT status FROM actions WHERE id = $1', [id])).toEqual([
      { status: 'pending_approval' },
    ]);
  });
});

it('a token of a trusted issuer counts by that issuer alone, with its own algorithm and audience claim', async () => {
  const trusted: TrustedIssuer = {
    issuer: 'https://login.example',
    audiences: ['client-1'],
    claims: { ...STANDARD_CLAIMS, audience: 'client_id' },
    keys: { kid: null, algorithm: 'ES256', key: elliptic.publicKey },
    organizationId: null,
  };
  const database = gateway.database;
  const second = await startGateway({ trustedIssuers: [trusted], database });
  await database.sql(
    `INSERT INTO user_identities (issuer, subject, organization_id, user_id) VALUES ($1, 'sue', 1, 42), ($1, 'user-2', 1, 4)`,
    [trusted.issuer],
  );
  const token = (sub: string, client_id: string) =>
    sign({ client_id }, elliptic.privateKey, {
      ...{ algorithm: 'ES256', issuer: trusted.issuer, subject: sub, expiresIn: 600 },
    });
  const ask = (bearerToken: string) =>
    second.graphql('{ viewer { id role } }', { headers: { authorization: `Bearer ${bearerToken}` } });
  try {
    expect((await ask(token('sue', 'client-1'))).body).toEqual({
      data: { viewer: { id: '42', role: 'MANAGER' } },
    });
    // The other issuer's user-2 is a security manager; a subject means nothing without its issuer.
    expect((await ask(token('user-2', 'client-1'))).body).toEqual({
      data: { viewer: { id: '4', role: 'USER' } },
    });
    expect((await ask(token('user-1', 'client-1'))).status).toBe(401);
    expect((await ask(token('sue', 'client-2'))).status).toBe(401);
    expect((await ask(tokenWith())).status).toBe(401);
  } finally {
    await second.close();
  }
});

it('a manager who is demoted, then deactivated, then reinstated has the new rights from the next request on', async () => {
  const ids = await gateway.addActions([10, 10, 10, 10]);
  const approve = (n: number) =>
    gateway.rest('POST', `/api/v1/actions/${String(ids[n])}/approve`, { user: 3 });
  const change = (set: string) => gateway.database.sql(`UPDATE users SET ${set} WHERE id = 3`);
  expect((await approve(0)).status).toBe(200);
  await change(`role = 'user'`);
  expect(codeOf(await approve(1))).toBe('403 INSUFFICIENT_PERMISSIONS');
  await change('active = false');
  expect(codeOf(await approve(2))).toBe('401 INVALID_TOKEN');
  await change(`role = 'manager', active = true`);
  expect((await approve(3)).status).toBe(200);
  const rows = await gateway.database.sql('SELECT status FROM actions WHERE id = ANY($1) ORDER BY id', [ids]);
  expect(rows.map(({ status }) => status)).toEqual([
    'approved',
    'pending_approval',
    'pending_approval',
    'approved',
  ]);
});
