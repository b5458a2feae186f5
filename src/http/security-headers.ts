import { IncomingMessage, ServerResponse, type OutgoingHttpHeaders } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import helmet from 'helmet';

/**
 * Tells browsers to do nothing with an answer but read it: it is no page, so it loads, runs and frames nothing. A page
 * of ours sets its own Content-Security-Policy over this one. No cache keeps an answer, since answers are private; what
 * is public sets its own Cache-Control. To be called before routes are added.
 */
export function addSecurityHeaders(server: FastifyInstance): void {
  const headers = { ...securityHeaders(), 'cache-control': 'no-store' };
  server.addHook('onRequest', (_request, reply, next) => {
    reply.headers(headers);
    next();
  });
}

/** What helmet sets, asked once: it would work out the same for every answer. */
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
