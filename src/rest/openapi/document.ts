import type { GraphQLSchema } from 'graphql';
import { API_KEY_SCOPES, ROLES } from '../../domain/principal';
import type { RequirementOf } from '../../api/caller-checks';
import { IDEMPOTENCY_KEY_PATTERN } from '../../domain/idempotency';
import { VERSION } from '../../version';
import { readOperations, rootFieldOf } from '../operations';
import { ROUTES, type Route } from '../routes';
import type { Described, DescribedResponse } from './described';
import { ACTION_ID_EXAMPLE, examplesOf } from './examples';
import { components, responsesOf } from './responses';
import { ID, ref, type Schema } from './json-schema';
import { OTHER_PATHS } from './other-paths';
import { asks, refusalsOf } from './refusals';
import { requestPartsOf } from './requests';

/** A parameter of an operation. */
export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: true;
  readonly description?: string;
  readonly schema: Schema;
  readonly example?: unknown;
}

/** The schema of a body, with an optional example. */
interface MediaType {
  readonly schema: Schema;
  readonly example?: unknown;
}

/** A response, of a success or an error. */
export interface ResponseObject {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: Schema }>>;
  readonly content: Readonly<Record<string, MediaType>>;
}

/** One method of one path (OpenAPI 3.1, "Operation Object"). */
export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Readonly<Record<string, MediaType>>;
  };
  readonly responses: Readonly<Record<string, ResponseObject>>;
}

/** The document at /openapi.json. */
export interface OpenApiDocument {
  readonly openapi: '3.1.1';
  readonly info: Readonly<Record<string, unknown>>;
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<'schemas' | 'securitySchemes', Readonly<Record<string, unknown>>>>;
}

/**
 * Builds the description of every REST path from the routes table, the GraphQL schema and the table of error codes.
 * @throws {Error} if a route has no description
 */
export function describeRest(schema: GraphQLSchema, requirementOf: RequirementOf): OpenApiDocument {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const described of [...describedRoutes(schema, requirementOf), ...OTHER_PATHS]) {
    const path = described.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [described.method.toLowerCase()]: operationOf(described) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Countersign',
      version: VERSION,
      summary: 'Human approval of agent actions.',
      description:
        'The REST API. Each path executes an operation against the same schema as /graphql. A trailing slash, unknown ' +
        'query parameters and unknown fields are ignored. An empty query parameter counts as absent. Every path that ' +
        'answers GET also answers HEAD, and every path answers OPTIONS with the methods that it allows.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: TAGS,
    paths,
    components: { schemas: components(schema), securitySchemes: SECURITY_SCHEMES },
  };
}

const TAGS = [
  { name: 'Actions', description: 'Submitting, reading and deciding actions.' },
  { name: 'Audit log', description: 'Reading, exporting and verifying the audit log.' },
  { name: "The vendor's SDK", description: 'Further paths that ascend-ai-sdk 2.3.0 to 2.5.1 calls.' },
  { name: 'Operations', description: 'Health, readiness and metrics.' },
];

const SECURITY_SCHEMES = {
  jwt: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'Authenticates a user. Decisions require a JWT.',
  },
  apiKey: {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description: `Authenticates a program. It may also be sent as \`Authorization: Bearer\`. Scopes: ${API_KEY_SCOPES.join(', ')}.`,
  },
};

function describedRoutes(schema: GraphQLSchema, requirementOf: RequirementOf): readonly Described[] {
  const documents = readOperations(schema);
  const told = new Set<string>();
  return ROUTES.map((route) => {
    const { operation, path, method } = route;
    const document = documents.get(operation);
    if (document === undefined) throw new Error(`operations.graphql has no ${operation}`);
    const field = rootFieldOf(document);
    const requirement = { ...requirementOf(field), ...route.asks };
    const isAlias = told.has(operation);
    told.add(operation);
    return {
      method,
      path,
      operationId: inCamelCase(operation) + (isAlias ? 'Alias' : ''),
      tag: tagOf(route),
      description: descriptionOf(schema, field),
      requirement,
      decides: requirement.verdict === null ? null : path.includes(':action_id') ? 'one' : 'many',
      request: requestPartsOf(route.read),
      responses: responsesOf(operation),
    };
  });
}

function tagOf({ path }: Route): string {
  if (path.startsWith('/api/v1/')) return 'Actions';
  return path.startsWith('/api/admin/') ? 'Audit log' : "The vendor's SDK";
}

