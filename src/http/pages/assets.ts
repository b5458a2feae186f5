import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { acceptsGzip } from '../../api/accepts-gzip';
import { allowOnly } from '../../api/allowed-methods';
import { addVary } from '../../api/replies';

/** A file that a page loads. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  /** A hash of the body. It is weak, since the compressed body has the same one. */
  readonly etag: string;
  /** Returns the compressed body, which is created on first use. */
  gzipped(): Promise<Buffer>;
}

export const SCRIPT = 'text/javascript; charset=utf-8';
export const STYLE = 'text/css; charset=utf-8';
export const ICON = 'image/svg+xml';

/** Returns the path of a file in an installed package, even if the package does not export it. */
export function inPackage(name: string, path: string): string {
  return join(dirname(require.resolve(`${name}/package.json`)), path);
}

/** Reads a file to serve. @param path absolute */
export function asset(type: string, path: string): Asset {
  const body = readFileSync(path);
  let gzipped: Promise<Buffer> | undefined;
  return {
    type,
    body,
    etag: `W/"${createHash('sha256').update(body).digest('base64url')}"`,
    gzipped: () => (gzipped ??= promisify(gzip)(body)),
  };
}

/** Serves a page's files by name below its path. Only these files are served, so path traversal is impossible. */
export function addAssets(server: FastifyInstance, path: string, assets: ReadonlyMap<string, Asset>): void {
  for (const [name, file] of assets) {
    server.get(`${path}/${name}`, (request, reply) => sendAsset(request, reply, file));
    allowOnly(server, `${path}/${name}`, ['GET', 'HEAD']);
  }
}

/** Sets the headers that all responses of a page have. */
export function secured(reply: FastifyReply): FastifyReply {
  return reply
    .header('X-Content-Type-Options', 'nosniff')
    .header('Referrer-Policy', 'no-referrer')
    .header('Cross-Origin-Opener-Policy', 'same-origin')
    .header('Cross-Origin-Resource-Policy', 'same-origin');
}

/** Sends a file. Browsers cache it but revalidate it each time, so that they load the new version after an upgrade. */
async function sendAsset(request: FastifyRequest, reply: FastifyReply, file: Asset): Promise<FastifyReply> {
  secured(reply).type(file.type).header('ETag', file.etag).header('Cache-Control', 'no-cache');
  void addVary(reply, 'Accept-Encoding');
  if (request.headers['if-none-match']?.includes(file.etag) === true) return reply.code(304).send();
  if (!acceptsGzip(request)) return reply.send(file.body);
  return reply.header('Content-Encoding', 'gzip').send(await file.gzipped());
}
