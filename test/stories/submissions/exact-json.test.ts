import fc from 'fast-check';
import { isExact, repeatedName, withoutNumbers } from '../../../src/domain/json-text';
import { startGateway, type Gateway } from '../../support/gateway';
import { codeOf, faultsOf, graphqlBody, graphqlCodeOf } from '../../support/refusals';

/** What is approved is what was sent: a number is exact or refused, and a name occurs once in an object. */
let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const ANALYST = 4;
const headers = { 'content-type': 'application/json' };
const SUBMIT = '/api/v1/actions/submit';
const submit = (fields: string) =>
  gateway.rest('POST', SUBMIT, {
    user: ANALYST,
    headers,
    rawBody: `{"agent_id":"a","action_type":"t",${fields}}`,
  });
const graphql = (rawBody: string, user = ANALYST) =>
  gateway.rest('POST', '/graphql', { user, headers, rawBody });
const MUTATION = 'mutation ($i: SubmitActionInput!) { submitAction(input: $i) { action { parameters } } }';
/** The input as variables, and as a literal of the document. */
const byVariables = (json: string) =>
  graphql(`{"query":"${MUTATION}","variables":{"i":{"agentId":"a","actionType":"t",${json}}}}`);
const byLiteral = (fields: string) =>
  gateway.graphql(
    `mutation { submitAction(input: { agentId: "a", actionType: "t", ${fields} }) { action { parameters } } }`,
    { user: ANALYST },
  );

/** Numbers that a double would change. */
const CHANGED = [
  ...['100.00000000000000001', '12.345678901234567890', '1.000000000000000001', '1e-400', '-1e-400'],
  ...['1e400', '9007199254740993', '-9007199254740993', '12345678901234567890', '0.1000000000000000055'],
  ...['4.9e-324', '50.000000000000000000001', '1.0000000000000002220446049250313', `0.${'1'.repeat(60_000)}`],
];
/** Numbers that a double keeps, and how they are returned. */
const KEPT: readonly (readonly [string, string])[] = [
  ...(['0.1', '-1.5', '9007199254740991', '5e-324', '0.30000000000000004', '1e-7'] as const).map(
    (number) => [number, number] as const,
  ),
  ...[
    ['1.50', '1.5'],
    ['1E2', '100'],
    ['100.00', '100'],
    ['0.000000', '0'],
    ['0e999', '0'],
    ['12.0e1', '120'],
  ].map(([sent = '', stored = '']) => [sent, stored] as const),
];

describe("a number in an agent's submission", () => {
  it.each(CHANGED)('that would be changed is refused, wherever it occurs: %#', async (number) => {
    const before = await gateway.database.sql('SELECT count(*) FROM actions');
    for (const field of ['parameters', 'context', 'risk_indicators'])
      for (const value of [`{"x":${number}}`, `{"x":[{"y":[1,${number}]}]}`]) {
        const answer = await submit(`"${field}":${value}`);
        expect(codeOf(answer)).toBe('422 VALIDATION_ERROR');
        expect(faultsOf(answer).map(({ loc, type }) => [loc.join('.'), type])).toEqual([
          [`body.${field}`, 'number'],
        ]);
      }
    const score = await submit(`"risk_score":${number}`);
    expect(faultsOf(score).map(({ loc }) => loc.join('.'))).toEqual(['body.risk_score']);
    expect(graphqlCodeOf(await byVariables(`"parameters":{"x":[${number}]}`))).toBe('VALIDATION_ERROR');
    expect(graphqlCodeOf(await byVariables(`"riskScore":${number}`))).toBe('VALIDATION_ERROR');
    expect(graphqlBody(await byLiteral(`parameters: { x: [${number}] }`)).errors).toHaveLength(1);
    expect(graphqlBody(await byLiteral(`riskScore: ${number}`)).errors).toHaveLength(1);
    expect(await gateway.database.sql('SELECT count(*) FROM actions')).toEqual(before);
  });

  it.each(KEPT)('that a double keeps is stored as that number: %s', async (sent, stored) => {
    const { body } = await submit(`"parameters":{"x":${sent}}`);
    const query = `{ action(id: ${String(body.action_id)}) { parameters } }`;
    const { text } = await gateway.graphql(query, { user: ANALYST });
    expect(/"x":([^}]*)}/.exec(text)?.[1]).toBe(stored);
    for (const answer of [
      await byVariables(`"parameters":{"x":${sent}}`),
      await byLiteral(`parameters: { x: ${sent} }`),
    ])
      expect(/"x":([^}]*)}/.exec(answer.text)?.[1]).toBe(stored);
  });

  it('in a list of ids or a filter is not rounded to another one', async () => {
    const bulk = await gateway.rest('POST', '/api/v1/actions/bulk-approve', {
      user: 1,
      headers,
      rawBody: '{"action_ids":[12345.00000000000000001]}',
    });
    expect(codeOf(bulk)).toBe('422 VALIDATION_ERROR');
    const query = '{ actions(filter: { minRiskScore: 89.999999999999999999 }) { edges { cursor } } }';
    expect(graphqlBody(await gateway.graphql(query, { user: ANALYST })).errors).toHaveLength(1);
  });

  it('in an unknown field is ignored, like every unknown field', async () => {
    expect((await submit(`"unknown":${'1'.repeat(60_000)}`)).status).toBe(200);
  });
});

