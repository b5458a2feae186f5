import type { JsonWebKey } from 'node:crypto';
import { developmentSubject } from '../../src/http/development-issuer';
import {
  bytes,
  claims,
  compact,
  encoded,
  es,
  hs,
  ISSUERS,
  KEYS,
  KIDS,
  NOW,
  ps,
  PUBLIC_KEY,
  rs,
  rs512,
  token,
} from './token-kit';

/** An attack with an invalid token: what it attempts, and the token, made for a listener's address. */
export type Attack = readonly [what: string, make: (listener: string) => string];

const NONE = Array.from({ length: 16 }, (_, bits) =>
  [...'none'].map((letter, n) => (bits & (1 << n) ? letter.toUpperCase() : letter)).join(''),
);
const [GOOD_HEADER = '', GOOD_CLAIMS = '', GOOD_SIGNATURE = ''] = token().split('.');
const pem = PUBLIC_KEY.export({ type: 'spki', format: 'pem' }).toString();
const jwk: JsonWebKey = PUBLIC_KEY.export({ format: 'jwk' });
const confused = (secret: string | Buffer, alg = 'HS256', hash = 'sha256') =>
  token({}, { alg }, hs(secret, hash));
const strangersJwk = KEYS.stranger.publicKey.export({ format: 'jwk' });
const byStranger = (header: object) => token({}, { ...header }, rs(KEYS.stranger.privateKey));

const published = (header: object, signer = rs(KEYS.published[0].privateKey)) =>
  token({ iss: ISSUERS.jwks }, { ...header }, signer);
const elliptic = (signer: (signed: string) => Buffer, alg = 'ES256') =>
  token({ iss: ISSUERS.es }, { alg }, signer);
const halves = (r: bigint, s: bigint) =>
  bytes(Buffer.from([r, s].map((n) => n.toString(16).padStart(64, '0')).join(''), 'hex'));
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const globex = (db_user_id: unknown, db_org_id: unknown) =>
  token({ iss: ISSUERS.globex, db_user_id, db_org_id }, {}, rs(KEYS.globex.privateKey));
/** A valid token with this text for its header, or its claims, correctly signed. */
const withHeader = (json: string | Buffer) => compact(json, claims(), rs(KEYS.rs));
const withClaims = (json: string | Buffer) => compact({ alg: 'RS256', typ: 'JWT' }, json, rs(KEYS.rs));
const good = JSON.stringify(claims());
const and = (more: string) => `${good.slice(0, -1)},${more}}`;

