import { join } from 'node:path';
import Ajv from 'ajv/dist/2020';
import fc from 'fast-check';
import { ROUTES } from '../../../src/rest/routes';
import { DocumentedAnswers } from '../../support/documented';
import { startGateway, type Answer, type Gateway, type RequestOptions } from '../../support/gateway';
import { requestsOf, type MadeRequest } from '../../support/openapi-requests';
import { run } from '../../support/programs';
import { cases } from '../../support/runs';

/**
 * The description of the REST paths: complete, valid, and true whatever is sent. Every other test checks its answers
 * against it too.
 */
let gateway: Gateway;
let document: any;

beforeAll(async () => {
  gateway = await startGateway();
  document = (await gateway.rest('GET', '/openapi.json')).body;
});
afterAll(() => gateway.close());

const inBraces = (path: string) => path.replaceAll(/:(\w+)/g, '{$1}');

describe('/openapi.json', () => {
  it('is valid OpenAPI 3.1', async () => {
    const validator = join(__dirname, '..', '..', 'support', 'validate-openapi.mjs');
    const { stdout, stderr } = await run(process.execPath, [validator], { input: JSON.stringify(document) });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ valid: true, version: '3.1' });
  });

  it('contains every schema that it refers to, and names each operation once', () => {
    const text = JSON.stringify(document);
    for (const [, name = ''] of text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g))
      expect(Object.keys(document.components.schemas)).toContain(name);
    const ids = [...text.matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('has every path that the gateway serves, with the methods of the path', async () => {
    const paths = gateway
      .paths()
      .filter((path) => !/^(\*|\/(graphql|playground|docs|welcome)(\/|$))/.test(path));
    expect(paths.map(inBraces).sort()).toEqual(Object.keys(document.paths).sort());
    for (const { method, path } of ROUTES)
      expect(Object.keys(document.paths[inBraces(path)])).toContain(method.toLowerCase());
    for (const path of paths) {
      const { headers } = await gateway.rest('OPTIONS', path.replaceAll(/:\w+/g, '12345'));
      const allowed = headers.get('allow')?.toLowerCase().split(', ') ?? [];
      expect(allowed.filter((method) => method !== 'head' && method !== 'options')).toEqual(
        Object.keys(document.paths[inBraces(path)]),
      );
    }
  });

  it('says who may decide, with which credential, and what the outcomes are', () => {
    const approve = document.paths['/api/v1/actions/{action_id}/approve'].post;
    expect(approve).toMatchObject({
      operationId: 'approveAction',
      security: [{ jwt: [] }],
      requestBody: {
        required: false,
        content: { 'application/json': { schema: { properties: { reason: { maxLength: 2000 } } } } },
      },
    });
    expect(approve.description).toContain('security_manager');
    expect(Object.keys(approve.responses)).toEqual(
      '200 202 400 401 403 404 409 413 415 422 429 500 503'.split(' '),
    );
    const { error_code } = approve.responses['403'].content['application/json'].schema.properties;
    expect(error_code.enum).toEqual([
      'INSUFFICIENT_PERMISSIONS',
      'APPROVAL_LEVEL_REQUIRED',
      'RISK_LIMIT_EXCEEDED',
      'SELF_APPROVAL_FORBIDDEN',
    ]);
    expect(document.paths['/api/v1/actions'].get.security).toEqual([{ jwt: [] }, { apiKey: [] }]);
  });

  it('needs no credential and no database', async () => {
    gateway.database.statements.length = 0;
    expect((await gateway.rest('GET', '/openapi.json')).status).toBe(200);
    expect(gateway.database.statements).toEqual([]);
  });
});

describe('/docs', () => {
  it('is a page that may run, load and request nothing from elsewhere, with every file that it names', async () => {
    const { status, headers, text } = await gateway.rest('GET', '/docs');
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers.get('content-security-policy')?.split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self' data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(text).not.toMatch(/<script(?![^>]* src="\/docs\/)|<style|style=|\son\w+=|https?:/);
    const paths = [...text.matchAll(/(?:href|src)="(\/docs\/[^"]+)"/g)].map(([, path]) => path ?? '');
    expect(new Set(paths).size).toBe(5);
    for (const path of paths) expect((await gateway.rest('GET', path)).status).toBe(200);
    for (const path of ['/docs/page.html', '/docs/swagger-initializer.js', '/docs/..%2f..%2fpackage.json'])
      expect((await gateway.rest('GET', path)).status).toBe(404);
  });

  it('begins with examples that the document itself promises, and that name demo data', async () => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    ajv.addSchema(document, 'openapi');
    const examples = Object.entries<Record<string, any>>(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { requestBody, responses }]) => {
        const place = `#/paths/${path.replaceAll('~', '~0').replaceAll('/', '~1')}/${method}`;
        const bodies = [
          [`${place}/requestBody`, requestBody?.content] as const,
          ...Object.entries<any>(responses).map(
            ([status, { content }]) => [`${place}/responses/${status}`, content] as const,
          ),
        ];
        return bodies.flatMap(([pointer, content]) => {
          const json = content?.['application/json'];
          const schema = `openapi${encodeURI(`${pointer}/content/application~1json/schema`)}`;
          return json?.example === undefined ? [] : [{ schema, example: json.example }];
        });
      }),
    );
    expect(examples).toHaveLength(9);
    for (const { schema, example } of examples) {
      const validate = ajv.compile({ $ref: schema });
      expect([schema, validate(example), validate.errors]).toEqual([schema, true, null]);
    }
    const submission = document.paths['/api/v1/actions/submit'].post.requestBody.content['application/json'];
    const body = submission.example;
    expect((await gateway.rest('POST', '/api/v1/actions/submit', { user: 2, body })).status).toBe(200);
    const { example: id } = document.paths['/api/v1/actions/{action_id}'].get.parameters[0];
    expect((await gateway.rest('GET', `/api/v1/actions/${String(id)}`, { user: 2 })).status).toBe(200);
  });
});

