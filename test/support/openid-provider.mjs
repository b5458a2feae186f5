/**
 * A real OpenID provider on a port of its own, told over IPC what to do: which keys to publish and sign with, and
 * whether its keys can be fetched. A process of its own, since the provider is an ES module, which jest cannot load.
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const DAY = 86_400;
let keys = [newKey()];
/** Whether the keys are published: `yes`, `hang` (never answered), `no` (the connection is closed) or `elsewhere`. */
let published = 'yes';
let fetches = 0;
let handle;

const server = createServer((request, response) => {
  if (request.url.startsWith('/jwks')) {
    fetches += 1;
    if (published === 'hang') return;
    if (published === 'elsewhere' && request.url === '/jwks')
      return void response.writeHead(302, { location: '/jwks?elsewhere' }).end();
    if (published === 'no') return void request.socket.destroy();
  }
  handle(request, response);
});

server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${String(server.address().port)}`;
  handle = makeProvider(issuer);
  process.on('message', (wish) => {
    if (wish.keys === 'add') keys = [newKey(), ...keys];
    if (wish.keys === 'drop old') keys = keys.slice(0, 1);
    if (wish.keys !== undefined) handle = makeProvider(issuer);
    published = wish.published ?? published;
    process.send({ fetches });
  });
  process.on('disconnect', () => process.exit());
  process.send({ issuer });
});

function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'ES256' };
}

/** Signs with the first key of its algorithm, so keys that are rotated in come first. */
function makeProvider(issuer) {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'reviewer-app',
        redirect_uris: ['http://127.0.0.1/callback'],
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys },
    cookies: { keys: [randomUUID()] },
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    ttl: { AccessToken: DAY, IdToken: DAY, Grant: DAY, Interaction: DAY, Session: DAY },
    features: {
      resourceIndicators: {
        enabled: true,
        // A token for a resource is a JWT with that audience; one for nobody in particular is opaque.
        getResourceServerInfo: (_context, resource) => ({
          scope: 'decide',
          audience: resource === 'urn:countersign' ? 'countersign' : resource,
          accessTokenTTL: DAY,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  });
  return provider.callback();
}
