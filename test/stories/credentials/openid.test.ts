import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { sign } from 'jsonwebtoken';
import { readConfig } from '../../../src/config';
import { decide, APIS } from '../../support/apis';
import { startGateway, type Gateway } from '../../support/gateway';
import { startOpenidProvider, type OpenidProvider } from '../../support/openid';

/** Reviewers who log in at a real OpenID provider, whose keys are rotated, withdrawn, and unavailable. */
let provider: OpenidProvider;
let gateway: Gateway;
/** How far the gateway's clock is ahead, in milliseconds. */
let ahead = 0;

const MINUTE = 60_000;
const COOL_DOWN = 10_000;
const API = 'urn:countersign';
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

beforeAll(async () => {
  provider = await startOpenidProvider();
  const settings = { TOKEN_ISSUER: provider.issuer, TOKEN_JWKS_URL: provider.jwksUrl };
  gateway = await startGateway({
    trustedIssuers: readConfig(settings).trustedIssuers,
    clock: () => new Date(Date.now() + ahead),
  });
  await gateway.database.sql(
    `INSERT INTO user_identities (issuer, subject, organization_id, user_id) VALUES ($1, 'sue', 1, 42), ($1, 'ann', 1, 4)`,
    [provider.issuer],
  );
});
afterAll(async () => {
  await gateway.close();
  await provider.close();
});

