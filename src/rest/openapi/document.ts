import type { GraphQLSchema } from 'graphql';
import type { RequirementOf } from '../../api/caller-checks';
import { API_KEY_SCOPES } from '../../domain/role';
import { VERSION } from '../../version';
import { readOperations, rootFieldOf } from '../operations';
import type { Route } from '../route';
import { ROUTES } from '../routes';
import { components } from './components';
import { partsOf, type Described } from './described';
import { operationOf, type Operation } from './operation';
import { OTHER_PATHS } from './other-paths';

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
 * @throws {Error} if a route names an operation that does not exist
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
      request: partsOf(route.request),
      responses: route.responses,
      ...(route.examples !== undefined && { examples: route.examples }),
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
