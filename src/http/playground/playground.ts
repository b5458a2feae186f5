import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { allowOnly } from '../allowed-methods';
import { addAssets, asset, ICON, inPackage, SCRIPT, secured, STYLE, type Asset } from '../pages/assets';
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
  addAssets(server, PATH, assets);
  for (const path of [PATH, `${PATH}/tabs.json`]) allowOnly(server, path, ['GET', 'HEAD']);
}

/** React's and GraphiQL's files are prebuilt. */
function readAssets(): ReadonlyMap<string, Asset> {
  return new Map([
    ['page.css', asset(STYLE, join(__dirname, 'page.css'))],
    ['page.mjs', asset(SCRIPT, join(__dirname, 'page.mjs'))],
    ['icon.svg', asset(ICON, join(__dirname, '..', 'pages', 'icon.svg'))],
    ['react.js', asset(SCRIPT, inPackage('react', 'umd/react.production.min.js'))],
    ['react-dom.js', asset(SCRIPT, inPackage('react-dom', 'umd/react-dom.production.min.js'))],
    ['graphiql.js', asset(SCRIPT, inPackage('graphiql', 'graphiql.min.js'))],
    ['graphiql.css', asset(STYLE, inPackage('graphiql', 'graphiql.min.css'))],
  ]);
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