function inCamelCase(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

function descriptionOf(schema: GraphQLSchema, field: string): string {
  const root = [schema.getQueryType(), schema.getMutationType()].find((type) => type?.getFields()[field]);
  const said = root?.getFields()[field]?.description;
  return [...(said == null ? [] : [said]), `Equivalent to \`${field}\` in GraphQL.`].join(' ');
}

function operationOf(described: Described): Operation {
  const { operationId, tag, description, request } = described;
  const { body: example, answers = {} } = examplesOf(operationId);
  return {
    operationId,
    summary: summaryOf(operationId),
    description: [description, whoMay(described)].join(' '),
    tags: [tag],
    security: securityOf(described),
    parameters: parametersOf(described),
    ...(request.body !== undefined && {
      requestBody: {
        required: request.body.required !== undefined,
        content: { 'application/json': { schema: request.body, ...(example !== undefined && { example }) } },
      },
    }),
    responses: { ...answersOf(described.responses, answers), ...errorsOf(described) },
  };
}

/** Converts `bulkApproveActions` to `Bulk approve actions`. */
function summaryOf(operationId: string): string {
  const words = operationId
    .replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(' alias', '');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function whoMay({ requirement }: Described): string {
  const asked = asks(requirement);
  if (asked === null) return 'Requires no credential.';
  const everyone = asked.roles.length === ROLES.length;
  const people = everyone ? 'users of any role' : `users with the role ${asked.roles.join(', ')}`;
  const keys = asked.scope === null ? 'API keys' : `API keys with the scope \`${asked.scope}\``;
  return `Allowed for ${people}${asked.credential === 'any' ? `, and ${keys}` : ''}.`;
}

function securityOf({ requirement }: Described): Operation['security'] {
  if (requirement === null) return [];
  const all = [{ jwt: [] }, { apiKey: [] }];
  if (requirement === 'optional') return [{}, ...all];
  return requirement.credential === 'any' ? all : [{ jwt: [] }];
}

const CORRELATION: Parameter = {
  name: 'X-Correlation-ID',
  in: 'header',
  description:
    'Returned in the response, and stored in the audit log as `client_correlation_id`. Ignored if it does not match the pattern.',
  schema: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,128}$' },
};

const IDEMPOTENCY_KEY: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'A key of your choice for this request. A repeated request with the same key within 24 hours has no further effect and gets the same answer.',
  schema: { type: 'string', pattern: IDEMPOTENCY_KEY_PATTERN },
};

function parametersOf({ path, request }: Described): readonly Parameter[] {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name = '']): Parameter => ({
    name,
    in: 'path',
    required: true,
    schema: ID,
    example: ACTION_ID_EXAMPLE,
  }));
  const inQuery = Object.entries(request.query ?? {}).map(
    ([name, { description, ...schema }]): Parameter => ({
      name,
      in: 'query',
      ...(description !== undefined && { description }),
      schema,
    }),
  );
  const inHeader = request.idempotencyKey === true ? [IDEMPOTENCY_KEY, CORRELATION] : [CORRELATION];
  return [...inPath, ...inQuery, ...inHeader];
}

function answersOf(
  responses: Readonly<Record<number, DescribedResponse>>,
  examples: Readonly<Record<string, unknown>>,
): Record<string, ResponseObject> {
  return Object.fromEntries(
    Object.entries(responses).map(([status, { description, content }]) => {
      const example = examples[status];
      const types = Object.entries(content).map(
        ([type, schema]) => [type, { schema, ...(example !== undefined && { example }) }] as const,
      );
      return [status, { description, content: Object.fromEntries(types) }];
    }),
  );
}

function errorsOf(described: Described): Record<string, ResponseObject> {
  const errors = [...refusalsOf(described)].filter(([status]) => described.responses[status] === undefined);
  return Object.fromEntries(
    errors.map(([status, codes]) => {
      const properties = { error_code: { enum: codes }, status: { const: status } };
      const headers = HEADERS[status];
      return [
        status,
        {
          description: `${codes.join(', ')}.`,
          ...(headers && { headers }),
          content: { 'application/json': { schema: { ...ref('Error'), properties } } },
        },
      ];
    }),
  );
}

/** The response headers of some errors, by HTTP status. */
const HEADERS: Readonly<Record<number, NonNullable<ResponseObject['headers']>>> = {
  401: { 'WWW-Authenticate': { description: 'RFC 6750.', schema: { type: 'string' } } },
  503: { 'Retry-After': { description: 'Number of seconds.', schema: { type: 'integer', minimum: 1 } } },
};
