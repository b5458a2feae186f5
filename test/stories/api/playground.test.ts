import { getIntrospectionQuery, parse, validate } from 'graphql';
import { makeSchemaForPrinting } from '../../../src/app';
import { startGateway, type Answer, type Gateway } from '../../support/gateway';
import { codeOf } from '../../support/refusals';
import { sealingOf, type Sealing } from '../../support/sealed-log';

/**
 * GraphiQL for analysts as the gateway serves it in production; its behaviour in a browser is tested in test/browser.
 */
const NOW = new Date('2026-01-20T14:35:00.123Z');
let gateway: Gateway;
let sealing: Sealing;

beforeAll(async () => {
  gateway = await startGateway({ anonymousIntrospection: false });
  sealing = sealingOf(gateway.database);
  await gateway.rest('POST', '/api/v1/actions/12345/approve', { user: 42, body: { reason: 'Reviewed' } });
  await gateway.rest('POST', '/api/v1/actions/12351/approve', { user: 42 });
  await sealing.seal();
});
afterAll(async () => {
  sealing.close();
  await gateway.close();
});

const ANALYST = { user: 4 };
const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  gateway.rest('GET', path, { headers });
const tabs = async (of = gateway) => {
  const { body } = await of.rest('GET', '/playground/tabs.json');
  return body.tabs as { query: string; variables: Record<string, string | null> }[];
};

/** Another gateway on the same database, for one test. */
async function withGateway(
  options: NonNullable<Parameters<typeof startGateway>[0]>,
  test: (other: Gateway) => Promise<void>,
): Promise<void> {
  const other = await startGateway({ ...options, database: gateway.database });
  try {
    await test(other);
  } finally {
    await other.close();
  }
}

describe("an analyst who runs the playground's initial tabs", () => {
  const run = async (name: string, ids: Record<string, string> = {}) => {
    const tab = (await tabs()).find(({ query }) => query.includes(`query ${name}(`));
    const { body } = await gateway.rest('POST', '/graphql', {
      ...ANALYST,
      body: { query: tab?.query, operationName: name, variables: { ...tab?.variables, ...ids } },
    });
    expect(body.errors).toBeUndefined();
    return body.data;
  };

  it('finds six, all of which fit the schema', async () => {
    const schema = makeSchemaForPrinting();
    const { body } = await get('/playground/tabs.json');
    const documents = [...(await tabs()).map(({ query }) => query), body.examples as string];
    expect(documents).toHaveLength(7);
    for (const document of documents) expect(validate(schema, parse(document))).toEqual([]);
  });

  it('sees the decisions of the last week', async () => {
    const { auditLogs } = await run('DecisionsOfTheLastWeek');
    expect(auditLogs.totalCount).toBe(1);
    expect(auditLogs.edges[0].node).toMatchObject({
      actionType: 'action_approved',
      actor: { name: expect.any(String), role: 'MANAGER' },
      reason: 'Reviewed',
      action: { id: '12345', riskScore: 35 },
    });
  });

  it('sees everything about one action, except where the people were', async () => {
    const { action } = await run('OneAction', { actionId: '12345' });
    expect(action).toMatchObject({ status: 'APPROVED', votes: [{ verdict: 'APPROVE' }], reason: 'Reviewed' });
    const entries = action.auditLogs.edges.map(({ node }: any) => node);
    expect(entries).toContainEqual(
      expect.objectContaining({ actionType: 'action_approved', ipAddress: null, userAgent: null }),
    );
  });

  it("sees one reviewer's history, and in the same tab all reviewers side by side", async () => {
    const { auditLogs } = await run('OneReviewer', { reviewerId: '42' });
    const types = auditLogs.edges.map(({ node }: any) => node.actionType);
    expect(types).toEqual(['decision_refused', 'action_approved']);
    const tab = (await tabs()).find(({ query }) => query.includes('ReviewersCompared'));
    const body = { ...tab, operationName: 'ReviewersCompared' };
    const compared = await gateway.rest('POST', '/graphql', { ...ANALYST, body });
    expect(compared.body.data.auditSummary).toEqual([
      expect.objectContaining({ key: '42', approved: 1, refused: 1 }),
    ]);
  });

  it('sees denied attempts, in sum and one by one', async () => {
    const { byCode, auditLogs } = await run('DeniedAttempts');
    expect(byCode).toContainEqual({ key: 'APPROVAL_LEVEL_REQUIRED', refused: 1 });
    expect(auditLogs.edges.map(({ node }: any) => node)).toEqual([
      expect.objectContaining({ actionId: '12351', refusalCode: 'APPROVAL_LEVEL_REQUIRED', heldLevel: 2 }),
    ]);
  });

  it('sees a summary per day', async () => {
    const { auditSummary } = await run('SummaryPerDay');
    expect(auditSummary).toEqual([expect.objectContaining({ approved: 1, denied: 0, refused: 1 })]);
  });

  it('sees the proof that a decision is in the log', async () => {
    const { body } = await get('/playground/tabs.json');
    const examples = await gateway.graphql(body.examples, ANALYST);
    expect(examples.body.data).toMatchObject({
      viewer: { id: '4', role: 'USER' },
      decisions: { edges: [{ node: { actionId: '12345', actor: { id: '42' } } }] },
    });
    const auditId = examples.body.data.decisions.edges[0].node.id;
    const { auditLog, auditInclusionProof } = await run('InclusionProof', { auditId });
    expect(auditLog).toMatchObject({ id: auditId, actionType: 'action_approved' });
    expect(JSON.parse(auditInclusionProof.canonical)).toMatchObject({ action_id: 12345 });
    expect(auditInclusionProof.checkpoint.note).toContain(auditInclusionProof.checkpoint.rootHash);
  });

  it('looks back from the day on which the page was loaded', async () => {
    await withGateway({ clock: () => NOW }, async (other) => {
      const dates = (await tabs(other)).map(({ variables }) => variables['from']);
      expect(new Set(dates)).toEqual(
        new Set(['2026-01-13T00:00:00.000Z', undefined, '2025-12-21T00:00:00.000Z']),
      );
    });
  });
});