describe('the root address', () => {
  it('leads a browser to the playground and the REST API, and a program to the same as JSON', async () => {
    const accept = 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8';
    const page = await gateway.rest('GET', '/', { headers: { accept } });
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; style-src 'self'");
    for (const path of ['/playground', '/docs', '/openapi.json']) {
      expect(page.text).toContain(`href="${path}"`);
      expect((await gateway.rest('GET', path)).status).toBe(200);
    }
    const told = await gateway.rest('GET', '/', { headers: { accept: '*/*' } });
    expect(told.body).toMatchObject({ graphql: '/graphql', playground: '/playground', docs: '/docs' });
    expect([page, told].map(({ headers }) => headers.get('vary'))).toEqual(['Accept', 'Accept']);
  });

  it('does not name the playground where the operator switched it off', async () => {
    const other = await startGateway({ database: gateway.database, playground: false });
    try {
      const page = await other.rest('GET', '/', { headers: { accept: 'text/html' } });
      expect(page.text).not.toContain('playground');
      expect((await other.rest('GET', '/')).body).not.toHaveProperty('playground');
    } finally {
      await other.close();
    }
  });
});

describe('an answer that the document does not promise', () => {
  const answers = new Map<string, Answer>();
  const check = (method: string, path: string, changes: object) => () => {
    const answer = answers.get(path);
    new DocumentedAnswers(document).check(method, path, { ...answer, ...changes } as Answer);
  };
  const ACTION = '/api/v1/actions/12345';

  beforeAll(async () => {
    answers.set(ACTION, await gateway.rest('GET', ACTION, { user: 1 }));
    answers.set('/nothing', await gateway.rest('GET', '/nothing'));
  });

  it('fails every test that receives it', () => {
    const { body } = answers.get(ACTION) ?? {};
    expect(check('GET', ACTION, {})).not.toThrow();
    expect(check('GET', ACTION, { body: { ...body, more: 1 } })).toThrow('additional properties');
    expect(check('GET', ACTION, { body: { ...body, risk_level: 'LOW' } })).toThrow('risk_level');
    expect(check('GET', ACTION, { body: { ...body, status: undefined } })).toThrow("property 'status'");
    expect(check('GET', ACTION, { status: 418 })).toThrow('a status');
    expect(check('GET', ACTION, { headers: new Headers({ 'content-type': 'text/plain' }) })).toThrow(
      'as text',
    );
    expect(check('HEAD', ACTION, {})).toThrow('no body');
    expect(check('GET', '/nothing', {})).not.toThrow();
    expect(check('GET', '/nothing', { status: 200 })).toThrow('does not have it');
    expect(check('GET', '/nothing', { body: { detail: 'x' } })).toThrow('error_code');
  });
});

describe('a request that is generated from the document', () => {
  /** Callers of every role, deactivated, of another organization, anonymous, and programs. */
  const CALLERS = [1, 2, 3, 42, 4, 5, 6, 101, 142, 'nobody', 'broken', 'key', 'auditor'] as const;
  type Caller = (typeof CALLERS)[number];
  const keys = new Map<Caller, string>();

  beforeAll(async () => {
    keys.set('key', await gateway.apiKey({}));
    keys.set('auditor', await gateway.apiKey({ scopes: ['audit:read'] }));
  });

  /** The credential that the request carries. */
  function credentialOf(caller: Caller): Pick<RequestOptions, 'user' | 'apiKey' | 'headers'> {
    if (typeof caller === 'number') return { user: caller };
    if (caller === 'broken') return { headers: { authorization: 'Bearer x' } };
    const apiKey = keys.get(caller);
    return apiKey === undefined ? {} : { apiKey };
  }

  const isVerification = ({ path }: MadeRequest): boolean => path.startsWith('/api/admin/audit-logs/verify');

  const MALFORMED = /^(422 VALIDATION_ERROR|400 INVALID_JSON|413|415)/;

  /**
   * The gateway itself checks its answer against the document; what remains is whether it judged the request correctly.
   */
  async function ask({ method, path, headers, rawBody, broken }: MadeRequest, caller: Caller): Promise<void> {
    const credential = credentialOf(caller);
    const answer = await gateway.rest(method, path, {
      ...credential,
      headers: { ...headers, ...credential.headers },
      ...(rawBody !== undefined && { rawBody }),
    });
    const code = `${String(answer.status)} ${String(answer.body?.error_code)}`;
    const told = [code, method, path, rawBody];
    if (answer.status >= 500) throw new Error(`A fault of the gateway: ${told.join(' ')}`);
    // Only an admin is never refused for another reason first.
    if (caller !== 1 || MALFORMED.test(code) === (broken !== null)) return;
    throw new Error(`Broken: ${String(broken)}, but answered with ${told.join(' ')}`);
  }

  it(
    'is answered as documented, is refused as malformed if and only if it is, and never causes an internal error',
    async () => {
      // Half of them by an admin, for whom most can be judged.
      const callers = fc.oneof(fc.constant(1 as const), fc.constantFrom(...CALLERS));
      const request = fc.tuple(requestsOf(document), callers);
      // Two at a time, as many as exports may run at once; one of verifications.
      await fc.assert(
        fc.asyncProperty(request, request, async (one, other) => {
          const first = ask(...one);
          if (isVerification(one[0]) && isVerification(other[0])) await first;
          await Promise.all([first, ask(...other)]);
        }),
        { numRuns: cases(120, 5_000), endOnFailure: true },
      );
    },
    cases(600_000, 3_600_000),
  );
});
