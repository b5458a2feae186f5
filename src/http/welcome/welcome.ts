import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { VERSION } from '../../version';
import { allowOnly } from '../../api/allowed-methods';
import { addAssets, asset, ICON, secured, STYLE } from '../pages/assets';

const PATH = '/';
const FILES = '/welcome';

const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Serves links to the other pages at `/`: an HTML page for browsers, JSON for all other clients.
 * @param playground whether the playground is served
 */
export function addWelcome(server: FastifyInstance, playground: boolean): void {
  const text = readFileSync(join(__dirname, 'page.html'), 'utf8').replace('{{version}}', VERSION);
  const [before = '', , after = ''] = text.split('<!-- playground -->');
  const page = playground ? text : before + after;
  const places = {
    service: 'countersign',
    version: VERSION,
    graphql: '/graphql',
    rest: '/api/v1',
    docs: '/docs',
    openapi: '/openapi.json',
    ...(playground && { playground: '/playground' }),
    health: '/health',
  };
  const assets = new Map([
    ['page.css', asset(STYLE, join(__dirname, 'page.css'))],
    ['icon.svg', asset(ICON, join(__dirname, '..', 'pages', 'icon.svg'))],
  ]);
  server.get(PATH, (request, reply) => {
    reply.header('Cache-Control', 'no-cache').header('Vary', 'Accept');
    if (!wantsPage(request)) return reply.send(places);
    return secured(reply)
      .type('text/html; charset=utf-8')
      .header('Content-Security-Policy', POLICY)
      .send(page);
  });
  addAssets(server, FILES, assets);
  allowOnly(server, PATH, ['GET', 'HEAD']);
}

/** Whether the client is a browser. Browsers accept text/html explicitly, programs accept JSON or anything. */
function wantsPage(request: FastifyRequest): boolean {
  return request.headers.accept?.includes('text/html') === true;
}
