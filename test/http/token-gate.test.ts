import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { JwksKeys } from '../../src/http/jwks';
import { faultOf, readJws } from '../../src/http/jws';
import { readStrictObject } from '../../src/http/strict-json';
import { keyFault, type SignatureAlgorithm, type VerificationKey } from '../../src/http/verification-key';
import { rememberVerified, type VerifiedToken } from '../../src/http/token-verifier';
import { makeLogger } from '../../src/observability/logger';

/** The checks in front of the library and the signature check behind it, against public vectors and ambiguous JSON. */

/** Test vectors of another project, which are not part of this repository. */
const VECTORS = join(__dirname, '..', '..', '..', 'shared', 'vectors', 'wycheproof');
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'] as const;

interface Jwk {
  readonly kty?: string;
  readonly alg?: string;
  readonly k?: string;
  readonly keys?: readonly Jwk[];
}
interface Group {
  readonly type: string;
  readonly public?: Jwk;
  readonly private: Jwk;
  readonly tests: readonly { readonly tcId: number; readonly jws?: unknown; readonly result: string }[];
}

/** The vectors of a file that are JSON Web Signatures, each with its key or key set. */
function vectorsOf(file: string) {
  const { testGroups } = JSON.parse(readFileSync(join(VECTORS, file), 'utf8')) as { testGroups: Group[] };
  return testGroups.flatMap(({ public: publicKey, private: privateKey, tests }) =>
    tests.flatMap((vector) => ('jws' in vector ? [{ ...vector, jwk: publicKey ?? privateKey }] : [])),
  );
}

/** The key as the gateway would accept it: published ones as of any issuer, a secret if it is strong enough. */
async function keyFor(
  jwk: Jwk,
  wanted: { alg: string; kid: string | null },
): Promise<readonly VerificationKey[]> {
  const set = jwk.keys ?? [jwk];
  const [only] = set;
  if (set.length === 1 && only?.kty === 'oct') {
    const key = createSecretKey(Buffer.from(only.k ?? '', 'base64url'));
    const algorithm = only.alg as SignatureAlgorithm;
    return keyFault(key, algorithm) === null ? [{ kid: null, algorithm, key }] : [];
  }
  const location = { uri: 'https://login.example/jwks', algorithms: ALGORITHMS };
  return new JwksKeys(location, makeLogger('silent'), () => Promise.resolve(set)).find(wanted, 0);
}

async function accepts(token: unknown, jwk: Jwk): Promise<boolean> {
  const jws = typeof token === 'string' ? readJws(token) : null;
  const keys = jws === null ? [] : await keyFor(jwk, jws);
  return jws !== null && keys.some((key) => faultOf(jws, key) === null);
}

async function judged(file: string) {
  const vectors = vectorsOf(file);
  const accepted = await Promise.all(vectors.map(({ jws, jwk }) => accepts(jws, jwk)));
  const wrongly = (is: boolean, result: string) =>
    vectors.filter((v, n) => accepted[n] === is && v.result === result).map(({ tcId }) => tcId);
  return {
    count: vectors.length,
    falseAccepts: wrongly(true, 'invalid'),
    falseRejects: wrongly(false, 'valid'),
  };
}

if (existsSync(VECTORS)) {
  describe("a token of another project's test vectors", () => {
    it('is judged as the 401 vectors of signatures say, except for kinds that nobody needs here', async () => {
      const { count, falseAccepts, falseRejects } = await judged('json_web_signature_test.json');
      expect(count).toBe(401);
      // The 357 valid ones, byte for byte.
      expect(falseAccepts).toEqual([367, 370]);
      const empty = [259, 264, 268, 272, 320, 325];
      const ofAnotherAlgorithmThanItsKey = [346, 347, 350, 351];
      const notBase64url = [372, 373];
      for (const id of falseRejects)
        expect([...empty, ...ofAnotherAlgorithmThanItsKey, ...notBase64url]).toContain(id);
    });

    it('is judged as the vectors of keys and key sets say, except for a key that looks like any other', async () => {
      const { count, falseAccepts, falseRejects } = await judged('json_web_crypto_test.json');
      expect(count).toBeGreaterThanOrEqual(48);
      // An RSA key whose modulus comes from a faulty generator.
      expect(falseAccepts).toEqual([46]);
      // A set of secrets, which no issuer publishes.
      expect(falseRejects).toEqual([48]);
    });
  });
} else console.warn(`skipped the public vectors of JSON Web Signatures: they are not at ${VECTORS}`);

