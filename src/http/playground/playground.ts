import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { acceptsGzip } from '../accepts-gzip';
import { addVary } from '../vary';
import { allowOnly } from '../allowed-methods';
import { readAssets, type Asset } from './assets';
import { readStarters } from './tabs';

const PATH = '/playground';

/**
 * Serves GraphiQL to analysts, wholly from this process. The page holds no data and needs no credential; what it shows
 * it asks of /graphql, with the token that is pasted into it.
 */
export function addPlayground(server: FastifyInstance, clock: () => Date): void {
  const page = readFileSync(join(__dirname, 'page.html'), 'utf8');
  const starters = readStarters();
  const assets = readAssets();
  server.get(PATH, (_request, reply) => {
    const nonce = randomBytes(16).toString('base64');
    return secured(reply)
      .type('text/html; charset=utf-8')
      .header('Content-Security-Policy', policy(nonce))
      .header('Cache-Control', 'no-store')
      .send(page.replace('{{nonce}}', nonce));
  });
  server.get(`${PATH}/tabs.json`, (_request, reply) =>
    secured(reply).header('Cache-Control', 'no-store').send(starters(clock())),
  );
  for (const [name, asset] of assets)
    server.get(`${PATH}/${name}`, (request, reply) => sendAsset(request, reply, asset));
  for (const path of [PATH, ...['tabs.json', ...assets.keys()].map((name) => `${PATH}/${name}`)])
    allowOnly(server, path, ['GET', 'HEAD']);
}

/**
 * What the page may do: nothing but run and load what comes from here, and ask here. GraphiQL's fonts and markers are
 * data: addresses in its style sheet. Its menus make a style element, which carries the nonce: no other would count.
 */
function policy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src 'self' data:",
    'font-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function secured(reply: FastifyReply): FastifyReply {
  return reply
    .header('X-Content-Type-Options', 'nosniff')
    .header('Referrer-Policy', 'no-referrer')
    .header('Cross-Origin-Opener-Policy', 'same-origin')
    .header('Cross-Origin-Resource-Policy', 'same-origin');
}

/** Kept by browsers, and asked about each time: after an upgrade nobody runs a file of the version before. */
async function sendAsset(request: FastifyRequest, reply: FastifyReply, asset: Asset): Promise<FastifyReply> {
  secured(reply).type(asset.type).header('ETag', asset.etag).header('Cache-Control', 'no-cache');
  void addVary(reply, 'Accept-Encoding');
  if (request.headers['if-none-match']?.includes(asset.etag) === true) return reply.code(304).send();
  if (!acceptsGzip(request)) return reply.send(asset.body);
  return reply.header('Content-Encoding', 'gzip').send(await asset.gzipped());
}