/** The outcome of a request with this token: `200`, or `401 INVALID_TOKEN`. */
async function ask(token: string): Promise<string> {
  const answer = await gateway.rest('GET', '/api/v1/actions/12345', { headers: bearer(token) });
  const { error_code: code = '' } = answer.body as { error_code?: string };
  return `${String(answer.status)} ${code}`.trim();
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
/** A token as the provider would make it, by a key that it never had. */
const forged = () =>
  sign({ iss: provider.issuer, sub: 'sue', aud: 'countersign' }, stranger, {
    algorithm: 'ES256',
    expiresIn: '1h',
    keyid: randomUUID(),
  });
const fetches = () => provider.tell({});
const INVALID = '401 INVALID_TOKEN';
const UNAVAILABLE = '503 SERVICE_UNAVAILABLE';

describe('a reviewer who logs in at the provider', () => {
  it('approves and rejects with the access token, over both APIs', async () => {
    const { accessToken } = await provider.logIn('sue', API);
    const [first, second, third] = await gateway.addActions([10, 10, 10]);
    for (const [api, verdict, id] of [
      ['rest', 'approve', first],
      ['graphql', 'approve', second],
      ['rest', 'reject', third],
    ] as const)
      expect(await decide(gateway, api, verdict, id, { headers: bearer(accessToken) })).toMatchObject({
        http: 200,
        code: null,
      });
    const rows = await gateway.database.sql(
      'SELECT status, decided_by AS by FROM actions WHERE id = ANY($1) ORDER BY id',
      [[first, second, third]],
    );
    expect(rows).toEqual([
      { status: 'approved', by: 42 },
      { status: 'approved', by: 42 },
      { status: 'denied', by: 42 },
    ]);
  });

  it('is the person whom the provider names, with the rights that the gateway knows', async () => {
    const { accessToken } = await provider.logIn('ann', API);
    const [id] = await gateway.addActions([10]);
    for (const api of APIS)
      expect(await decide(gateway, api, 'approve', id, { headers: bearer(accessToken) })).toMatchObject({
        code: 'INSUFFICIENT_PERMISSIONS',
      });
  });

  it('is refused unless the gateway knows them, and with any other token of that log-in', async () => {
    const unknown = await provider.logIn('nobody', API);
    expect(await ask(unknown.accessToken)).toBe(INVALID);
    const { accessToken, idToken } = await provider.logIn('sue', API);
    expect(await ask(accessToken)).toBe('200');
    expect(await ask(idToken)).toBe(INVALID);
    expect(await ask((await provider.logIn('sue', 'urn:another-api')).accessToken)).toBe(INVALID);
    expect(await ask((await provider.logIn('sue')).accessToken)).toBe(INVALID);
  });
});

describe('the keys of the provider', () => {
  it('are fetched once for a while, however many tokens they verify', async () => {
    const before = await fetches();
    const { accessToken } = await provider.logIn('sue', API);
    expect(await Promise.all(Array.from({ length: 20 }, () => ask(accessToken)))).toEqual(
      Array(20).fill('200'),
    );
    expect(await fetches()).toBe(before);
  });

  it('are fetched once more for an unknown key, and no more often for many invented ones', async () => {
    ahead += COOL_DOWN;
    const { accessToken: old } = await provider.logIn('sue', API);
    const before = await provider.tell({ keys: 'add' });
    const { accessToken } = await provider.logIn('sue', API);
    const asked = [...Array.from({ length: 20 }, forged), accessToken, old];
    const answers = await Promise.all(asked.map(ask));
    expect(answers).toEqual([...Array(20).fill(INVALID), '200', '200']);
    expect(await ask(forged())).toBe(INVALID);
    expect(await fetches()).toBe(before + 1);
    ahead += COOL_DOWN;
    expect(await ask(forged())).toBe(INVALID);
    expect(await fetches()).toBe(before + 2);
  });

  it('stop counting within five minutes once the provider withdraws them', async () => {
    const { accessToken: old } = await provider.logIn('sue', API);
    await provider.tell({ keys: 'add' });
    const before = await provider.tell({ keys: 'drop old' });
    const { accessToken } = await provider.logIn('sue', API);
    ahead += 5 * MINUTE;
    expect(await ask(old)).toBe(INVALID);
    expect(await ask(accessToken)).toBe('200');
    expect(await fetches()).toBe(before + 1);
  });

  it('count for up to an hour while the provider is away, after which every token is refused until it is back', async () => {
    const { accessToken } = await provider.logIn('sue', API);
    expect(await ask(accessToken)).toBe('200');
    ahead += 5 * MINUTE;
    expect(await ask(accessToken)).toBe('200');
    const before = await provider.tell({ published: 'no' });
    ahead += 59 * MINUTE;
    expect(await ask(accessToken)).toBe('200');
    expect(await ask(accessToken)).toBe('200');
    expect(await fetches()).toBe(before + 1);
    // It may be valid: made since, by a key that cannot be fetched.
    expect(await ask(forged())).toBe(UNAVAILABLE);
    ahead += MINUTE;
    expect(await ask(accessToken)).toBe(UNAVAILABLE);
    const refused = await gateway.graphql('{ viewer { id } }', { headers: bearer(accessToken) });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    // What could never count is refused all the same.
    expect(await ask('garbage')).toBe(INVALID);
    expect(await ask(sign({ iss: 'https://elsewhere.example' }, stranger, { algorithm: 'ES256' }))).toBe(
      INVALID,
    );
    await provider.tell({ published: 'yes' });
    ahead += COOL_DOWN;
    expect(await ask(accessToken)).toBe('200');
  });

  it('are fetched from nowhere but the configured address, whatever that says', async () => {
    const { accessToken } = await provider.logIn('sue', API);
    const before = await provider.tell({ published: 'elsewhere' });
    ahead += 61 * MINUTE;
    expect(await ask(accessToken)).toBe(UNAVAILABLE);
    expect(await provider.tell({ published: 'yes' })).toBe(before + 1);
    ahead += COOL_DOWN;
    expect(await ask(accessToken)).toBe('200');
  });

  it('that never arrive leave no request waiting', async () => {
    const { accessToken } = await provider.logIn('sue', API);
    expect(await ask(accessToken)).toBe('200');
    await provider.tell({ published: 'hang' });
    ahead += 6 * MINUTE;
    expect(await Promise.all([ask(accessToken), ask(accessToken)])).toEqual(['200', '200']);
    ahead += 60 * MINUTE;
    const [id] = await gateway.addActions([10]);
    const outcome = await decide(gateway, 'rest', 'approve', id, { headers: bearer(accessToken) });
    expect([outcome.http, outcome.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    await provider.tell({ published: 'yes' });
    ahead += COOL_DOWN;
    expect(await decide(gateway, 'rest', 'approve', id, { headers: bearer(accessToken) })).toMatchObject({
      http: 200,
    });
  });
});
