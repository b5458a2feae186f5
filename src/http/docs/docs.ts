import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { allowOnly } from '../../api/allowed-methods';
import { addAssets, asset, ICON, inPackage, SCRIPT, secured, STYLE, type Asset } from '../pages/assets';

const PATH = '/docs';

/** The page may load and call only this origin. Swagger UI's icons are data: URLs. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Serves Swagger UI for /openapi.json, to read about REST paths and to try them out. It loads no external files. */
export function addDocs(server: FastifyInstance): void {
  const page = readFileSync(join(__dirname, 'page.html'), 'utf8');
  server.get(PATH, (_request, reply) =>
    secured(reply)
      .type('text/html; charset=utf-8')
      .header('Content-Security-Policy', POLICY)
      .header('Cache-Control', 'no-cache')
      .send(page),
  );
  addAssets(server, PATH, readAssets());
  allowOnly(server, PATH, ['GET', 'HEAD']);
}

/** Reads the files of the page. Those of Swagger UI are prebuilt. */
function readAssets(): ReadonlyMap<string, Asset> {
  return new Map([
    ['page.css', asset(STYLE, join(__dirname, 'page.css'))],
    ['page.mjs', asset(SCRIPT, join(__dirname, 'page.mjs'))],
    ['icon.svg', asset(ICON, join(__dirname, '..', 'pages', 'icon.svg'))],
    ['swagger-ui.js', asset(SCRIPT, inPackage('swagger-ui-dist', 'swagger-ui-bundle.js'))],
    ['swagger-ui.css', asset(STYLE, inPackage('swagger-ui-dist', 'swagger-ui.css'))],
  ]);
}