describe('the schema, in production,', () => {
  const ASKING = [
    ['by the standard query', getIntrospectionQuery()],
    ['for one type', '{ __type(name: "Action") { name } }'],
    [
      'through a fragment, beside another field',
      'query { ...A viewer { id } } fragment A on Query { x: __schema { types { name } } }',
    ],
  ] as const;

  it.each(ASKING)('is not shown to an anonymous caller who asks %s', async (_how, query) => {
    const { status, body } = await gateway.graphql(query);
    expect([status, body.data ?? null]).toEqual([200, null]);
    expect(body.errors).toEqual([
      expect.objectContaining({ extensions: expect.objectContaining({ code: 'MISSING_AUTH', status: 401 }) }),
    ]);
    const search = new URLSearchParams({ query }).toString();
    const byGet = await get(`/graphql?${search}`, { 'apollo-require-preflight': 'yes' });
    expect(byGet.body).toMatchObject({ errors: [{ extensions: { code: 'MISSING_AUTH' } }] });
  });

  it('cannot be guessed from suggestions either', async () => {
    const { text } = await gateway.graphql('{ vewer { id } }');
    expect(text).toContain('vewer');
    expect(text).not.toContain('viewer');
  });

  it.each(ASKING)('is shown to an analyst who asks %s', async (_how, query) => {
    expect((await gateway.graphql(query, ANALYST)).body.errors).toBeUndefined();
  });

  it('is shown to an agent with an API key, and not to a caller with an invalid token', async () => {
    const apiKey = await gateway.apiKey({});
    expect((await gateway.graphql(ASKING[0][1], { apiKey })).body.errors).toBeUndefined();
    const headers = { authorization: 'Bearer a.b.c' };
    expect((await gateway.graphql(ASKING[0][1], { headers })).status).toBe(401);
  });

  it('may be unknown to a caller who asks for the type of a value', async () => {
    const { body } = await gateway.graphql('{ __typename }');
    expect(body).toEqual({ data: { __typename: 'Query' } });
  });

  it('is shown to everybody in development', async () => {
    await withGateway({ anonymousIntrospection: true }, async (other) => {
      for (const [, query] of ASKING.slice(0, 2))
        expect((await other.graphql(query)).body.errors).toBeUndefined();
    });
  });
});

