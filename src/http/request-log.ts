import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../observability/logger';
import type { Metrics } from '../observability/metrics';

/** The methods that requests are counted by; a client can make up others. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];
/** What stands for a path that is none of ours: paths are made up without end. */
const UNMATCHED = 'unmatched';
/** The status of a request whose client hung up before its answer was sent, as nginx has it. */
const CLIENT_CLOSED_REQUEST = 499;
const MAX_NAME = 100;

/**
 * Counts each request by its route's template and its status, with how long it took, and logs it in one line.
 * Call before routes are added.
 * @param log null for no lines
 */
export function watchRequests(server: FastifyInstance, metrics: Metrics, log: Logger | null): void {
  const watch = (request: FastifyRequest, reply: FastifyReply, seconds: number): void => {
    const method = METHODS.includes(request.method) ? request.method : 'other';
    const route = request.is404 ? UNMATCHED : (request.routeOptions.url ?? UNMATCHED);
    const status = reply.raw.writableFinished ? reply.statusCode : CLIENT_CLOSED_REQUEST;
    metrics.observeRequest({ method, route, status }, seconds);
    const durationMs = Math.round(seconds * 10_000) / 10;
    log?.info({ method, route, status, durationMs, ...lineOf(request) }, 'request');
  };
  server.addHook('onRequest', (request, reply, done) => {
    const startedAt = performance.now();
    // Fastify's own onResponse is not called where the client hangs up before there is a response.
    reply.raw.once('close', () => {
      watch(request, reply, (performance.now() - startedAt) / 1_000);
    });
    done();
  });
}

/** What else a line says of a request; nothing of its body, its query or its credential. */
function lineOf(request: FastifyRequest): Record<string, unknown> {
  const { principal, origin, address, refusalCodes, params, body } = request;
  const { action_id: actionId } = (params ?? {}) as { action_id?: string };
  const { operationName } = (body ?? {}) as { operationName?: unknown };
  return {
    correlationId: origin.correlationId,
    ...(origin.clientCorrelationId !== null && { clientCorrelationId: origin.clientCorrelationId }),
    ip: address,
    ...(principal?.kind === 'user' && { userId: principal.user.id }),
    ...(principal?.kind === 'api_key' && { apiKeyId: principal.apiKeyId }),
    ...(principal !== null && { organizationId: principal.organizationId }),
    ...(actionId !== undefined && /^\d{1,16}$/.test(actionId) && { actionId: Number(actionId) }),
    ...(typeof operationName === 'string' && { operationName: operationName.slice(0, MAX_NAME) }),
    ...(refusalCodes !== null && refusalCodes.length > 0 && { codes: refusalCodes }),
  };
}
