import { serverAudits } from 'graphql-http';
import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';
import { graphqlBody, graphqlCodeOf } from '../../support/refusals';

/** GraphQL over HTTP to the letter: the audits of the specification's working group, and what they leave open. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const ANALYST = 4;
/** What the CSRF protection refuses: a GET that any page on the web could send. */
const REFUSED_BARE = ['5A70', 'D6D5', '6A70'];

/** The audits as an analyst sends them, with these headers besides. */
function auditsWith(more: Readonly<Record<string, string>>): ReturnType<typeof serverAudits> {
  const fetchFn = (url: string, request: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(request.headers);
    headers.set('authorization', `Bearer ${gateway.token(ANALYST)}`);
    for (const [name, value] of Object.entries(more)) headers.set(name, value);
    return fetch(url, { ...request, headers });
  };
  return serverAudits({ url: () => `${gateway.url}/graphql`, fetchFn });
}

describe("for an analyst whose client sends Apollo's preflight header, the gateway", () => {
  const audits = auditsWith({ 'apollo-require-preflight': 'true' });

  it('has 61 audits', () => {
    expect(new Set(audits.map(({ id }) => id)).size).toBe(61);
  });

  it.each(audits)('$id $name', async ({ id, name, fn }) => {
    expect(await fn()).toEqual({ id, name, status: 'ok' });
  });
});

describe('for an analyst whose client sends no such header, the gateway', () => {
  const audits = auditsWith({});

  it.each(audits.filter(({ id }) => !REFUSED_BARE.includes(id)))('$id $name', async ({ id, name, fn }) => {
    expect(await fn()).toEqual({ id, name, status: 'ok' });
  });

  it.each(audits.filter(({ id }) => REFUSED_BARE.includes(id)))(
    'refuses a GET that could be forged: $id $name',
    async ({ name, fn }) => {
      expect(name).toMatch(/^MAY /);
      const result = await fn();
      if (result.status === 'ok') throw new Error('The GET was answered');
      expect([result.status, result.response.status]).toEqual(['notice', 400]);
      expect(await result.response.text()).toContain('Cross-Site Request Forgery (CSRF)');
    },
  );
});

describe("a frontend's developer who gets a document wrong", () => {
  /** The status and the error code, as application/json and as application/graphql-response+json. */
  async function inBothTypes(body: unknown, options: RequestOptions = { user: ANALYST }) {
    const answers = [];
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const answer = await gateway.rest('POST', '/graphql', { ...options, headers: { accept }, body });
      expect(answer.headers.get('content-type')).toContain(accept);
      expect(graphqlBody(answer)).not.toHaveProperty('data');
      answers.push([answer.status, graphqlCodeOf(answer)]);
    }
    return answers;
  }

  it.each([
    ['that no operation has the name', { query: 'query A { viewer { id } }', operationName: 'B' }],
    [
      'that it asks for too much',
      {
        query:
          '{ actions(first: 100) { edges { node { auditLogs(first: 100) { edges { node { action { auditLogs(first: 100) { edges { node { id } } } } } } } } } } }',
      },
    ],
    [
      'that a variable is of another type',
      { query: 'query ($n: Int) { actions(first: $n) { totalCount } }', variables: { n: 'x' } },
    ],
  ])('learns %s: in a 200 of the legacy type, in a 400 of the new one', async (_what, body) => {
    const [legacy, current] = await inBothTypes(body);
    expect([legacy?.[0], current?.[0]]).toEqual([200, 400]);
    expect(legacy?.[1]).toBe(current?.[1]);
  });

  it.each([
    ['without a document', {}],
    ['whose variables are no object', { query: '{ viewer { id } }', variables: 'x' }],
    ['in a batch', [{ query: '{ viewer { id } }' }]],
  ])('is refused a request %s with a 400 in either type', async (_what, body) => {
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const answer = await gateway.rest('POST', '/graphql', { user: ANALYST, headers: { accept }, body });
      expect([answer.status, graphqlCodeOf(answer)]).toEqual([400, 'BAD_REQUEST']);
    }
  });

  it('is refused a document named by its hash alone, as the gateway stores no documents', async () => {
    const named = (sha256Hash: unknown) => ({ extensions: { persistedQuery: { version: 1, sha256Hash } } });
    for (const [body, code] of [
      [named('a'.repeat(64)), 'PERSISTED_QUERY_NOT_SUPPORTED'],
      [{ query: '{ viewer { id } }', ...named({ toString: null }) }, 'PERSISTED_QUERY_NOT_SUPPORTED'],
    ] as const)
      expect(await inBothTypes(body)).toEqual([
        [400, code],
        [400, code],
      ]);
  });

  it('finds the refusal of another method where errors are', async () => {
    const answer = await gateway.rest('PUT', '/graphql', { user: ANALYST, body: {} });
    expect([answer.status, graphqlCodeOf(answer)]).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect(answer.headers.get('allow')).toBe('GET, POST, OPTIONS');
  });

  it('finds a refused decision in a 200 of either type, and an invalid credential in a 401', async () => {
    const query = 'mutation { approveAction(actionId: 12345) { status } }';
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const ask = (options: RequestOptions) =>
        gateway.rest('POST', '/graphql', {
          body: { query },
          ...options,
          headers: { accept, ...options.headers },
        });
      const refused = await ask({ user: ANALYST });
      expect([refused.status, graphqlCodeOf(refused)]).toEqual([200, 'INSUFFICIENT_PERMISSIONS']);
      const unknown = await ask({ headers: { authorization: 'Bearer x' } });
      expect([unknown.status, graphqlCodeOf(unknown)]).toEqual([401, 'INVALID_TOKEN']);
    }
  });

  it('cannot decide by GET, however it is sent', async () => {
    const query = new URLSearchParams({ query: 'mutation { approveAction(actionId: 12345) { status } }' });
    const headers = { 'apollo-require-preflight': 'true' };
    const answer = await gateway.rest('GET', `/graphql?${query.toString()}`, { user: 1, headers });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
    const action = await gateway.graphql('{ action(id: 12345) { status } }', { user: 1 });
    expect(action.body).toEqual({ data: { action: { status: 'PENDING_APPROVAL' } } });
  });
});
