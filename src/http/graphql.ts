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
import type { BuildContext, RequestContext } from '../graphql/context';
import { exactLiterals } from '../graphql/exact-literals';
import type { ExecuteOperation } from '../graphql/execute';
import { untilSent } from './large-answers';
import {
  MAX_RECURSIVE_SELECTIONS,
  MAX_VALIDATION_ERRORS,
  PARSE_LIMITS,
  withinLimits,
} from '../graphql/limits';
import type { Logger } from '../observability/logger';
import { exactJson, exactNumbers } from '../rest/json-body';
import { allowOnly } from './allowed-methods';
import { addVary } from './vary';
import { WrittenAnswers } from './written-answers';

export interface GraphqlOptions {
  readonly schema: GraphQLSchema;
  readonly execute: ExecuteOperation;
  readonly buildContext: BuildContext;
  /** Whether what is wrong with a document may be said in names of the schema that it did not hold. */
  readonly suggestions: boolean;
  readonly log: Logger;
  /** Sets `request.principal`. */
  readonly identify: (request: FastifyRequest) => Promise<void>;
}

/** How many rows a page may have over GraphQL (docs/graphql-api.md#lists). */
const MAX_PAGE_SIZE = 100;
const PATH = '/graphql';
const CONFIG = { graphql: true };

/** Serves the schema at /graphql with Apollo Server, which parses and validates; our own function executes. */
export async function addGraphql(server: FastifyInstance, options: GraphqlOptions): Promise<void> {
  const { buildContext, identify } = options;
  const wellFormed = new WellFormedRequests();
  const apollo = new ApolloServer<RequestContext>(apolloOptions(options, wellFormed));
  await apollo.start();
  server.route({
    method: ['GET', 'POST'],
    url: PATH,
    config: CONFIG,
    exposeHeadRoute: false,
    onRequest: identify,
    handler: async (request, reply) => {
      const httpGraphQLRequest = httpRequestOf(request);
      const context = buildContext(request.principal, request.origin, MAX_PAGE_SIZE, null);
      const answer = await untilSent(reply.raw, context.budget, () =>
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

/** Error codes at most that are kept of an answer, for the log. */
const MAX_CODES = 10;

/**
 * Remembers which requests were well-formed: they held a document, whatever is wrong with it. What Apollo refuses
 * before that, it refuses as a request, not as a document. Remembers their answers' error codes as well.
 */
class WellFormedRequests {
  private readonly requests = new WeakSet<HTTPGraphQLRequest>();
  private readonly codes = new WeakMap<HTTPGraphQLRequest, readonly string[]>();

  readonly plugin: ApolloServerPlugin<RequestContext> = {
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

  /** The distinct error codes of a request's answer. */
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
 * The status of an answer. In the legacy media type, application/json, a 4xx could come from anything on the way, so
 * that clients may not read its body: there a well-formed request is a 200 whose errors say what is wrong with its
 * document (GraphQL over HTTP, application/json). In application/graphql-response+json it is the 400 that Apollo chose.
 */
function statusOf({ status = 200, headers }: HTTPGraphQLResponse, isWellFormed: boolean): number {
  // That persisted documents are not supported is no success either, though Apollo's own clients take it as one.
  if (!isWellFormed) return status === 200 ? 400 : status;
  const isLegacy = headers.get('content-type')?.startsWith('application/json') === true;
  return status === 400 && isLegacy ? 200 : status;
}

function apolloOptions(
  { schema, execute, suggestions, log }: GraphqlOptions,
  wellFormed: WellFormedRequests,
): ApolloServerOptions<RequestContext> {
  const written = new WrittenAnswers(log);
  return {
    // A gateway is Apollo's way to let somebody else execute: so REST and GraphQL share one function for it.
    gateway: {
      onSchemaLoadOrUpdate: (callback) => {
        callback({ apiSchema: schema, coreSupergraphSdl: printSchema(schema) });
        return () => undefined;
      },
      load: () =>
        Promise.resolve({
          executor: async ({ document, request: { operationName, variables }, context: given }) => {
            const context = given as RequestContext;
            const operation = { document, operationName: operationName ?? undefined, variables };
            return written.note(await execute(operation, context), context.origin.correlationId);
          },
        }),
      stop: () => Promise.resolve(),
    },
    // Who may ask for the schema depends on the caller: graphql/execute knows.
    introspection: true,
    parseOptions: PARSE_LIMITS,
    maxRecursiveSelections: MAX_RECURSIVE_SELECTIONS,
    // Apollo's own setting for suggestions takes them out of messages with a regular expression that is not linear.
    validationOptions: { maxErrors: MAX_VALIDATION_ERRORS, hideSuggestions: !suggestions },
    validationRules: [withinLimits, exactLiterals],
    formatError: (formatted, error) => written.format(formatted, error),
    stringifyResult: (result) => written.write(result),
    // An array of operations would be a bulk that no limit counts.
    allowBatchedHttpRequests: false,
    // Nothing registers documents here, and a cache of them could be filled by anybody.
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
      // It would wrap every field of every answer, for a hint that no answer carries.
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      wellFormed.plugin,
    ],
  };
}

/** The headers that Apollo reads: for the media types of both sides, and against CSRF. */
const READ_BY_APOLLO = ['accept', 'content-type', 'apollo-require-preflight', 'x-apollo-operation-name'];

/**
 * The request as Apollo reads it, independent of framework and of what the Host header holds.
 * @throws {RefusedError} INVALID_JSON for a query string whose JSON has a name twice
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
    // As in a body. What is no JSON, or given twice, Apollo refuses.
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
