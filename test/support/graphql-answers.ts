import { isEnumType, type GraphQLSchema } from 'graphql';
import type { Answer } from './gateway';

/** Apollo's own codes, for documents and requests that reach none of the gateway's code. */
const CODES_OF_APOLLO = [
  ...['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'BAD_REQUEST', 'BAD_USER_INPUT'],
  ...['OPERATION_RESOLUTION_FAILURE', 'PERSISTED_QUERY_NOT_SUPPORTED'],
];
const STATUSES = [200, 400, 401, 405, 413, 415, 422];

/** What is wrong with the form of an answer of /graphql (GraphQL over HTTP, docs/graphql-api.md#requests), or undefined. */
export function faultOfForm(schema: GraphQLSchema, { status, body, headers }: Answer): string | undefined {
  if (status >= 500) return 'a fault of the gateway';
  if (!STATUSES.includes(status)) return 'an unknown status';
  const [type = ''] = (headers.get('content-type') ?? '').split(';');
  if (!/^application\/(graphql-response\+)?json$/.test(type)) return `as ${type}`;
  if (!isMap(body)) return 'no JSON object';
  if (Object.keys(body).some((name) => !['data', 'errors', 'extensions'].includes(name)))
    return 'with other keys';
  const { data, errors } = body;
  const hasData = 'data' in body;
  if (hasData && status !== 200) return 'data with the status of an error';
  if (hasData && data !== null && !isMap(data)) return 'data that is no map';
  if (!hasData && errors === undefined) return 'neither data nor errors';
  if (!hasData && status === 200 && type !== 'application/json')
    return 'no data with the status of a success';
  if (errors === undefined) return undefined;
  if (!Array.isArray(errors) || errors.length === 0) return 'errors that are no list';
  return errors.map((error) => faultOfError(schema, error)).find((fault) => fault !== undefined);
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function faultOfError(schema: GraphQLSchema, error: any): string | undefined {
  const { message, extensions } = error ?? {};
  if (typeof message !== 'string' || message === '') return 'an error without words';
  const code: unknown = extensions?.code;
  const own = schema.getType('ErrorCode');
  const isOwn = isEnumType(own) && own.getValues().some(({ name }) => name === code);
  if (!isOwn && !CODES_OF_APOLLO.includes(String(code))) return `an unknown code, ${String(code)}`;
  // The limits of one verification at a time, and of large answers, are rules and no outage.
  const isFault =
    code === 'INTERNAL_ERROR' ||
    (code === 'SERVICE_UNAVAILABLE' &&
      !/^\d+ verifications are running|^Too many large answers/.test(message));
  return isFault ? 'a masked fault of the gateway' : undefined;
}
