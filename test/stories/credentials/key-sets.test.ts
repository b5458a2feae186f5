import { generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sign } from 'jsonwebtoken';
import { readConfig } from '../../../src/config';
import { startGateway, type Gateway } from '../../support/gateway';

/** Reviewers whose issuer publishes key sets that are partly or entirely invalid. */
let issuer: Server;
let url: string;
let gateway: Gateway;
/** What the issuer publishes, sent unchanged, and with which status. */
let published: string | Buffer = '';
let status = 200;
let fetches = 0;
/** How far the gateway's clock is ahead, in milliseconds. */
let ahead = 0;

const MINUTE = 60_000;
const COOL_DOWN = 10_000;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const encryption = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwk = (key: KeyObject, more: object = {}) => ({ ...key.export({ format: 'jwk' }), ...more });
const GOOD = jwk(rsa.publicKey, { kid: 'a', alg: 'RS256', use: 'sig' });
const INVALID = '401 INVALID_TOKEN';
const UNAVAILABLE = '503 SERVICE_UNAVAILABLE';

beforeAll(async () => {
  issuer = createServer((_request, response) => {
    fetches += 1;
    response.writeHead(status, { connection: 'close' }).end(published);
  });
  await once(issuer.listen(0, '127.0.0.1'), 'listening');
  url = `http://127.0.0.1:${String((issuer.address() as AddressInfo).port)}`;
  gateway = await startGateway({
    trustedIssuers: readConfig({ TOKEN_ISSUER: url, TOKEN_JWKS_URL: `${url}/jwks` }).trustedIssuers,
    clock: () => new Date(Date.now() + ahead),
  });
  await gateway.database.sql(
    `INSERT INTO user_identities (issuer, subject, organization_id, user_id) VALUES ($1, 'sue', 1, 42)`,
    [url],
  );
});
afterAll(async () => {
  await gateway.close();
  issuer.close();
});
beforeEach(() => {
  // Everything that was fetched is too old to count.
  ahead += 61 * MINUTE;
  status = 200;
});

function publish(keys: unknown): void {
  published = JSON.stringify({ keys });
}

/** The outcome of a request with a token by this key: `200`, or `401 INVALID_TOKEN`. */
async function ask(key: KeyObject, kid: string | null, algorithm: 'RS256' | 'ES256' = 'RS256') {
  const claims = { iss: url, sub: 'sue', aud: 'countersign', jti: randomUUID() };
  const exp = Math.floor((Date.now() + ahead) / 1000) + 600;
  const token = sign({ ...claims, exp }, key, {
    algorithm,
    noTimestamp: true,
    ...(kid !== null && { keyid: kid }),
  });
  const answer = await gateway.rest('GET', '/api/v1/actions/12345', {
    headers: { authorization: `Bearer ${token}` },
  });
  const { error_code: code = '' } = answer.body as { error_code?: string };
  return `${String(answer.status)} ${code}`.trim();
}

describe('a reviewer whose key is published beside', () => {
  it.each([
    ['null', null],
    ['a number', 7],
    ['text', 'key'],
    ['a list', [GOOD]],
    ['true', true],
    ['an empty object', {}],
    ['a key type that is no text', { ...GOOD, kty: 1 }],
    ['a kid that is a number', { ...GOOD, kid: 1 }],
    ['an RSA key without its numbers', { kty: 'RSA', kid: 'b' }],
    ['numbers that are no text', { kty: 'RSA', kid: 'b', n: 1, e: {} }],
    ['an elliptic key off its curve', { ...jwk(ec.publicKey), kid: 'b', x: 'AAAA' }],
    ['a curve that nobody knows', { ...jwk(ec.publicKey), kid: 'b', crv: 'P-999' }],
    ['a key type that nobody knows', { kty: 'XYZ', kid: 'b' }],
    ['an Ed25519 key', jwk(generateKeyPairSync('ed25519').publicKey, { kid: 'b', alg: 'EdDSA' })],
    ['a key for encryption', jwk(encryption.publicKey, { kid: 'b', use: 'enc', alg: 'RSA-OAEP' })],
    ['key operations that are no list', { ...GOOD, kid: 'b', key_ops: 'verify' }],
    ['a weak key', jwk(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey, { kid: 'b' })],
    ['a private key', jwk(otherRsa.privateKey, { kid: 'b', alg: 'RS256' })],
    ['a secret', { kty: 'oct', k: 'AAAA', kid: 'b', alg: 'HS256' }],
  ])('%s is admitted, and an unknown kid is refused', async (_what, element) => {
    for (const keys of [
      [element, GOOD],
      [GOOD, element],
    ]) {
      ahead += 61 * MINUTE;
      publish(keys);
      expect(await ask(rsa.privateKey, 'a')).toBe('200');
      expect(await ask(rsa.privateKey, 'never heard of')).toBe(INVALID);
    }
  });

  it('a thousand invalid ones is admitted', async () => {
    publish([...Array(1000).fill({ kty: 'RSA' }), GOOD]);
    expect(await ask(rsa.privateKey, 'a')).toBe('200');
  });
});