describe('a repeated name in one object', () => {
  it.each([
    '"parameters":{"amount":1,"amount":1000000}',
    '"agent_id":"b"',
    '"risk_indicators":{"pii":true,"pii":false}',
    String.raw`"parameters":{"amount":1,"\u0061mount":2}`,
    String.raw`"parameters":{"a\/b":1,"a/b":2}`,
    '"parameters":{"x":[[{"a":1,"b":{},"a":1}]]}',
    '"parameters":{"__proto__":1,"__proto__":2}',
    '"parameters":{"":1,"" \n :2}',
    '"unknown":{"a":1,"a":1}',
  ])('is refused in a REST body: %s', async (fields) => {
    expect(codeOf(await submit(fields))).toBe('400 INVALID_JSON');
  });

  it.each([
    '{"query":"{ viewer { id } }","query":"{ viewer { name } }"}',
    '{"query":"{ viewer { id } }","variables":{"a":1,"a":1}}',
    '{"query":"{ viewer { id } }","variables":{},"variables":{}}',
    String.raw`{"query":"{ viewer { id } }","extensions":{"x":{"a":1,"\u0061":1}}}`,
    '{"query":"{ viewer { id } }","operationName":null,"operationName":null}',
  ])('is refused in a GraphQL body: %s', async (rawBody) => {
    const answer = await graphql(rawBody);
    expect([answer.status, graphqlCodeOf(answer)]).toEqual([400, 'INVALID_JSON']);
  });

  it.each(['variables', 'extensions'])('is refused in the query string: %s', async (name) => {
    const json = encodeURIComponent('{"a":{"b":1,"b":2}}');
    const path = `/graphql?query=${encodeURIComponent('{ viewer { id } }')}&${name}=${json}`;
    const answer = await gateway.rest('GET', path, {
      user: ANALYST,
      headers: { 'apollo-require-preflight': '1' },
    });
    expect([answer.status, graphqlCodeOf(answer)]).toEqual([400, 'INVALID_JSON']);
  });

  it('is refused where a program only approves, and would not notice', async () => {
    const rawBody = '{"reason":"no","reason":"yes"}';
    const answer = await gateway.rest('POST', '/api/v1/actions/12345/approve', { user: 1, headers, rawBody });
    expect(codeOf(answer)).toBe('400 INVALID_JSON');
  });

  it('is no fault in two objects, as a value, or inside a text', async () => {
    const fields = String.raw`"parameters":{"a":{"a":"a"},"b":[{"a":1},{"a":2}],"c":"\"a\":1,\"a\":2"}`;
    expect((await submit(fields)).status).toBe(200);
  });
});

describe('the reader of JSON texts', () => {
  it('finds no repeated name in anything that JavaScript writes, and leaves its numbers', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(0, 1, 4), (json, space) => {
        const text = JSON.stringify(JSON.parse(json), null, space);
        expect([repeatedName(text), withoutNumbers(text, isExact)]).toEqual([null, text]);
      }),
    );
  });

  it('finds whatever name is repeated, however it is escaped', () => {
    const escaped = (name: string) =>
      Array.from(
        { length: name.length },
        (_, at) => `\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}`,
      ).join('');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.json(), (name, value) => {
        const text = `[{${JSON.stringify(name)}:${value},"${escaped(name)}" : 1}]`;
        expect(repeatedName(text)).toBe(name);
      }),
    );
  });

  it('accepts every number that JavaScript writes, and none with one digit more than it keeps', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: 1e-5, max: 1e15 }), (value) => {
        const written = String(value);
        const longer = `${written}${written.includes('.') ? '' : '.'}${'0'.repeat(25)}1`;
        expect([isExact(written), isExact(value.toExponential()), isExact(longer)]).toEqual([
          true,
          true,
          false,
        ]);
      }),
    );
  });

  it.each(['[', '{"a":'])('needs no stack for depth: %s', (opening) => {
    const depth = 100_000;
    const text = `${opening.repeat(depth)}1${(opening === '[' ? ']' : '}').repeat(depth)}`;
    expect([repeatedName(text), withoutNumbers(text, isExact)]).toEqual([null, text]);
  });
});
