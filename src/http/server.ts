import { METHODS } from 'node:http';
import cors from '@fastify/cors';
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { RequestOrigin } from '../domain/audit-entry';
import { clientCorrelationId, newCorrelationId } from '../domain/correlation';
import type { Principal } from '../domain/principal';
import { RefusedError, type ErrorCode, type Refusal } from '../domain/refusal';
import { extensionsOf, logUnexpected, refusalBehind } from '../graphql/errors';
import type { Logger } from '../observability/logger';
import type { Metrics } from '../observability/metrics';
import { errorBody } from '../rest/error-body';
import { exactNumbers, idsOnly, parseJsonBody } from '../rest/json-body';
import type { Authenticate } from './authenticate';
import { makeFindClientAddress } from './client-address';
import { answerNodesOwn, makeClientErrorHandler } from './client-errors';
import { CredentialRefusedError } from './credential-fault';
import { shedLoad, type LoadBounds } from './load-shedding';
import type { RateLimits } from './rate-limit';
import { guardHeaders, JSON_TYPE } from './request-headers';
import { watchRequests } from './request-log';
import { addSecurityHeaders } from './security-headers';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by `identify`. Null without a credential. */
    principal: Principal | null;
    /** Created on first use, after the body arrived: within 2 s of the decision (docs/rest-api.md#correlation-ids). */
    readonly origin: RequestOrigin;
    /** The client's address, read when the request arrived. Null if the client was gone by then. */
    address: string | null;
    /** The error codes of the response, for the log. Null or empty if it has none. */
    refusalCodes: readonly string[] | null;
  }
  interface FastifyContextConfig {
    /** Whether errors of this path are sent under `errors`, as GraphQL clients expect. */
    graphql?: boolean;
    /** Whether this path is a probe, which load shedding and rate limits exempt. */
    probe?: boolean;
    /** Whether bodies of this path contain numbers other than ids. */
    hasNumbers?: boolean;
  }
}

export interface ServerOptions {
  readonly log: Logger;
  /** Null to log no requests. */
  readonly requestLog: Logger | null;
  readonly metrics: Metrics;
  readonly clock: () => Date;
  readonly corsOrigins: readonly string[];
  /** Addresses or networks of proxies whose X-Forwarded-For is trusted. If empty, the peer's address is used. */
  readonly trustProxy: readonly string[];
  readonly load: LoadBounds;
  /** How long a request may take to arrive, in milliseconds. Its headers may take at most ten seconds. */
  readonly requestTimeout: number;
}

/** The largest body, in bytes. A bulk of 500 ids with a reason needs a tenth of it. */
const BODY_LIMIT = 256 * 1024;
/** How long headers may take to arrive, and how often this is checked, in milliseconds. */
const HEADERS_TIMEOUT = 10_000;
const TIMEOUT_CHECK_INTERVAL = 5_000;
/** How long a connection may be idle during a request, in milliseconds: longer than any statement may take. */
const CONNECTION_TIMEOUT = 120_000;
/** The largest headers, in bytes. A credential that is too long fits, so that it is refused as a credential. */
const MAX_HEADER_SIZE = 128 * 1024;
/** The longest path parameter. An id that is too long fits, so that it is refused as an id and not as a path. */
const MAX_PARAM_LENGTH = MAX_HEADER_SIZE;
/** How many characters of a User-Agent are kept, since the audit log is never deleted. */
const MAX_USER_AGENT_LENGTH = 512;

/** Creates the HTTP server without routes, with what both APIs share: bodies, errors, correlation ids and CORS. */
export async function makeServer(options: ServerOptions): Promise<FastifyInstance> {
  const { log, requestLog, metrics, clock, corsOrigins, trustProxy, load, requestTimeout } = options;
  const headersTimeout = Math.min(HEADERS_TIMEOUT, requestTimeout);
  const baseLog: FastifyBaseLogger = log;
  const server: FastifyInstance = Fastify({
    loggerInstance: baseLog,
    forceCloseConnections: 'idle',
    logController: new LogController({ disableRequestLogging: true }),
    // Fastify logs no requests, so they need no loggers of their own.
    childLoggerFactory: (logger) => logger,
    bodyLimit: BODY_LIMIT,
    http: {
      maxHeaderSize: MAX_HEADER_SIZE,
      // `guardHeaders` refuses requests without Host, with an error body.
      requireHostHeader: false,
      headersTimeout,
      connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_INTERVAL, headersTimeout),
    },
    requestTimeout,
    connectionTimeout: CONNECTION_TIMEOUT,
    clientErrorHandler: makeClientErrorHandler(clock),
    // `guardHeaders` has already replaced X-Forwarded-For by the client's address.
    trustProxy: trustProxy.length > 0 && ((_address, hop) => hop === 0),
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAM_LENGTH },
    rewriteUrl: (request) => withoutBrokenEscapes(request.url ?? '/'),
  });
  // Fastify supports only some of Node's methods. With all of them, paths can answer the others with 405.
  for (const method of METHODS)
    if (method !== 'CONNECT' && !server.supportedMethods.includes(method)) server.addHttpMethod(method);
  answerNodesOwn(server.server, clock);
  server.decorateRequest('principal', null);
  server.decorateRequest('address', null);
  server.decorateRequest('refusalCodes', null);
  server.decorateRequest('origin', { getter: originGetter(clock) });
  // First, since a hook that refuses a request keeps later ones from seeing it.
  watchRequests(server, metrics, requestLog);
  guardHeaders(server, trustProxy.length > 0 ? makeFindClientAddress(trustProxy) : null);
  server.addHook('onRequest', (request, reply, next) => {
    request.address = addressOf(request);
    const echoed = clientCorrelationId(headerOf(request, 'x-correlation-id'));
    if (echoed !== null) reply.header('X-Correlation-ID', echoed);
    next();
  });
  addSecurityHeaders(server);
  if (corsOrigins.length > 0) await allowOrigins(server, corsOrigins);
  await shedLoad(server, load);
  readBodies(server);
  server.setErrorHandler((error, request, reply) =>
    refuse(reply, request, refusalFor(error, request, log), clock()),
  );
  server.setNotFoundHandler((request, reply) =>
    refuse(reply, request, { code: 'NOT_FOUND', detail: 'There is nothing at this path' }, clock()),
  );
  return server;
}

