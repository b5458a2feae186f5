import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';
import { expectDemoActionsUntouched, expectEach, graphqlBody, graphqlCodeOf } from '../../support/refusals';

/** Whatever is sent to /graphql, the answer says what is wrong, and nothing is decided. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
expectDemoActionsUntouched(() => gateway);

const ADMIN = 1;
const APPROVE =
  'mutation($id: ID!, $reason: String) { approveAction(actionId: $id, reason: $reason) { actionId } }';
const BULK = 'mutation($ids: [ID!]!) { bulkApproveActions(actionIds: $ids) { requested } }';
const READ = 'query($id: ID!) { action(id: $id) { id } }';
const READ_ENTRY = 'query($id: ID!) { auditLog(id: $id) { id } }';

/** An admin's POST of exactly this text or these bytes. */
const post = (rawBody: string | Buffer, options: RequestOptions = {}) =>
  gateway.rest('POST', '/graphql', {
    user: ADMIN,
    headers: { 'content-type': 'application/json' },
    rawBody,
    ...options,
  });
/** An admin's operation with variables written as JSON. */
const run = (query: string, variables: string) =>
  post(`{"query":${JSON.stringify(query)},"variables":${variables}}`);

describe('an id that is no integer from 1 to 2^53-1', () => {
  const texts = [
    ...'0 -1 +1 1.0 1e3 01 0x3039 9007199254740992 9223372036854775808 abc 12345;x ١٢٣ １２'.split(' '),
    ...['', ' ', ' 12345', '12345 ', '12345\n', '\0', '\ud800', '9'.repeat(400)],
  ];
  const ids = [
    ...texts.map((id) => JSON.stringify(id)),
    ...'0 -1 1.5 12345.5 1e30 9007199254740993 true null {} [12345] [["x"]]'.split(' '),
  ];

  it('is a VALIDATION_ERROR for an admin who decides', async () => {
    const ask = async (id: string) => [
      graphqlCodeOf(await run(APPROVE, `{"id":${id}}`)),
      graphqlCodeOf(await run(BULK, `{"ids":[12346,${id}]}`)),
    ];
    await expectEach(ids, ask, ['VALIDATION_ERROR', 'VALIDATION_ERROR']);
  });

  it('is a VALIDATION_ERROR for an admin who reads', async () => {
    const ask = async (id: string) => [
      graphqlCodeOf(await run(READ, `{"id":${id}}`)),
      graphqlCodeOf(await run(READ_ENTRY, `{"id":${id}}`)),
    ];
    await expectEach(ids, ask, ['VALIDATION_ERROR', 'VALIDATION_ERROR']);
  });

  it('is never rounded to the nearest valid one', async () => {
    const ask = async (id: string) => [
      graphqlCodeOf(await run(APPROVE, `{"id":${id}}`)),
      graphqlCodeOf(await run(BULK, `{"ids":[12346,${id}]}`)),
    ];
    await expectEach(['12345.0000000000001', '12344.9999999999999'], ask, [
      'VALIDATION_ERROR',
      'VALIDATION_ERROR',
    ]);
  });

  it('is refused in the document too', async () => {
    const ask = async (id: string) => {
      const answer = await gateway.graphql(`mutation { approveAction(actionId: ${id}) { actionId } }`, {
        user: ADMIN,
      });
      return graphqlBody(answer).errors?.length;
    };
    const literals = '0 -1 12345.0 1e3 012345 9007199254740993 "9007199254740993" "1.0" true null {} [12345]';
    await expectEach(literals.split(' '), ask, 1);
  });
});

