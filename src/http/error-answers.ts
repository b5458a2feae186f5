import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errorBody } from '../api/error-body';
import { logUnexpected, refusalBehind } from '../api/error-refusals';
import type { ErrorCode, Refusal } from '../domain/refusal';
import { extensionsOf } from '../graphql/errors';
import type { Logger } from '../observability/logger';

/** The largest body, in bytes. A bulk of 500 ids with a reason needs a tenth of it. */
export const BODY_LIMIT = 256 * 1024;

/** Answers every error of a request, and every unknown path, in the error format of the API that was called. */
export function answerErrors(server: FastifyInstance, log: Logger, clock: () => Date): void {
  server.setErrorHandler((error, request, reply) =>
    refuse(reply, request, refusalFor(error, request, log), clock()),
  );
  server.setNotFoundHandler((request, reply) =>
    refuse(reply, request, { code: 'NOT_FOUND', detail: 'There is nothing at this path' }, clock()),
  );
}

/** Sends a refusal in the error format of the API that was called. */
function refuse(reply: FastifyReply, request: FastifyRequest, refusal: Refusal, now: Date): FastifyReply {
  const { correlationId } = request.origin;
  request.refusalCodes = [refusal.code];
  const body = errorBody(refusal, correlationId, now);
  if (body.status === 401) reply.header('WWW-Authenticate', challenge(refusal.code));
  if (body.status === 503) reply.header('Retry-After', '1');
  if (body.status === 429) reply.header('Retry-After', '10');
  const isGraphql = request.routeOptions.config.graphql === true;
  const graphqlError = { ...body, message: refusal.detail, extensions: extensionsOf(refusal, correlationId) };
  return reply.code(body.status).send(isGraphql ? { errors: [graphqlError] } : body);
}

function challenge(code: ErrorCode): string {
  return code === 'MISSING_AUTH'
    ? 'Bearer realm="countersign"'
    : 'Bearer realm="countersign", error="invalid_token"';
}

/** Converts an error to a refusal: one of Fastify's own errors, a refusal, or a masked unexpected error. */
function refusalFor(error: unknown, request: FastifyRequest, log: Logger): Refusal {
  const { code, statusCode } = error as { code?: string; statusCode?: number };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return {
      code: 'PAYLOAD_TOO_LARGE',
      detail: `The request body is larger than ${String(BODY_LIMIT)} bytes`,
    };
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return UNSUPPORTED_MEDIA_TYPE;
  if (
    code?.startsWith('FST_ERR_CTP_') === true ||
    (statusCode === 400 && code?.startsWith('FST_ERR_') === true)
  )
    return { code: 'INVALID_JSON', detail: 'The request body cannot be read' };
  if (request.raw.destroyed && !request.raw.complete) {
    // The client is gone and gets no response.
    log.debug({ correlationId: request.origin.correlationId }, 'request body incomplete');
    return BROKEN_OFF;
  }
  const refusal = refusalBehind(error);
  logUnexpected(error, refusal, request.origin.correlationId, log);
  return refusal;
}

const BROKEN_OFF: Refusal = { code: 'MALFORMED_REQUEST', detail: 'The request body is incomplete' };
/** The refusal of a body that is not JSON. */
export const UNSUPPORTED_MEDIA_TYPE: Refusal = {
  code: 'UNSUPPORTED_MEDIA_TYPE',
  detail: 'The request body has to be application/json',
};
