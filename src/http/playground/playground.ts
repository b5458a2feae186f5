import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { allowOnly } from '../../api/allowed-methods';
import { addAssets, asset, ICON, inPackage, SCRIPT, secured, STYLE, type Asset } from '../pages/assets';
import { readStarters } from './tabs';

const PATH = '/playground';

/**
 * Serves GraphiQL for analysts. It loads no external files. The page itself contains no data and requires no
 * credential; it reads its data from /graphql with a token that the user pastes.
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

/** Reads the files of the page. Those of React and GraphiQL are prebuilt. */
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
 * Returns the Content-Security-Policy. The page may load and call only this origin. GraphiQL's fonts and icons are
 * data: URLs in its style sheet. Its menus create a style element, which carries the nonce; no other one applies.
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
