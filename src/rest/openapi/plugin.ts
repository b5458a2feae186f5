import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import type { AuthorizeDirective } from '../../graphql/authorize.directive';
import { allowOnly } from '../../http/allowed-methods';
import { describeRest } from './document';
import { pageOf } from './page';

const DOCUMENT_PATH = '/openapi.json';
const PAGE_PATH = '/docs';

/**
 * Serves the description of the REST paths: for programs, and as a page for people. Both are made once, at start; the
 * page runs nothing and loads nothing, from here or from elsewhere.
 */
export function addOpenApi(
  server: FastifyInstance,
  schema: GraphQLSchema,
  authorize: AuthorizeDirective,
): void {
  const document = describeRest(schema, authorize);
  const text = JSON.stringify(document);
  const css = readFileSync(join(__dirname, 'page.css'), 'utf8');
  const page = pageOf(document, css);
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(css).digest('base64')}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  server.get(DOCUMENT_PATH, (_request, reply) =>
    reply
      .type('application/json; charset=utf-8')
      .header('Cache-Control', 'no-cache')
      .header('X-Content-Type-Options', 'nosniff')
      .send(text),
  );
  server.get(PAGE_PATH, (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('Content-Security-Policy', policy)
      .header('Cache-Control', 'no-cache')
      .header('X-Content-Type-Options', 'nosniff')
      .header('Referrer-Policy', 'no-referrer')
      .send(page),
  );
  for (const path of [DOCUMENT_PATH, PAGE_PATH]) allowOnly(server, path, ['GET', 'HEAD']);
}
