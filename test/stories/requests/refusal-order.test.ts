import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';
import { codeOf, graphqlCodeOf } from '../../support/refusals';

/** The order of refusals (docs/approval-policy.md#order-of-refusals): which of several faults the caller is told. */
let gateway: Gateway;
/** Decided actions: of scores 35 and 72, and one that user 42 submitted. */
let low = 0;
let high = 0;
let own = 0;

beforeAll(async () => {
  gateway = await startGateway();
  [low = 0, high = 0] = await gateway.addActions([35, 72]);
  [own = 0] = await gateway.addActions([10], { submitter: 42 });
  const body = { action_ids: [low, high, own] };
  const answer = await gateway.rest('POST', BULK, { user: 1, body });
  expect(answer.body).toMatchObject({ succeeded: 3 });
});
afterAll(() => gateway.close());

const APPROVE = '/api/v1/actions/12345/approve';
const BULK = '/api/v1/actions/bulk-approve';
const UNKNOWN = 987_654_321;
const ANALYST = 4;

async function codes(requests: readonly (readonly [string, string, RequestOptions])[]) {
  const answers: string[] = [];
  for (const [method, path, options] of requests)
    answers.push(codeOf(await gateway.rest(method, path, options)));
  return answers;
}

describe('a caller is told of the credential before their input,', () => {
  const badPath = '/api/v1/actions/abc/approve';
  const malformed = { headers: { 'content-type': 'application/json' }, rawBody: '{' };
  const untyped = { headers: { 'content-type': 'text/plain' }, rawBody: '{' };

  it('without one', async () => {
    const requests = [
      ['POST', badPath, {}],
      ['POST', APPROVE, malformed],
      ['POST', APPROVE, untyped],
      ['POST', BULK, { body: [] }],
      ['GET', '/api/v1/actions/abc', {}],
      ['GET', '/api/v1/actions?limit=0', {}],
      ['GET', '/api/admin/audit-logs?limit=0', {}],
    ] as const;
    expect(await codes(requests)).toEqual(requests.map(() => '401 MISSING_AUTH'));
  });

  it('with an invalid one', async () => {
    const headers = { ...malformed.headers, authorization: 'Bearer a.b.c' };
    const requests = [
      ['POST', badPath, { headers }],
      ['POST', APPROVE, { ...malformed, headers }],
      ['GET', '/api/v1/actions/abc', { headers }],
    ] as const;
    expect(await codes(requests)).toEqual(requests.map(() => '401 INVALID_TOKEN'));
  });

  it('with an API key, which decides nothing', async () => {
    const apiKey = await gateway.apiKey({});
    const requests = [
      ['POST', badPath, { apiKey }],
      ['POST', BULK, { apiKey, body: [] }],
      ['GET', '/api/admin/audit-logs?limit=0', { apiKey }],
    ] as const;
    expect(await codes(requests)).toEqual(requests.map(() => '401 JWT_REQUIRED'));
  });
});

it('an analyst is told of a malformed request before their role', async () => {
  const json = { 'content-type': 'application/json' };
  const requests = [
    ['POST', '/api/v1/actions/abc/approve', { user: ANALYST }],
    ['POST', APPROVE, { user: ANALYST, headers: json, rawBody: '{' }],
    ['POST', APPROVE, { user: ANALYST, headers: { 'content-type': 'text/plain' }, rawBody: '{}' }],
    ['POST', BULK, { user: ANALYST, body: { action_ids: [] } }],
    ['POST', APPROVE, { user: ANALYST, headers: json, rawBody: Buffer.alloc(10_000_000, ' ') }],
    ['GET', '/api/admin/audit-logs?limit=0', { user: ANALYST }],
    ['GET', '/api/admin/audit-logs?limit=1', { user: ANALYST }],
  ] as const;
  expect(await codes(requests)).toEqual([
    '422 VALIDATION_ERROR',
    '400 INVALID_JSON',
    '415 UNSUPPORTED_MEDIA_TYPE',
    '422 VALIDATION_ERROR',
    '413 PAYLOAD_TOO_LARGE',
    '422 VALIDATION_ERROR',
    '403 INSUFFICIENT_PERMISSIONS',
  ]);
  const mutation = 'mutation { approveAction(actionId: "x") { actionId } }';
  expect(graphqlCodeOf(await gateway.graphql(mutation, { user: ANALYST }))).toBe('VALIDATION_ERROR');
});

it.each([
  ['an analyst of their role before an unknown id', ANALYST, () => UNKNOWN, '403 INSUFFICIENT_PERMISSIONS'],
  ["a manager of another organization's id before their level", 3, () => 22346, '404 ACTION_NOT_FOUND'],
  ['a manager of their level before the state', 3, () => high, '403 APPROVAL_LEVEL_REQUIRED'],
  ['a limited manager of their level before their limit', 5, () => high, '403 APPROVAL_LEVEL_REQUIRED'],
  ['a limited manager of their limit before the state', 5, () => low, '403 RISK_LIMIT_EXCEEDED'],
  ['a submitter of their own action before the state', 42, () => own, '403 SELF_APPROVAL_FORBIDDEN'],
  ['a manager who may decide it of the state', 3, () => low, '400 INVALID_STATE'],
])('the gateway tells %s', async (_order, user, id, expected) => {
  const code = expected.slice(4);
  const path = `/api/v1/actions/${String(id())}`;
  expect(
    await codes([
      ['POST', `${path}/approve`, { user }],
      ['POST', `${path}/reject`, { user }],
    ]),
  ).toEqual([expected, expected]);
  const mutation = 'mutation($id: ID!) { approveAction(actionId: $id) { actionId } }';
  expect(graphqlCodeOf(await gateway.graphql(mutation, { user, variables: { id: id() } }))).toBe(code);
  const bulk = await gateway.rest('POST', BULK, { user, body: { action_ids: [id()] } });
  const { error_code, results } = bulk.body as { error_code?: string; results?: { error_code: string }[] };
  expect(error_code ?? results?.[0]?.error_code).toBe(code);
});
