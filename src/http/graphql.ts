import { Readable } from 'node:stream';
import {
  ApolloServer,
  HeaderMap,
  type ApolloServerOptions,
  type ApolloServerPlugin,
  type HTTPGraphQLRequest,
  type HTTPGraphQLResponse,
} from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { printSchema, type GraphQLFormattedError, type GraphQLSchema } from 'graphql';
import { exactLiterals } from '../graphql/exact-literals';
import {
  MAX_RECURSIVE_SELECTIONS,
  MAX_VALIDATION_ERRORS,
  PARSE_LIMITS,
  withinLimits,
} from '../graphql/limits';
import type { Logger } from '../observability/logger';
import type { ExecuteOperation, NewAnswerBudget, OperationRequest } from '../api/operation';
import { addVary, untilSent } from '../api/replies';
import { exactJson, exactNumbers } from '../api/json-body';
import { allowOnly } from '../api/allowed-methods';
import { WrittenAnswers } from './written-answers';

export interface GraphqlOptions {
  readonly schema: GraphQLSchema;
  readonly execute: ExecuteOperation;
  readonly newAnswerBudget: NewAnswerBudget;
  /** Whether error messages may suggest names from the schema. */
  readonly suggestions: boolean;
  readonly log: Logger;
  /** Sets `request.principal`. */
  readonly identify: (request: FastifyRequest) => Promise<void>;
}

/** The largest page over GraphQL, in rows (docs/graphql-api.md#lists). */
const MAX_PAGE_SIZE = 100;
const PATH = '/graphql';
const CONFIG = { graphql: true };

/** Serves the schema at /graphql. Apollo Server parses and validates; the execution is our own (graphql/execute). */
export async function addGraphql(server: FastifyInstance, options: GraphqlOptions): Promise<void> {
  const { newAnswerBudget, identify } = options;
  const wellFormed = new WellFormedRequests();
  const apollo = new ApolloServer<OperationRequest>(apolloOptions(options, wellFormed));
  await apollo.start();
  server.route({
    method: ['GET', 'POST'],
    url: PATH,
    config: CONFIG,
    exposeHeadRoute: false,
    onRequest: identify,
    handler: async (request, reply) => {
      const httpGraphQLRequest = httpRequestOf(request);
      const { principal, origin } = request;
      const budget = newAnswerBudget(principal?.organizationId ?? null);
      const context = { principal, origin, maxPageSize: MAX_PAGE_SIZE, requirement: null, budget };
      const answer = await untilSent(reply.raw, budget, () =>
        apollo.executeHTTPGraphQLRequest({ httpGraphQLRequest, context: () => Promise.resolve(context) }),
      );
      for (const [name, value] of answer.headers) reply.header(name, value);
      void addVary(reply, 'Accept');
      const { body } = answer;
      request.refusalCodes = wellFormed.codesOf(httpGraphQLRequest);
      return reply
        .code(statusOf(answer, wellFormed.has(httpGraphQLRequest)))
        .send(body.kind === 'complete' ? body.string : Readable.from(body.asyncIterator));
    },
  });
  allowOnly(server, PATH, ['GET', 'POST'], CONFIG);
  server.addHook('onClose', () => apollo.stop());
}

/** The most error codes of a response that are kept for the log. */
const MAX_CODES = 10;

/**
 * Remembers which requests were well-formed, that is, contained a document, valid or not. Anything that Apollo refuses
 * earlier is a malformed request. It also remembers the error codes of the responses.
 */
class WellFormedRequests {
  private readonly requests = new WeakSet<HTTPGraphQLRequest>();
  private readonly codes = new WeakMap<HTTPGraphQLRequest, readonly string[]>();

  readonly plugin: ApolloServerPlugin<OperationRequest> = {
    requestDidStart: ({ request: { http } }) =>
      Promise.resolve({
        didResolveSource: () => {
          if (http !== undefined) this.requests.add(http);
          return Promise.resolve();
        },
        willSendResponse: ({ request: { http }, response: { body } }) => {
          if (http !== undefined && body.kind === 'single') this.codes.set(http, codesIn(body.singleResult));
          return Promise.resolve();
        },
      }),
  };

