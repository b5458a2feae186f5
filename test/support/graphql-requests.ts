import type { GraphQLSchema } from 'graphql';
import type { Draw } from './draw';
import { attack, type Attack } from './graphql-attacks';
import { DocumentMaker } from './graphql-documents';
import { toJson, Values } from './graphql-values';

/** A generated request to /graphql, without its sender. */
export interface MadeGraphqlRequest {
  readonly kind: Kind;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly rawBody?: string;
}

/** In proportion: half valid documents, a tenth no requests for a document at all. */
const KINDS = [
  'valid',
  'valid',
  'valid',
  'nearly valid',
  'nearly valid',
  'hostile',
  'hostile',
  'no document',
] as const;
export type Kind = (typeof KINDS)[number];

const ACCEPTED = [
  'application/json',
  'application/graphql-response+json',
  'application/graphql-response+json, */*',
];
const SENT = [
  'application/json',
  'application/json; charset=utf-16',
  'text/plain',
  'application/graphql',
  null,
];
/** How long a query string may be: longer ones are sent in a body. */
const MOST_IN_ADDRESS = 4_000;

/** Generates requests from a schema. `cursors` belong to any of its lists. */
export class RequestMaker {
  private readonly values: Values;

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly draw: Draw,
    cursors: readonly string[],
  ) {
    this.values = new Values(draw, cursors);
  }

  request(): MadeGraphqlRequest {
    const { draw } = this;
    const kind = draw.pick(KINDS);
    const headers = { accept: draw.pick(ACCEPTED), 'apollo-require-preflight': '1' };
    if (kind === 'no document') return this.withoutDocument(kind, headers);
    const made = this.document(kind);
    const isLong = Math.max(made.query.length, made.variables?.length ?? 0) > MOST_IN_ADDRESS;
    return isLong || !draw.oneIn(10) ? posted(kind, headers, made) : gotten(kind, headers, made);
  }

  private document(kind: Kind): Document {
    const { draw, values } = this;
    if (kind === 'valid') return this.operation(null);
    if (kind === 'nearly valid') return this.operation(draw.pick([20, 40, 80]));
    return attack(draw, values, () => this.operation(null));
  }

  private operation(flawsOneIn: number | null): Document {
    const maker = new DocumentMaker(this.schema, this.draw, this.values, flawsOneIn);
    const { variables, ...made } = maker.operation();
    return { ...made, variables: toJson(variables) };
  }

  private withoutDocument(kind: Kind, headers: Readonly<Record<string, string>>): MadeGraphqlRequest {
    const { draw, values } = this;
    const query = toJson(this.operation(null).query);
    const odd = () => toJson(values.odd());
    const type = draw.pick(SENT);
    return {
      kind,
      method: draw.pick(['POST', 'POST', 'POST', 'PUT', 'DELETE']),
      path: '/graphql',
      headers: { ...headers, ...(type !== null && { 'content-type': type }) },
      rawBody: draw.oneOf(
        () => `[{"query":${query}},{"query":${query}}]`,
        () => `{"query":${odd()},"variables":${odd()},"operationName":${odd()},"extensions":${odd()}}`,
        () => `{"query":${query},"variables":${odd()}}`,
        () => `{"query":${query},"extensions":{"persistedQuery":{"version":1,"sha256Hash":${odd()}}}}`,
        () => `{"query":${query},"query":"{ viewer { id } }","__proto__":{"query":"{ viewer { id } }"}}`,
        () => `{"query":${query}`,
        odd,
        () => '',
      ),
    };
  }
}

type Document = Attack & { readonly operationName?: string };

function posted(
  kind: Kind,
  headers: Readonly<Record<string, string>>,
  { query, variables = '{}', operationName }: Document,
): MadeGraphqlRequest {
  const name = operationName === undefined ? '' : `,"operationName":${toJson(operationName)}`;
  const rawBody = `{"query":${toJson(query)},"variables":${variables}${name}}`;
  return {
    kind,
    method: 'POST',
    path: '/graphql',
    headers: { ...headers, 'content-type': 'application/json' },
    rawBody,
  };
}

function gotten(kind: Kind, headers: Readonly<Record<string, string>>, made: Document): MadeGraphqlRequest {
  const search = new URLSearchParams(
    Object.entries({ ...made }).map(([name, value]): [string, string] => [name, value]),
  );
  return { kind, method: 'GET', path: `/graphql?${search.toString()}`, headers };
}
