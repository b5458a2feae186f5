import { IncomingMessage, ServerResponse, type OutgoingHttpHeaders } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import helmet from 'helmet';

/**
 * Sets headers that forbid browsers to load, run or frame anything in a response, since it is not a page. The gateway's
 * own pages override the Content-Security-Policy. Responses are private, so caches must not store them; public ones
 * override the Cache-Control. Call before routes are added.
 */
export function addSecurityHeaders(server: FastifyInstance): void {
  const headers = { ...securityHeaders(), 'cache-control': 'no-store' };
  server.addHook('onRequest', (_request, reply, next) => {
    reply.headers(headers);
    next();
  });
}

/** Returns the headers that helmet sets. They are the same for every response, so helmet runs only once. */
function securityHeaders(): OutgoingHttpHeaders {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  const set = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    xFrameOptions: { action: 'deny' },
  });
  set(request, response, (error) => {
    if (error instanceof Error) throw error;
  });
  return response.getHeaders();
}

/**
 * After the signal, makes each response close its connection, so that clients connect elsewhere. Requests are still
 * answered until the server is closed, also on open connections: none is reset or refused.
 * Call before routes are added.
 */
export function leaveConnections(server: FastifyInstance, stopping: AbortSignal): void {
  let isClosing = false;
  server.addHook('preClose', (done) => {
    isClosing = true;
    done();
  });
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (isClosing || stopping.aborted) reply.header('Connection', 'close');
    done(null, payload);
  });
}