  /** Returns the distinct error codes of a request's response. */
  codesOf(request: HTTPGraphQLRequest): readonly string[] {
    return this.codes.get(request) ?? [];
  }

  has(request: HTTPGraphQLRequest): boolean {
    return this.requests.has(request);
  }
}

function codesIn({ errors = [] }: { readonly errors?: readonly GraphQLFormattedError[] }): readonly string[] {
  const codes = new Set(errors.map(({ extensions }) => extensions?.['code']));
  return [...codes].filter((code) => typeof code === 'string').slice(0, MAX_CODES);
}

/**
 * Returns the HTTP status of a response. With the legacy media type application/json, clients may ignore the body of a
 * 4xx, which any intermediary could have sent. So a well-formed request with an invalid document gets a 200 with errors
 * (GraphQL over HTTP, application/json). With application/graphql-response+json it gets Apollo's 400.
 */
function statusOf({ status = 200, headers }: HTTPGraphQLResponse, isWellFormed: boolean): number {
  // Apollo answers 200 to requests for persisted documents, which are not supported. That is no success either.
  if (!isWellFormed) return status === 200 ? 400 : status;
  const isLegacy = headers.get('content-type')?.startsWith('application/json') === true;
  return status === 400 && isLegacy ? 200 : status;
}

function apolloOptions(
  { schema, execute, suggestions, log }: GraphqlOptions,
  wellFormed: WellFormedRequests,
): ApolloServerOptions<OperationRequest> {
  const written = new WrittenAnswers(log);
  return {
    // Apollo's gateway option replaces its execution, so that REST and GraphQL share one function.
    gateway: {
      onSchemaLoadOrUpdate: (callback) => {
        callback({ apiSchema: schema, coreSupergraphSdl: printSchema(schema) });
        return () => undefined;
      },
      load: () =>
        Promise.resolve({
          executor: async ({ document, request: { operationName, variables }, context: given }) => {
            const context = given as OperationRequest;
            const operation = { document, operationName: operationName ?? undefined, variables };
            return written.note(await execute(operation, context), context.origin.correlationId);
          },
        }),
      stop: () => Promise.resolve(),
    },
    // Whether introspection is allowed depends on the caller, which graphql/execute checks.
    introspection: true,
    parseOptions: PARSE_LIMITS,
    maxRecursiveSelections: MAX_RECURSIVE_SELECTIONS,
    // Not Apollo's setting, which removes suggestions from messages with a regular expression that is not linear.
    validationOptions: { maxErrors: MAX_VALIDATION_ERRORS, hideSuggestions: !suggestions },
    validationRules: [withinLimits, exactLiterals],
    formatError: (formatted, error) => written.format(formatted, error),
    stringifyResult: (result) => written.write(result),
    // The limits apply per operation, so a batch would bypass them.
    allowBatchedHttpRequests: false,
    // Nothing registers documents here, and anybody could fill a cache of them.
    persistedQueries: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: (m) => {
        log.warn(m);
      },
      error: (m) => {
        log.error(m);
      },
    },
    plugins: [
      // Cache control would wrap every field of every response for a header that is never sent.
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      wellFormed.plugin,
    ],
  };
}

/** The headers that Apollo reads, for content negotiation and against CSRF. */
const READ_BY_APOLLO = ['accept', 'content-type', 'apollo-require-preflight', 'x-apollo-operation-name'];

/**
 * Converts a request for Apollo, without the Host header.
 * @throws {RefusedError} INVALID_JSON for JSON with a duplicate name in the query string
 */
function httpRequestOf(request: FastifyRequest): HTTPGraphQLRequest {
  const headers = new HeaderMap();
  for (const name of READ_BY_APOLLO) {
    const value = request.headers[name];
    if (typeof value === 'string') headers.set(name, value);
  }
  const { method, body, url } = request;
  const start = url.indexOf('?');
  const search = new URLSearchParams(start === -1 ? '' : url.slice(start + 1));
  for (const name of ['variables', 'extensions']) {
    const [json, ...more] = search.getAll(name);
    // The same rules as in a body. Apollo refuses invalid JSON and repeated parameters.
    if (json !== undefined && more.length === 0 && isJson(json))
      search.set(name, exactJson(json, exactNumbers));
  }
  return { method, headers, body, search: start === -1 ? '' : `?${search.toString()}` };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