describe('a JSON object', () => {
  const read = (text: string | Buffer) => readStrictObject(Buffer.from(text));

  it.each([
    ['{}', {}],
    ['{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}', { a: 1, b: { a: 2 }, c: [{ a: 3 }, { a: 4 }] }],
    ['{"a":"\\"a\\":","b":"{\\"a\\":1}"}', { a: '"a":', b: '{"a":1}' }],
    ['{"a":["a","a"],"b":"a"}', { a: ['a', 'a'], b: 'a' }],
    ['{ "a" : 1 ,\n"A" : 2 }', { a: 1, A: 2 }],
    ['{"é":"\\u00e9"}', { é: 'é' }],
  ])('%s is read', (text, value) => {
    expect(read(text)).toEqual(value);
  });

  it.each([
    ['a name twice', '{"a":1,"a":1}'],
    ['a name twice, once escaped', '{"a":1,"\\u0061":2}'],
    ['a name twice, with spaces', '{"a" :1,"a"\n:2}'],
    ['a name twice further in', '{"x":[{"a":1},{"b":{"a":1,"c":[],"a":2}}]}'],
    ['a name twice around another object', '{"a":{"b":1},"c":[1],"a":2}'],
    ['an empty name twice', '{"":1,"":2}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['no object but a list', '[{"a":1}]'],
    ['no object but null', 'null'],
    ['no object but text', '"a"'],
    ['nothing in it', ''],
    ['something behind it', '{} {}'],
    ['a comment', '{/**/}'],
    ['a byte order mark', '\ufeff{}'],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['an overlong byte', Buffer.from([0x7b, 0x22, 0xc1, 0xa1, 0x22, 0x3a, 0x31, 0x7d])],
    ['a hundred thousand brackets', '['.repeat(100_000)],
  ])('with %s is refused', (_what, text) => {
    expect(read(text)).toBeNull();
  });

  it('is read as JSON.parse reads it, unless a name is repeated', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const text = JSON.stringify(value);
        expect(read(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('is refused with any of its names repeated at its end', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (value, n) => {
        const names = Object.keys(value);
        const again = JSON.stringify(names[n % names.length]);
        expect(read(`${JSON.stringify(value).slice(0, -1)},${again}:0}`)).toBeNull();
      }),
    );
  });
});

describe('a published key', () => {
  const rsa = (bits: number) => generateKeyPairSync('rsa', { modulusLength: bits }).publicKey;
  const curve = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).publicKey;
  const find = (jwk: object, wanted: { alg: string; kid: string | null }) =>
    new JwksKeys(
      { uri: 'https://login.example/jwks', algorithms: ['RS256', 'PS256', 'ES256'] },
      makeLogger('silent'),
      () => Promise.resolve([jwk]),
    ).find(wanted, 0);
  const strong = rsa(2048).export({ format: 'jwk' });
  const p256 = curve('P-256').export({ format: 'jwk' });

  it.each([
    ['RS256 that says nothing of itself', strong, { alg: 'RS256', kid: null }],
    ['its own algorithm', { ...strong, alg: 'PS256', kid: 'a' }, { alg: 'PS256', kid: 'a' }],
    ['the curve it is on', { ...p256, kid: 'a' }, { alg: 'ES256', kid: 'a' }],
    ['a token without kid, being the only one', { ...p256, kid: 'a' }, { alg: 'ES256', kid: null }],
  ])('is accepted for %s', async (_what, jwk, wanted) => {
    expect(await find(jwk, wanted)).toHaveLength(1);
  });

  it.each([
    ['another algorithm than its own', { ...strong, alg: 'PS256' }, { alg: 'RS256', kid: null }],
    ['PS256 if it says nothing of itself', strong, { alg: 'PS256', kid: null }],
    ['an algorithm that no issuer may use', { ...strong, alg: 'RS512' }, { alg: 'RS512', kid: null }],
    ['another kid', { ...strong, kid: 'a' }, { alg: 'RS256', kid: 'b' }],
    ['a kid if it has none', strong, { alg: 'RS256', kid: 'a' }],
    ['encryption', { ...strong, use: 'enc' }, { alg: 'RS256', kid: null }],
    ['1,024 bits', rsa(1024).export({ format: 'jwk' }), { alg: 'RS256', kid: null }],
    [
      'another curve',
      { ...curve('P-384').export({ format: 'jwk' }), alg: 'ES256' },
      { alg: 'ES256', kid: null },
    ],
    ['a secret', { kty: 'oct', k: 'AAAA', alg: 'HS256' }, { alg: 'HS256', kid: null }],
    [
      'a private key',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
      { alg: 'ES256', kid: null },
    ],
  ])('is not accepted for %s', async (_what, jwk, wanted) => {
    expect(await find(jwk, wanted)).toEqual([]);
  });
});

describe('a verified token', () => {
  const at = (seconds: number): Date => new Date(1_800_000_000_000 + seconds * 1000);
  const verified = { expiresAt: at(20) } as VerifiedToken;
  const rejection = { fault: 'signature', details: {} } as const;
  let asked: string[];
  const verify = rememberVerified((token) => {
    asked.push(token);
    return Promise.resolve(token.startsWith('good') ? verified : rejection);
  });
  beforeEach(() => (asked = []));

  it('is not verified again for half a minute, and then is, as its key may have been withdrawn', async () => {
    for (const seconds of [0, 1, 29]) expect(await verify('good', at(seconds))).toBe(verified);
    expect(asked).toEqual(['good']);
    await verify('good', at(30));
    expect(asked).toEqual(['good', 'good']);
  });

  it('vouches for no other token, and a refused one is verified each time', async () => {
    await verify('good one', at(0));
    await verify('good two', at(0));
    for (const seconds of [0, 1]) expect(await verify('bad', at(seconds))).toBe(rejection);
    expect(asked).toEqual(['good one', 'good two', 'bad', 'bad']);
  });

  it('is forgotten in favour of newer ones where there are too many', async () => {
    await verify('good first', at(100));
    for (let n = 0; n < 10_000; n += 1) await verify(`good ${String(n)}`, at(100));
    await verify('good first', at(100));
    expect(asked.filter((token) => token === 'good first')).toHaveLength(2);
  });
});
