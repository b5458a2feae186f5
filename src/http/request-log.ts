import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../observability/logger';
import type { Metrics } from '../observability/metrics';

/** The methods that have metrics of their own. Clients can make up others. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];
/** The label of all unknown paths, since clients can make up any number of them. */
const UNMATCHED = 'unmatched';
/** The status of a request whose client hung up before the response was sent, as in nginx. */
const CLIENT_CLOSED_REQUEST = 499;
const MAX_NAME = 100;

/**
 * Counts each request by route template and status, measures its duration, and logs it in one line.
 * Call before other hooks and routes are added.
 * @param log null to log no requests
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
    // Fastify's onResponse hook does not run if the client hangs up before there is a response.
    reply.raw.once('close', () => {
      watch(request, reply, (performance.now() - startedAt) / 1_000);
    });
    done();
  });
}

/** Returns the other fields of a request's line. Of body and credential, they show only the operation name and ids. */
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
