import { IDEMPOTENCY_KEY_PATTERN } from '../../domain/idempotency';
import { ROLES } from '../../domain/role';
import type { Described, DescribedResponse } from './described';
import { ACTION_ID_EXAMPLE } from './examples';
import { jsonSchemaOf, type Schema } from './json-schema';
import { asks, ERROR, refusalsOf } from './refusals';
import { ID } from './vocabulary';

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
interface ResponseObject {
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

/** Writes the description of one method of one path in the notation of OpenAPI. */
export function operationOf(described: Described): Operation {
  const { operationId, tag, description, request, examples = {} } = described;
  const { body: example, answers = {} } = examples;
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

const PREFER: Parameter = {
  name: 'Prefer',
  in: 'header',
  description:
    '`return=receipt` asks for a receipt of the decision (RFC 7240). Other preferences are ignored.',
  schema: { type: 'string' },
};

function parametersOf({ path, request }: Described): readonly Parameter[] {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name = '']): Parameter => ({
    name,
    in: 'path',
    required: true,
    schema: jsonSchemaOf(ID),
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
  const inHeader = [
    ...(request.idempotencyKey === true ? [IDEMPOTENCY_KEY] : []),
    ...(request.receipt === true ? [PREFER] : []),
    CORRELATION,
  ];
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
          content: { 'application/json': { schema: { ...jsonSchemaOf(ERROR), properties } } },
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
