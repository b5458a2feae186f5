import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import { RefusedError } from '../domain/refusal';

/**
 * Answers a known path that was asked with another method: what it allows, as 204 for OPTIONS and else as 405.
 * `config` is the path's own: what form its errors have.
 */
export function allowOnly(
  server: FastifyInstance,
  path: string,
  allowed: readonly string[],
  config: FastifyContextConfig = {},
): void {
  const allow = [...allowed, 'OPTIONS'].join(', ');
  server.route({
    method: server.supportedMethods.filter((method) => ![...allowed, 'OPTIONS'].includes(method)),
    url: path,
    config,
    onRequest: (_request, reply) => {
      reply.header('Allow', allow);
      throw new RefusedError({ code: 'METHOD_NOT_ALLOWED', detail: `Allowed here: ${allow}` });
    },
    handler: () => undefined,
  });
  server.options(path, (_request, reply) => reply.code(204).header('Allow', allow).send());
}