describe('an invalid value', () => {
  it('as a variable of a decision is a VALIDATION_ERROR', async () => {
    const wrong: unknown[] = [
      ...[{}, { id: 12345, reason: 5 }, { id: 12345, reason: ['x'] }, { id: 12345, reason: {} }],
      ...['x'.repeat(2001), '😀'.repeat(2001), '\ud800', '\0'].map((reason) => ({ id: 12345, reason })),
    ];
    const ask = async (variables: unknown) => graphqlCodeOf(await run(APPROVE, JSON.stringify(variables)));
    await expectEach(wrong, ask, 'VALIDATION_ERROR');
  });

  it('as the ids of a bulk is a VALIDATION_ERROR', async () => {
    const lists: unknown[] = [[], Array<number>(501).fill(12345), [12345, null], [[12345]], 'x', null, {}];
    const ask = async (ids: unknown) => graphqlCodeOf(await run(BULK, JSON.stringify({ ids })));
    await expectEach(lists, ask, 'VALIDATION_ERROR');
  });

  it('as the size of a page is a VALIDATION_ERROR', async () => {
    const sizes = ['first: 0', 'first: -1', 'first: 101', 'last: 0', 'last: 101', 'first: 1, last: 1'];
    const ask = async (args: string) => [
      graphqlCodeOf(await gateway.graphql(`{ actions(${args}) { edges { cursor } } }`, { user: ADMIN })),
      graphqlCodeOf(await gateway.graphql(`{ auditLogs(${args}) { edges { cursor } } }`, { user: ADMIN })),
    ];
    await expectEach([...sizes, 'offset: -1'], ask, ['VALIDATION_ERROR', 'VALIDATION_ERROR']);
    const entries = '{ action(id: 12345) { auditLogs(first: 101) { edges { cursor } } } }';
    expect(graphqlCodeOf(await gateway.graphql(entries, { user: ADMIN }))).toBe('VALIDATION_ERROR');
  });

  it('as a cursor is a VALIDATION_ERROR, as is one of a list in another order', async () => {
    const byRisk = await gateway.graphql(
      '{ actions(first: 1, orderBy: {field: RISK_SCORE}) { pageInfo { endCursor } } }',
      { user: ADMIN },
    );
    const { endCursor } = (graphqlBody(byRisk).data as { actions: { pageInfo: { endCursor: string } } })
      .actions.pageInfo;
    const at = '2026-01-20T14:35:00.000Z';
    const places = [
      ...[[], null, 5, ['submittedAt'], ['submittedAt', 'x', 1], ['submittedAt', at, 1.5]],
      ...[
        ['submittedAt', at, 'x'],
        ['submittedAt', at, null],
        ['submittedAt', 5, 1],
        ['riskScore', 5, 1],
      ],
      // Times that JavaScript reads and PostgreSQL refuses.
      ...[
        ['submittedAt', '2026-02-30T00:00:00.000Z', 1],
        ['submittedAt', '0000-01-01T00:00:00.000Z', 1],
      ],
    ];
    const cursors = [
      ...[endCursor, '', 'garbage', '\0', '%', 'x'.repeat(10_000)],
      ...places.map((place) => Buffer.from(JSON.stringify(place)).toString('base64url')),
    ];
    const query = (way: string) => `query($cursor: String) { actions(${way}: $cursor) { edges { cursor } } }`;
    const ask = async (cursor: string) => [
      graphqlCodeOf(await run(query('after'), JSON.stringify({ cursor }))),
      graphqlCodeOf(await run(query('before'), JSON.stringify({ cursor }))),
    ];
    await expectEach(cursors, ask, ['VALIDATION_ERROR', 'VALIDATION_ERROR']);
  });

  it('as a filter is a VALIDATION_ERROR', async () => {
    const actions = [
      ...[{ decidedBy: ['x'] }, { decidedBy: [42, 0] }, { status: ['BOGUS'] }, { minRiskScore: 'x' }],
      ...[{ submittedFrom: 'yesterday' }, { decidedTo: '2026-13-01T00:00:00Z' }, { submittedTo: 5.5 }],
      ...[{ search: 'a\0' }, { agentId: ['\0'] }, { actionType: ['x', '\0'] }, { search: 5 }, { nothing: 1 }],
    ];
    const entries = [
      ...[
        { actorId: ['x'] },
        { actionId: [12345, '1.0'] },
        { correlationId: ['\0'] },
        { actionType: ['\0'] },
      ],
      ...[{ search: '\0' }, { from: 'yesterday' }],
    ];
    const list = (name: string, filter: string) =>
      `query($filter: ${filter}) { ${name}(filter: $filter) { totalCount edges { cursor } } }`;
    const askWith = (query: string) => async (filter: unknown) =>
      graphqlCodeOf(await run(query, JSON.stringify({ filter })));
    await expectEach<unknown, unknown>(actions, askWith(list('actions', 'ActionFilter')), 'VALIDATION_ERROR');
    await expectEach<unknown, unknown>(
      entries,
      askWith(list('auditLogs', 'AuditLogFilter')),
      'VALIDATION_ERROR',
    );
  });
});