describe('a key that is not meant for these signatures', () => {
  it.each([
    ['for encryption', { ...GOOD, use: 'enc' }],
    ['for signing only', { ...GOOD, use: undefined, key_ops: ['sign'] }],
    ['for another algorithm', { ...GOOD, alg: 'RS512' }],
    ['published with its private part', jwk(rsa.privateKey, { kid: 'a', alg: 'RS256' })],
  ])('%s admits nobody', async (_what, key) => {
    publish([key, jwk(ec.publicKey, { kid: 'b' })]);
    expect(await ask(rsa.privateKey, 'a')).toBe(INVALID);
    expect(await ask(ec.privateKey, 'b', 'ES256')).toBe('200');
  });

  it('counts where its purpose is null', async () => {
    publish([{ ...GOOD, use: null, key_ops: null, alg: null }]);
    expect(await ask(rsa.privateKey, 'a')).toBe('200');
  });
});

describe('a token without a kid', () => {
  it('is admitted where one published key fits its algorithm, whatever else is published', async () => {
    const others = [jwk(ec.publicKey, { kid: 'b' }), jwk(encryption.publicKey, { use: 'enc' }), null];
    publish([...others, GOOD]);
    expect(await ask(rsa.privateKey, null)).toBe('200');
    expect(await ask(ec.privateKey, null, 'ES256')).toBe('200');
  });

  it('is refused where several keys fit, and admitted where they are one key under two names', async () => {
    publish([GOOD, jwk(otherRsa.publicKey, { kid: 'b' })]);
    expect(await ask(rsa.privateKey, null)).toBe(INVALID);
    ahead += 61 * MINUTE;
    publish([GOOD, { ...GOOD, kid: 'b' }]);
    expect(await ask(rsa.privateKey, null)).toBe('200');
  });
});

it('a token whose kid names two keys is verified with either of them', async () => {
  publish([GOOD, jwk(otherRsa.publicKey, { kid: 'a' }), jwk(ec.publicKey, { kid: 'a' })]);
  expect(await ask(rsa.privateKey, 'a')).toBe('200');
  expect(await ask(otherRsa.privateKey, 'a')).toBe('200');
  expect(await ask(ec.privateKey, 'a', 'ES256')).toBe('200');
  expect(await ask(encryption.privateKey, 'a')).toBe(INVALID);
});

describe('an unreadable key set leaves the keys as they were:', () => {
  it.each([
    ['no JSON', '<html>', 200],
    ['nothing', '', 200],
    ['JSON that breaks off', `{"keys":[${JSON.stringify(GOOD)}`, 200],
    ['null', 'null', 200],
    ['a list', JSON.stringify([GOOD]), 200],
    ['keys that are no list', JSON.stringify({ keys: GOOD }), 200],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 200],
    ['elements that are no keys at all', '{"keys":[null,7,{"kty":"RSA"}]}', 200],
    ['more than a megabyte', JSON.stringify({ keys: [GOOD], padding: 'x'.repeat(2 ** 20) }), 200],
    ['a fault of the issuer', JSON.stringify({ keys: [] }), 500],
  ])('%s', async (_what, body, code) => {
    publish([GOOD]);
    expect(await ask(rsa.privateKey, 'a')).toBe('200');
    [published, status] = [body, code];
    ahead += 6 * MINUTE;
    const before = fetches;
    expect(await ask(rsa.privateKey, 'a')).toBe('200');
    expect(fetches).toBe(before + 1);
    // It may be one of the keys that could not be fetched.
    expect(await ask(otherRsa.privateKey, 'b')).toBe(UNAVAILABLE);
    publish([GOOD]);
    status = 200;
    ahead += COOL_DOWN;
    expect(await ask(otherRsa.privateKey, 'b')).toBe(INVALID);
  });

  it('but an empty set withdraws all of them', async () => {
    publish([GOOD]);
    expect(await ask(rsa.privateKey, 'a')).toBe('200');
    publish([]);
    ahead += 6 * MINUTE;
    expect(await ask(rsa.privateKey, 'a')).toBe(INVALID);
  });
});
