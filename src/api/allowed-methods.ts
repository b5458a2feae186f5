import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import { RefusedError } from '../domain/refusal';

/**
 * Answers all other methods of a path with the methods that it allows: OPTIONS with 204, any other with 405.
 * @param config the configuration of the path, which decides the shape of its errors
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
      throw new RefusedError({ code: 'METHOD_NOT_ALLOWED', detail: `Allowed methods: ${allow}` });
    },
    handler: () => undefined,
  });
  server.options(path, (_request, reply) => reply.code(204).header('Allow', allow).send());
}