describe('a request', () => {
  it("that is no GraphQL is reported as its sender's fault", async () => {
    const bodies = [
      ...['', 'null', '[]', '"x"', '5', 'true', '{}', '{"query":null}', '{"query":5}', '{"query":""}'],
      ...['{"query":"{"}', '{"query":"{ nothing }"}', '{"query":"\\ud800"}', '[{"query":"{viewer{id}}"}]'],
      ...['{"query":"{viewer{id}}","variables":5}', '{"query":"{viewer{id}}","operationName":"X"}'],
      ...['{"query":"{viewer{id}}","extensions":5}', '{"query":"query A{viewer{id}} query B{viewer{id}}"}'],
      ...[500, 5_000, 50_000].map((deep) => `{"query":"${'{a'.repeat(deep)}${'}'.repeat(deep)}"}`),
    ];
    // In the legacy media type a document that is wrong is a 200: test/stories/api/graphql-over-http.test.ts.
    const headers = { 'content-type': 'application/json', accept: 'application/graphql-response+json' };
    const ask = async (body: string) => {
      const answer = await post(body, { headers });
      return [
        answer.status,
        (graphqlBody(answer).errors?.length ?? 0) > 0,
        /stacktrace|node_modules/.test(answer.text),
      ];
    };
    await expectEach(bodies, ask, [400, true, false]);
  });

  it('that is not JSON, not UTF-8, not typed as JSON or too large gets the same codes as over REST', async () => {
    const notUtf8 = Buffer.concat([Buffer.from('{"query":"{viewer{id '), Buffer.from('ff7d7d227d', 'hex')]);
    const answers = [
      await post('{'),
      await post(notUtf8),
      await post('{viewer{id}}', { headers: { 'content-type': 'text/plain' } }),
      await post(Buffer.alloc(10_000_000, ' ')),
    ];
    expect(answers.map((answer) => [answer.status, graphqlCodeOf(answer)])).toEqual([
      [400, 'INVALID_JSON'],
      [422, 'VALIDATION_ERROR'],
      [415, 'UNSUPPORTED_MEDIA_TYPE'],
      [413, 'PAYLOAD_TOO_LARGE'],
    ]);
  });

  it('with two decisions in its operation is refused, however they are written', async () => {
    const one = 'approveAction(actionId: 12345) { actionId }';
    const two = 'rejectAction(actionId: 12346) { actionId }';
    const bulk = 'bulkApproveActions(actionIds: [12347]) { requested }';
    const documents = [
      `mutation M { ${one} ${two} }`,
      `mutation M { a: ${one} b: approveAction(actionId: 12346) { actionId } }`,
      `mutation M { a: ${bulk} b: ${bulk} }`,
      `mutation M { ${one} ${bulk} }`,
      `mutation M { ${one} ... on Mutation { ${two} } }`,
      `mutation M { ... { ... { ${one} } } ... { ${two} } }`,
      `mutation M { ...A ...B } fragment A on Mutation { ${one} } fragment B on Mutation { ${two} }`,
      `mutation M { ...A } fragment A on Mutation { ${one} ...B } fragment B on Mutation { ${two} }`,
      `query Q { viewer { id } } mutation M { ${one} ${two} }`,
    ];
    const ask = async (query: string) => {
      const answer = await gateway.rest('POST', '/graphql', {
        user: ADMIN,
        body: { query, operationName: 'M' },
      });
      return [graphqlCodeOf(answer), graphqlBody(answer).data ?? null];
    };
    await expectEach(documents, ask, ['VALIDATION_ERROR', null]);
  });

  it('by GET decides nothing', async () => {
    const query = encodeURIComponent('mutation { approveAction(actionId: 12345) { actionId } }');
    const headers = { 'apollo-require-preflight': 'yes' };
    const answer = await gateway.rest('GET', `/graphql?query=${query}`, { user: ADMIN, headers });
    expect(answer.status).toBe(405);
  });

  it('with several operations in its document runs the named one', async () => {
    const [first = 0, second = 0] = await gateway.addActions([10, 10]);
    const query = `mutation A { approveAction(actionId: ${String(first)}) { actionId } }
      mutation B { rejectAction(actionId: ${String(second)}) { actionId } }`;
    const answer = await gateway.rest('POST', '/graphql', { user: 42, body: { query, operationName: 'B' } });
    expect(answer.body).toEqual({ data: { rejectAction: { actionId: String(second) } } });
    const rows = await gateway.database.sql('SELECT id, status FROM actions WHERE id = ANY($1) ORDER BY id', [
      [first, second],
    ]);
    expect(rows).toEqual([
      { id: first, status: 'pending_approval' },
      { id: second, status: 'denied' },
    ]);
  });
});