/** Each is refused like any other; a new one is one line here. */
export const TOKEN_ATTACKS: readonly Attack[] = [
  // No signature, or one that is not the token's.
  ...NONE.map((alg): Attack => [`alg ${alg}`, () => token({}, { alg }, bytes(Buffer.alloc(0)))]),
  ['alg none with a good signature', () => `${encoded({ alg: 'none' })}.${GOOD_CLAIMS}.${GOOD_SIGNATURE}`],
  ['alg none followed by a space', () => token({}, { alg: 'none ' }, bytes(Buffer.alloc(0)))],
  ['no alg', () => token({}, { alg: undefined })],
  ['an empty alg', () => token({}, { alg: '' })],
  ['alg null', () => token({}, { alg: null })],
  ['a list for an alg', () => token({}, { alg: ['RS256'] })],
  ['a lower-case alg', () => token({}, { alg: 'rs256' })],
  ['a stripped signature', () => `${GOOD_HEADER}.${GOOD_CLAIMS}.`],
  ['a stripped signature and its dot', () => `${GOOD_HEADER}.${GOOD_CLAIMS}`],
  ['a short signature', () => `${GOOD_HEADER}.${GOOD_CLAIMS}.${GOOD_SIGNATURE.slice(0, -4)}`],
  ['a padded signature', () => `${GOOD_HEADER}.${GOOD_CLAIMS}.${GOOD_SIGNATURE}==`],
  [
    'a signature behind a zero byte',
    () => token({}, {}, (signed) => Buffer.concat([Buffer.alloc(1), rs(KEYS.rs)(signed)])),
  ],
  [
    "another token's signature",
    () => `${GOOD_HEADER}.${encoded(claims({ sub: developmentSubject(1) }))}.${GOOD_SIGNATURE}`,
  ],
  ['a signature of zeros', () => token({}, {}, bytes(Buffer.alloc(256)))],

  // The right key for the wrong algorithm.
  ['HS256 by the PEM', () => confused(pem)],
  ['HS256 by the PEM without its last line break', () => confused(pem.trim())],
  ['HS384 by the PEM', () => confused(pem, 'HS384', 'sha384')],
  ['HS512 by the PEM', () => confused(pem, 'HS512', 'sha512')],
  ['HS256 by the PKCS#1 PEM', () => confused(PUBLIC_KEY.export({ type: 'pkcs1', format: 'pem' }))],
  ['HS256 by the DER', () => confused(PUBLIC_KEY.export({ type: 'spki', format: 'der' }))],
  ['HS256 by the JWK', () => confused(JSON.stringify(jwk))],
  ['HS256 by the modulus', () => confused(Buffer.from(jwk.n ?? '', 'base64url'))],
  ['HS256 by nothing', () => confused('')],
  ['RS512 by the key for RS256', () => token({}, { alg: 'RS512' }, rs512(KEYS.rs))],
  ['PS256 by the key for RS256', () => token({}, { alg: 'PS256' }, ps(KEYS.rs))],
  ['RS256 by the key for PS256', () => token({ iss: ISSUERS.ps }, {}, rs(KEYS.ps.privateKey))],
  [
    'RS256 that is signed as PS256',
    () => token({ iss: ISSUERS.ps }, { alg: 'RS256' }, ps(KEYS.ps.privateKey)),
  ],
  ['ES256 for an RSA key', () => token({}, { alg: 'ES256' }, es(KEYS.es.privateKey))],

  // A key that the token itself contains.
  ["a stranger's key", () => byStranger({})],
  ["a stranger's short key", () => token({}, {}, rs(KEYS.shortRsa.privateKey))],
  ['an embedded jwk', () => byStranger({ jwk: strangersJwk })],
  [
    'an embedded jwk under a published kid',
    () => published({ kid: KIDS[0], jwk: strangersJwk }, rs(KEYS.stranger.privateKey)),
  ],
  ['an embedded jwk beside the right signature', () => token({}, { jwk })],
  ['jku to a listener', (listener) => byStranger({ jku: `${listener}/jwks`, kid: 'mine' })],
  ['jku to a listener beside the right signature', (listener) => token({}, { jku: `${listener}/jwks` })],
  ['x5u to a listener', (listener) => byStranger({ x5u: `${listener}/certificate` })],
  [
    'x5c',
    () =>
      byStranger({
        x5c: [KEYS.stranger.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')],
      }),
  ],

  // A name for the key, where keys are found by name.
  ['a kid that is a path', () => published({ kid: '../../../../../../dev/null' })],
  [
    'a kid that is a path to nothing, signed by nothing',
    () => published({ kid: '/dev/null', alg: 'HS256' }, hs('')),
  ],
  ['a kid that is SQL', () => published({ kid: "' UNION SELECT 'secret' --" })],
  ['a kid that is __proto__', () => published({ kid: '__proto__' })],
  ['a kid that is constructor', () => published({ kid: 'constructor' })],
  ['a kid that is an address', (listener) => published({ kid: `${listener}/key` })],
  ['a kid of 10 kB', () => published({ kid: 'k'.repeat(10_000) })],
  ['an empty kid', () => published({ kid: '' })],
  ['a number for a kid', () => published({ kid: 1 })],
  ['an object for a kid', () => published({ kid: { toString: 'rsa-1' } })],
  ['a kid with U+0000', () => published({ kid: `${KIDS[0]}\0` })],
  ['the kid of the other key', () => published({ kid: KIDS[1] })],
  ['the kid of the other key and its algorithm', () => published({ kid: KIDS[1], alg: 'ES256' })],
  ['no kid and a signature of a stranger', () => published({}, rs(KEYS.stranger.privateKey))],

  // Elliptic curves.
  ['ES256 with r = s = 0', () => elliptic(halves(0n, 0n))],
  ['ES256 with r = 0', () => elliptic(halves(0n, 1n))],
  ['ES256 with s = 0', () => elliptic(halves(1n, 0n))],
  ['ES256 with r = s = n', () => elliptic(halves(P256_ORDER, P256_ORDER))],
  ['ES256 with r = s = 1', () => elliptic(halves(1n, 1n))],
  ['ES256 in DER', () => elliptic(es(KEYS.es.privateKey, 'der'))],
  [
    'ES256 with a byte too many',
    () => elliptic((signed) => Buffer.concat([es(KEYS.es.privateKey)(signed), Buffer.alloc(1)])),
  ],
  ["ES256 by a stranger's key", () => elliptic(es(KEYS.p256.privateKey))],
  ['ES256 on P-384', () => elliptic(es(KEYS.p384.privateKey))],
  ['ES384 on P-384', () => elliptic(es(KEYS.p384.privateKey), 'ES384')],
  ['ES256K on secp256k1', () => elliptic(es(KEYS.secp256k1.privateKey), 'ES256K')],
  [
    'HS256 by the public point',
    () => elliptic(hs(KEYS.es.publicKey.export({ type: 'spki', format: 'pem' })), 'HS256'),
  ],

  // Another tenant.
  ["another tenant's key", () => token({}, {}, rs(KEYS.globex.privateKey))],
  ["another tenant's issuer, for a user of ours", () => globex(42, 1)],
  ["another tenant's issuer, for a user of ours under its own organization", () => globex(42, 2)],
  ["another tenant's issuer, for a user of its own under our organization", () => globex(142, 1)],
  [
    "another tenant's issuer, by subject",
    () => token({ iss: ISSUERS.globex }, {}, rs(KEYS.globex.privateKey)),
  ],
  ["another tenant's issuer, with ids that are rounded", () => globex(142.5, 2)],
  ["another tenant's issuer, with ids that are lists", () => globex([142], [2])],
  ["another tenant's issuer, with ids that are SQL", () => globex('142 OR 1=1', '2')],

  // Times.
  ['no exp', () => token({ exp: undefined })],
  ['exp as text', () => token({ exp: String(NOW + 600) })],
  ['exp as a date', () => token({ exp: new Date((NOW + 600) * 1000).toISOString() })],
  ['exp null', () => token({ exp: null })],
  ['exp true', () => token({ exp: true })],
  ['exp in a list', () => token({ exp: [NOW + 600] })],
  ['exp below zero', () => token({ exp: -1 })],
  ['exp behind the end of time', () => token({ exp: 1e300 })],
  ['exp that is no number to a computer', () => withClaims(good.replace(String(NOW + 600), '1e999'))],
  ['exp in milliseconds', () => token({ exp: (NOW + 600) * 1000 })],
  ['nbf 31 seconds ahead', () => token({ nbf: NOW + 31 })],
  ['nbf as text', () => token({ nbf: String(NOW) })],
  ['nbf null', () => token({ nbf: null })],
  ['iat 31 seconds ahead', () => token({ iat: NOW + 31 })],
  ['iat as text', () => token({ iat: String(NOW) })],
  ['iat null', () => token({ iat: null })],
  ['an end that is over, and a wrong audience', () => token({ exp: NOW - 60, aud: 'elsewhere' })],
  [
    "an end that is over, and a stranger's signature",
    () => token({ exp: NOW - 60 }, {}, rs(KEYS.stranger.privateKey)),
  ],
  ['an end that is over, and a user that nobody knows', () => token({ exp: NOW - 60, sub: 'nobody' })],

  // Audience, issuer, subject.
  ['no aud', () => token({ aud: undefined })],
  ['aud null', () => token({ aud: null })],
  ['an empty aud', () => token({ aud: '' })],
  ['an empty list of auds', () => token({ aud: [] })],
  ['an aud that is the beginning of ours', () => token({ aud: 'counter' })],
  ['an aud that begins with ours', () => token({ aud: 'countersign-admin' })],
  ['an aud in capitals', () => token({ aud: 'COUNTERSIGN' })],
  ['an aud followed by a space', () => token({ aud: 'countersign ' })],
  ['several auds in one text', () => token({ aud: 'elsewhere,countersign' })],
  ['other auds', () => token({ aud: ['elsewhere', 'counter'] })],
  ['our aud in a list in a list', () => token({ aud: [['countersign']] })],
  ['our aud in an object', () => token({ aud: { 0: 'countersign', length: 1 } })],
  [
    'our aud under another name',
    () => token({ aud: undefined, audience: 'countersign', client_id: 'countersign' }),
  ],
  ['no iss', () => token({ iss: undefined })],
  [
    'an iss with a slash more',
    () => token({ iss: `${ISSUERS.ps}/` }, { alg: 'PS256' }, ps(KEYS.ps.privateKey)),
  ],
  [
    'an iss with a slash less',
    () =>
      token(
        { iss: ISSUERS.globex.slice(0, -1), db_user_id: 142, db_org_id: 2 },
        {},
        rs(KEYS.globex.privateKey),
      ),
  ],
  ['an iss in capitals', () => token({ iss: ISSUERS.rs.toUpperCase() })],
  ['an iss in a list', () => token({ iss: [ISSUERS.rs] })],
  ["another issuer's iss", () => token({ iss: ISSUERS.ps }, { alg: 'RS256' })],
  ['no sub', () => token({ sub: undefined })],
  ['an empty sub', () => token({ sub: '' })],
  ['a number for a sub', () => token({ sub: 42 })],
  ['a list for a sub', () => token({ sub: [developmentSubject(42)] })],
  ['a sub with U+0000', () => token({ sub: `${developmentSubject(42)}\0` })],
  ['a sub with half a character', () => token({ sub: '\ud800' })],
  ['a sub that is SQL', () => token({ sub: `' OR issuer <> '` })],
  ['a sub that nobody knows', () => token({ sub: developmentSubject(999_999) })],
  ['the sub of a deactivated user', () => token({ sub: developmentSubject(6) })],

  // JSON that is ambiguous, or invalid.
  ['alg twice', () => withHeader('{"alg":"none","alg":"RS256"}')],
  ['alg twice, once in escapes', () => withHeader('{"\\u0061lg":"none","alg":"RS256"}')],
  ['sub twice', () => withClaims(and(`"sub":"${developmentSubject(1)}"`))],
  ['exp twice', () => withClaims(and(`"exp":${String(NOW + 600)}`))],
  ['aud twice, once in escapes', () => withClaims(and('"\\u0061ud":"countersign"'))],
  ['a name twice further in', () => withClaims(and('"act":{"sub":"a","sub":"b"}'))],
  ['a list for a header', () => withHeader('["RS256"]')],
  ['a header that goes on', () => withHeader('{"alg":"RS256"}}')],
  ['a header with a byte order mark', () => withHeader('\ufeff{"alg":"RS256"}')],
  ['a header that is not UTF-8', () => withHeader(Buffer.from('{"alg":"RS256","kid":"\xff"}', 'latin1'))],
  ['claims in a list', () => withClaims(`[${good}]`)],
  ['claims that are null', () => withClaims('null')],
  ['claims that are not JSON', () => withClaims('foo')],
  ['claims that are not UTF-8', () => withClaims(Buffer.from(and('"name":"\xff"'), 'latin1'))],

  // Another kind of token.
  ["an ID token of Cognito's", () => token({ token_use: 'id' })],
  ["an ID token of Keycloak's", () => token({ typ: 'ID' })],
  ["a refresh token of Keycloak's", () => token({ typ: 'Refresh' })],
  ['an ID token with the hash of its access token', () => token({ at_hash: 'x', nonce: 'y' })],
  ['an ID token for the client', () => token({ aud: 'reviewer-app', nonce: 'y' })],
  ['a logout token', () => token({ events: { 'http://schemas.openid.net/event/backchannel-logout': {} } })],
  ['the type of a logout token', () => token({}, { typ: 'logout+jwt' })],
  ['the type of a proof of possession', () => token({}, { typ: 'dpop+jwt' })],
  ['a number for a type', () => token({}, { typ: 1 })],
  ['crit', () => token({}, { crit: ['exp'] })],
  ['an empty crit', () => token({}, { crit: [] })],
  [
    'claims that are not encoded',
    () => `${encoded({ alg: 'RS256', b64: false, crit: ['b64'] })}.${good}.${GOOD_SIGNATURE}`,
  ],
  ['b64 false', () => token({}, { b64: false })],
  ['b64 false and crit', () => token({}, { b64: false, crit: ['b64'] })],
  ['compressed claims', () => token({}, { zip: 'DEF' })],
  ['a JWE', () => [encoded({ alg: 'RSA-OAEP', enc: 'A256GCM' }), 'AAAA', 'AAAA', 'AAAA', 'AAAA'].join('.')],
  ['the header of a JWE', () => token({}, { enc: 'A256GCM' })],
  [
    'the flattened JSON serialisation',
    () => JSON.stringify({ protected: GOOD_HEADER, payload: GOOD_CLAIMS, signature: GOOD_SIGNATURE }),
  ],
  [
    'the general JSON serialisation',
    () =>
      JSON.stringify({
        payload: GOOD_CLAIMS,
        signatures: [{ protected: GOOD_HEADER, signature: GOOD_SIGNATURE }],
      }),
  ],

  // Size and form.
  ['10 kB of claims', () => token({ padding: 'x'.repeat(10_000) })],
  ['100 kB of claims', () => token({ padding: 'x'.repeat(75_000) })],
  ['thousands of dots', () => '.'.repeat(8000)],
  ['thousands of brackets', () => compact('['.repeat(3000), '['.repeat(3000), rs(KEYS.rs))],
  ['four parts', () => `${token()}.x`],
  ['a dot before it', () => `.${token()}`],
  ['a quoted token', () => `"${token()}"`],
  ['two tokens', () => `${token()},${token()}`],
  [
    'the other alphabet',
    () =>
      token({ padding: '???>>>' })
        .replaceAll('-', '+')
        .replaceAll('_', '/')
        .replace(/\.(?=[^.]*$)/, '.+'),
  ],
  ['a letter that no alphabet has', () => `${GOOD_HEADER}.${GOOD_CLAIMS}.*${GOOD_SIGNATURE.slice(1)}`],
];
