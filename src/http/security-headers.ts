import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

/**
 * Tells browsers to do nothing with an answer but read it: it is no page, so it loads, runs and frames nothing. A page
 * of ours sets its own Content-Security-Policy over this one. To be called before routes are added.
 */
export async function addSecurityHeaders(server: FastifyInstance): Promise<void> {
  await server.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    xFrameOptions: { action: 'deny' },
  });
}
