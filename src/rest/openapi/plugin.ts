import type { FastifyInstance } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import type { RequirementOf } from '../../api/caller-checks';
import { allowOnly } from '../../api/allowed-methods';
import { describeRest } from './document';

const PATH = '/openapi.json';

/** Serves the description of the REST paths, built once at start. The page at /docs displays it. */
export function addOpenApi(
  server: FastifyInstance,
  schema: GraphQLSchema,
  requirementOf: RequirementOf,
): void {
  const text = JSON.stringify(describeRest(schema, requirementOf));
  server.get(PATH, (_request, reply) =>
    reply
      .type('application/json; charset=utf-8')
      .header('Cache-Control', 'no-cache')
      .header('X-Content-Type-Options', 'nosniff')
      .send(text),
  );
  allowOnly(server, PATH, ['GET', 'HEAD']);
}