describe('a browser that requests the playground', () => {
  it.each(['/playground', '/playground/'])(
    'at %s gets a page that may load nothing from elsewhere',
    async (path) => {
      const { status, headers, text } = await get(path);
      expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(headers.get('cache-control')).toBe('no-store');
      const policy = headers.get('content-security-policy') ?? '';
      const nonce = /'nonce-([\w+/=]{24})'/.exec(policy)?.[1] ?? '';
      expect(policy.split('; ')).toEqual([
        "default-src 'none'",
        "script-src 'self'",
        `style-src 'self' 'nonce-${nonce}'`,
        "connect-src 'self'",
        "img-src 'self' data:",
        'font-src data:',
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
      ]);
      expect(text).toContain(`nonce="${nonce}"`);
      expect((await get(path)).text).not.toContain(nonce);
      expect(text).not.toMatch(/<script(?![^>]* src="\/playground\/)|style=|\son\w+=|https?:|\/\//);
    },
  );

  it('gets every file that the page names, with its type, and compressed only where it accepts that', async () => {
    const { text } = await get('/playground');
    const paths = [...text.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path ?? '');
    expect(new Set(paths).size).toBe(7);
    for (const path of paths) {
      const plain = await get(path, { 'accept-encoding': 'identity' });
      const [type] = (plain.headers.get('content-type') ?? '').split(';');
      const types: Record<string, string> = { css: 'text/css', svg: 'image/svg+xml' };
      expect([plain.status, type]).toEqual([200, types[path.split('.').at(-1) ?? ''] ?? 'text/javascript']);
      expect(plain.headers.get('content-encoding')).toBeNull();
      expect(plain.headers.get('x-content-type-options')).toBe('nosniff');
      const zipped = await get(path, { 'accept-encoding': 'br, gzip' });
      expect([zipped.headers.get('content-encoding'), zipped.text]).toEqual(['gzip', plain.text]);
    }
  });

  it('does not receive again a file that it has', async () => {
    const first = await get('/playground/graphiql.js');
    expect(first.headers.get('cache-control')).toBe('no-cache');
    const etag = first.headers.get('etag') ?? '';
    const again = await get('/playground/graphiql.js', { 'if-none-match': `"other", ${etag}` });
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
    expect((await get('/playground/graphiql.js', { 'if-none-match': 'W/"other"' })).status).toBe(200);
  });

  it('can ask for the headers alone, and with no other method', async () => {
    for (const path of ['/playground', '/playground/page.mjs', '/playground/tabs.json']) {
      const head = await gateway.rest('HEAD', path);
      expect([head.status, head.text]).toEqual([200, '']);
      const post = await gateway.rest('POST', path);
      expect([codeOf(post), post.headers.get('allow')]).toEqual([
        '405 METHOD_NOT_ALLOWED',
        'GET, HEAD, OPTIONS',
      ]);
    }
  });

  it('gets nothing else, however it writes the path', async () => {
    const paths = [
      'page.html',
      'playground.ts',
      'graphiql.min.js',
      'tabs/decisions.graphql',
      '..%2f..%2f..%2fpackage.json',
      '%2e%2e/%2e%2e/config.ts',
      '....//package.json',
      '%ZZ',
      'page.mjs/x',
      'constructor',
    ];
    for (const path of paths) expect(codeOf(await get(`/playground/${path}`))).toBe('404 NOT_FOUND');
  });

  it('finds nothing where the operator switched it off', async () => {
    await withGateway({ playground: false }, async (other) => {
      for (const path of ['/playground', '/playground/', '/playground/page.mjs', '/playground/tabs.json'])
        expect(codeOf(await other.rest('GET', path))).toBe('404 NOT_FOUND');
    });
  });
});
