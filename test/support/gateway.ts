import type { AddressInfo } from 'node:net';
import { makeApp } from '../../src/app';
import type { AppOptions } from '../../src/app-options';
import { LogKey, openDevelopmentLogKey } from '../../src/audit/log-key';
import { developmentSubject, openDevelopmentIssuer } from '../../src/http/development-issuer';
import { Provisioning } from '../../src/persistence/install/provisioning.store';
import type { OpenApiDocument } from '../../src/rest/openapi/document';
import { cloneDatabase, OPERATOR, setting, type TestDatabase } from './database';
import { DocumentedAnswers } from './documented';
import { insideIn } from './insides';
import { keptLogger } from './run-log';

/** How a request is made. */
export interface RequestOptions {
  /** The user whose token is sent; none if not given. */
  readonly user?: number;
  readonly apiKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly rawBody?: string | Buffer;
}

/** An answer over HTTP. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The text as JSON; undefined where it is none. */
  readonly body: any;
}

/**
 * A gateway on a port of its own with a database of its own: the initial demo data (docs/getting-started.md#demo-data).
 */
export interface Gateway {
  readonly url: string;
  readonly database: TestDatabase;
  /** Every path that its server has, as Fastify writes it. */
  paths(): string[];
  /**
   * Sends a request over HTTP.
   * @throws {Error} for an answer that /openapi.json does not promise, or that shows
   * internals
   */
  rest(method: string, path: string, options?: RequestOptions): Promise<Answer>;
  /** POSTs to /graphql. */
  graphql(
    query: string,
    options?: RequestOptions & { readonly variables?: Record<string, unknown> },
  ): Promise<Answer>;
  /** A token of the development issuer, as `npm run token` makes it. */
  token(user: number): string;
  /** A new API key. */
  apiKey(options: { organization?: number; owner?: number; scopes?: string[] }): Promise<string>;
  /** Adds pending actions with these scores; returns their ids. */
  addActions(
    scores: readonly number[],
    options?: { organization?: number; submitter?: number },
  ): Promise<number[]>;
  close(): Promise<void>;
}

/** What a gateway runs every few seconds whatever the requests: no part of a request's cost. */
const BACKGROUND_WORK = [
  'overdue_actions',
  'expire_actions',
  ...['refusal_throttle', 'refusal_windows', 'idempotency_keys'].flatMap((table) => [
    `find_outdated_${table}`,
    `remove_outdated_${table}`,
  ]),
  'note_api_key_uses',
  'database_clock',
];

/** Starts a gateway for a test file. */
export async function startGateway(
  options: Partial<Omit<AppOptions, 'database'>> & { poolSize?: number; database?: TestDatabase } = {},
): Promise<Gateway> {
  const { poolSize, database: shared, log = keptLogger(), ...appOptions } = options;
  const database =
    shared ??
    (await cloneDatabase({ unrecorded: BACKGROUND_WORK, ...(poolSize !== undefined && { poolSize }) }));
  const issuer = openDevelopmentIssuer(setting('TEST_DATA_DIR'));
  const server = await makeApp({
    database: database.application,
    trustedIssuers: [issuer.trusted],
    log,
    corsOrigins: [],
    trustProxy: [],
    anonymousIntrospection: true,
    playground: true,
    logKey: new LogKey('test.example', openDevelopmentLogKey(setting('TEST_DATA_DIR'))),
    ...(process.env['TEST_COMPILED'] === '1' && { runsBeforeCompiling: 0 }),
    ...appOptions,
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${String((server.server.address() as AddressInfo).port)}`;
  const tokens = new Map<number, string>();
  const token = (user: number): string => {
    const known = tokens.get(user) ?? issuer.sign(developmentSubject(user), 3600);
    tokens.set(user, known);
    return known;
  };
  return {
    ...(await clientOf(url, token)),
    database,
    token,
    paths: () => pathsIn(server.printRoutes({ commonPrefix: false })),
    apiKey: async ({ organization = 1, owner, scopes = ['actions:submit', 'actions:read'] }) => {
      const added = await new Provisioning(database.owner, OPERATOR).addApiKey({
        organizationId: organization,
        name: 'test key',
        ownerId: owner ?? null,
        scopes: scopes as never,
        expiresAt: null,
      });
      return added.key;
    },
    addActions: (scores, { organization = 1, submitter = organization === 1 ? 4 : 104 } = {}) =>
      addActions(database, scores, organization, submitter),
    close: async () => {
      await server.close();
      if (shared === undefined) await database.drop();
    },
  };
}

/** Sends requests to a gateway, wherever it runs. */
export async function clientOf(
  url: string,
  token: Gateway['token'],
): Promise<Pick<Gateway, 'url' | 'rest' | 'graphql'>> {
  // Read before anything else, as a test may stop the gateway or count statements.
  const documented = await documentedAt(url);
  const rest: Gateway['rest'] = async (method, path, request = {}) => {
    const answer = await send(url + path, method, request, token);
    documented.check(method, path, answer);
    const inside = insideIn(answer, sentIn(path, request));
    if (inside !== undefined) throw new Error(`${method} ${path} is answered with ${inside}: ${answer.text}`);
    return answer;
  };
  return {
    url,
    rest,
    graphql: (query, { variables, ...request } = {}) =>
      rest('POST', '/graphql', { body: { query, variables }, ...request }),
  };
}

/** The paths of Fastify's drawing of its routes: a tree in which each level is indented by four characters. */
function pathsIn(tree: string): string[] {
  const above: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', part = ''] = /^([│ ]*)[├└]── (\S+) \(/.exec(line) ?? [];
    if (part === '') return [];
    const depth = indent.length / 4;
    above.splice(depth, above.length, part);
    return [above.join('')];
  });
}

/** Compiled once for all gateways of a test file, whose descriptions are the same. */
let described: DocumentedAnswers | undefined;

async function documentedAt(url: string): Promise<DocumentedAnswers> {
  if (described !== undefined) return described;
  const response = await fetch(`${url}/openapi.json`);
  return (described = new DocumentedAnswers((await response.json()) as OpenApiDocument));
}

async function send(
  url: string,
  method: string,
  { user, apiKey, headers = {}, body, rawBody }: RequestOptions,
  token: (user: number) => string,
): Promise<Answer> {
  const payload = rawBody ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(url, {
    method,
    headers: {
      ...(user !== undefined && { authorization: `Bearer ${token(user)}` }),
      ...(apiKey !== undefined && { 'x-api-key': apiKey }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(payload !== undefined && { body: payload }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: parse(text) };
}

/** What an answer may repeat: what was sent, unchanged and as JSON writes it. */
function sentIn(path: string, { body, rawBody }: RequestOptions): string {
  return `${path} ${String(rawBody ?? JSON.stringify(body))}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function addActions(
  database: TestDatabase,
  scores: readonly number[],
  organization: number,
  submitter: number,
): Promise<number[]> {
  const rows = await database.sql<{ id: number }>(
    `INSERT INTO actions (organization_id, agent_id, action_type, risk_score, submitted_by)
     SELECT $1, 'test-agent', 'test', score, $2 FROM unnest($3::double precision[]) WITH ORDINALITY s(score, n) ORDER BY n
     RETURNING id`,
    [organization, submitter, scores],
  );
  return rows.map(({ id }) => id);
}