/** Returns the address of the peer, or the one from a trusted proxy. Null if the client has hung up. */
function addressOf(request: FastifyRequest): string | null {
  // Without a remote address, reading the proxy's header throws.
  return request.raw.socket.remoteAddress === undefined ? null : request.ip;
}

/**
 * Creates the hook that sets `request.principal` and counts the request for the principal. The hook throws RefusedError
 * for an invalid credential, and RATE_LIMIT_EXCEEDED.
 * @param onRefused called with each refused credential
 */
export function identify(
  authenticate: Authenticate,
  limits: RateLimits,
  onRefused: (error: CredentialRefusedError, request: FastifyRequest) => void,
): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    try {
      request.principal = await authenticate(request.raw);
    } catch (error) {
      if (error instanceof CredentialRefusedError) {
        if (error.fault !== 'keys_unavailable') limits.refused(request);
        onRefused(error, request);
      }
      throw error;
    }
    if (request.principal !== null) await limits.count(request);
  };
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
const UNSUPPORTED_MEDIA_TYPE: Refusal = {
  code: 'UNSUPPORTED_MEDIA_TYPE',
  detail: 'The request body has to be application/json',
};

/** Accepts JSON bodies or none. A body without a content type is read as JSON (docs/rest-api.md#request-bodies). */
function readBodies(server: FastifyInstance): void {
  const read = (request: FastifyRequest, body: Buffer): unknown => {
    if (body.length === 0) return undefined;
    const { graphql, hasNumbers } = request.routeOptions.config;
    return parseJsonBody(body, graphql === true || hasNumbers === true ? exactNumbers : idsOnly);
  };
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    JSON_TYPE,
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => Promise.resolve(read(request, body)),
  );
  server.addContentTypeParser('*', { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) => {
    const isTyped = request.headers['content-type'] !== undefined && body.length > 0;
    return isTyped
      ? Promise.reject(new RefusedError(UNSUPPORTED_MEDIA_TYPE))
      : Promise.resolve(read(request, body));
  });
}

/** Enables CORS for these origins only. Preflights are answered before authentication (docs/rest-api.md#browsers). */
async function allowOrigins(server: FastifyInstance, origins: readonly string[]): Promise<void> {
  await server.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST'],
    allowedHeaders: [
      'Authorization',
      'Content-Type',
      'X-API-Key',
      'Idempotency-Key',
      'X-Correlation-ID',
      // Trace contexts (W3C) and the headers of Apollo clients.
      'traceparent',
      'tracestate',
      'baggage',
      'Apollo-Require-Preflight',
      'X-Apollo-Operation-Name',
      'X-Apollo-Operation-Id',
      'apollographql-client-name',
      'apollographql-client-version',
    ],
    exposedHeaders: [
      'X-Correlation-ID',
      'Retry-After',
      ...['Limit', 'Remaining', 'Reset', 'Reset-After'].map((name) => `X-RateLimit-${name}`),
    ],
    strictPreflight: false,
    maxAge: 600,
  });
}

function originGetter(clock: () => Date): (this: FastifyRequest) => RequestOrigin {
  const origins = new WeakMap<FastifyRequest, RequestOrigin>();
  return function (this: FastifyRequest) {
    const known = origins.get(this);
    if (known !== undefined) return known;
    const origin: RequestOrigin = {
      correlationId: newCorrelationId(clock()),
      clientCorrelationId: clientCorrelationId(headerOf(this, 'x-correlation-id')),
      ipAddress: this.address,
      userAgent: headerOf(this, 'user-agent')?.slice(0, MAX_USER_AGENT_LENGTH) ?? null,
    };
    origins.set(this, origin);
    return origin;
  };
}

/** Escapes the `%` of a path that cannot be decoded, so that it is refused as an invalid id or an unknown path. */
function withoutBrokenEscapes(url: string): string {
  const [path = '', ...query] = url.split('?');
  try {
    decodeURIComponent(path);
    return url;
  } catch {
    return [path.replaceAll('%', '%25'), ...query].join('?');
  }
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const header = request.headers[name];
  return typeof header === 'string' ? header : header?.[0];
}
