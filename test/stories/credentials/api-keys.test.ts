import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';
import { codeOf, graphqlBody, graphqlCodeOf } from '../../support/refusals';

/**
 * What an API key may do, in every header that can carry it: never decide
 * (docs/authentication.md#api-keys-never-decide).
 */
let gateway: Gateway;
/** User 2's key, which reads actions. */
let key = '';

beforeAll(async () => {
  gateway = await startGateway();
  key = await gateway.apiKey({ owner: 2 });
});
afterAll(() => gateway.close());

const READS = ['/api/v1/actions/12345', '/api/v1/actions/12345/status', '/api/v1/actions?limit=1'];
const ACTION = '{ action(id: 12345) { id } }';

/** Every header that can carry a key. */
const WAYS: readonly (readonly [string, (key: string) => Record<string, string>])[] = [
  ['X-API-Key', (k) => ({ 'x-api-key': k })],
  ['Authorization: Bearer', (k) => ({ authorization: `Bearer ${k}` })],
  ['both, as the SDK does', (k) => ({ 'x-api-key': k, authorization: `Bearer ${k}` })],
];
const get = (path: string, headers: Record<string, string>) => gateway.rest('GET', path, { headers });
/** Changes this key's row; returns the headers that carry it. */
async function changed(set: string, values: unknown[] = []) {
  const fresh = await gateway.apiKey({ owner: 2 });
  const [{ id } = { id: 0 }] = await gateway.database.sql<{ id: number }>(
    'SELECT max(id) AS id FROM api_keys',
  );
  await gateway.database.sql(`UPDATE api_keys SET ${set} WHERE id = ${String(id)}`, values);
  return { 'x-api-key': fresh };
}

describe.each(WAYS)('a key in %s', (_where, headersWith) => {
  it('reads its own organization and no other', async () => {
    for (const path of READS) expect((await get(path, headersWith(key))).status).toBe(200);
    expect(codeOf(await get('/api/v1/actions/22345', headersWith(key)))).toBe('404 ACTION_NOT_FOUND');
    const answer = await gateway.graphql(ACTION, { headers: headersWith(key) });
    expect(answer.body).toEqual({ data: { action: { id: '12345' } } });
  });

  it('never decides, although its owner may, and the attempt is in the audit log', async () => {
    const fresh = await gateway.apiKey({ owner: 2 });
    const headers = headersWith(fresh);
    const attempts: [string, RequestOptions][] = [
      ['/api/v1/actions/12345/approve', { headers }],
      ['/api/v1/actions/12345/reject', { headers, body: { reason: 'x' } }],
      ['/api/v1/actions/bulk-approve', { headers, body: { action_ids: [12345] } }],
      ['/api/v1/actions/bulk-reject', { headers, body: { action_ids: [12345] } }],
    ];
    for (const [path, options] of attempts) {
      const answer = await gateway.rest('POST', path, options);
      expect(codeOf(answer)).toBe('401 JWT_REQUIRED');
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer /);
    }
    const mutations = [
      'approveAction(actionId: 12345) { actionId }',
      'rejectAction(actionId: 12345) { actionId }',
      'bulkApproveActions(actionIds: [12345]) { requested }',
      'bulkRejectActions(actionIds: [12345]) { requested }',
    ];
    for (const field of mutations) {
      const answer = await gateway.graphql(`mutation { ${field} }`, { headers });
      expect([answer.status, graphqlCodeOf(answer)]).toEqual([200, 'JWT_REQUIRED']);
    }
    const status = await get('/api/v1/actions/12345/status', headers);
    expect(status.body).toMatchObject({ status: 'pending_approval' });
    const entries = await gateway.database.sql(
      `SELECT action_type, refusal_code, action_id, on_behalf_of FROM audit_log
       WHERE actor_kind = 'api_key' AND actor_id = (SELECT max(id) FROM api_keys) ORDER BY id`,
    );
    const entry = { action_type: 'decision_refused', refusal_code: 'JWT_REQUIRED', on_behalf_of: 2 };
    // One for each verdict: a denied approval hides no denied rejection.
    expect(entries).toEqual([
      { ...entry, action_id: 12345 },
      { ...entry, action_id: 12345 },
      { ...entry, action_id: null },
      { ...entry, action_id: null },
    ]);
  });

  it('reads neither the audit log nor a viewer', async () => {
    const headers = headersWith(key);
    expect(codeOf(await get('/api/admin/audit-logs', headers))).toBe('401 JWT_REQUIRED');
    const fields = ['auditLogs { totalCount }', 'auditLog(id: 1) { id }', 'viewer { id }'];
    const nested = 'action(id: 12345) { auditLogs { totalCount } }';
    for (const field of [
      ...fields,
      nested,
      'actions { edges { node { auditLogs { edges { node { id } } } } } }',
    ])
      expect(graphqlCodeOf(await gateway.graphql(`{ ${field} }`, { headers }))).toBe('JWT_REQUIRED');
    const asked =
      '{ action(id: 12345) { viewerCanApprove { allowed code } viewerCanReject { allowed code } } }';
    const no = { allowed: false, code: 'JWT_REQUIRED' };
    expect(graphqlBody(await gateway.graphql(asked, { headers })).data).toEqual({
      action: { viewerCanApprove: no, viewerCanReject: no },
    });
  });

  it('without the scope actions:read reads nothing', async () => {
    for (const scopes of [[], ['actions:submit']]) {
      const headers = headersWith(await gateway.apiKey({ scopes }));
      for (const path of READS) expect(codeOf(await get(path, headers))).toBe('403 INSUFFICIENT_PERMISSIONS');
      for (const query of [ACTION, '{ actions { totalCount } }'])
        expect(graphqlCodeOf(await gateway.graphql(query, { headers }))).toBe('INSUFFICIENT_PERMISSIONS');
    }
  });
});

describe('an invalid key', () => {
  const unknown = `csk_${'A'.repeat(43)}`;

  it.each([
    ['unknown', () => ({ 'x-api-key': unknown }), 'INVALID_API_KEY'],
    ['unknown, as Bearer', () => ({ authorization: `Bearer ${unknown}` }), 'INVALID_API_KEY'],
    [
      'of the right beginning',
      () => ({ 'x-api-key': key.slice(0, 20) + unknown.slice(20) }),
      'INVALID_API_KEY',
    ],
    ['cut short', () => ({ 'x-api-key': key.slice(0, -1) }), 'INVALID_API_KEY'],
    ['of other letter case', () => ({ 'x-api-key': key.toUpperCase() }), 'INVALID_API_KEY'],
    ['garbage', () => ({ 'x-api-key': 'garbage' }), 'INVALID_API_KEY'],
    ['a JWT', () => ({ 'x-api-key': gateway.token(1) }), 'INVALID_API_KEY'],
    ['a JWT with its scheme', () => ({ 'x-api-key': `Bearer ${gateway.token(1)}` }), 'INVALID_API_KEY'],
    ['revoked', () => changed('revoked_at = now()'), 'REVOKED_API_KEY'],
    ['expired', () => changed("expires_at = now() - interval '1 second'"), 'EXPIRED_API_KEY'],
    ["a deactivated owner's", () => changed('owner_id = 6'), 'INVALID_API_KEY'],
  ])('is a 401 because it is %s', async (_why, makeHeaders, code) => {
    const headers = await makeHeaders();
    const read = await get('/api/v1/actions/12345', headers);
    expect(codeOf(read)).toBe(`401 ${code}`);
    expect(read.headers.get('www-authenticate')).toMatch(/^Bearer /);
    const decide = await gateway.rest('POST', '/api/v1/actions/12345/approve', { headers });
    expect(codeOf(decide)).toBe(`401 ${code}`);
    const graphql = await gateway.graphql(ACTION, { headers });
    expect([graphql.status, graphqlCodeOf(graphql)]).toEqual([401, code]);
  });

  it('is refused from the very next request on', async () => {
    const fresh = { 'x-api-key': await gateway.apiKey({ owner: 2 }) };
    const read = () => get('/api/v1/actions/12345', fresh);
    const change = (set: string) =>
      gateway.database.sql(`UPDATE api_keys SET ${set} WHERE id = (SELECT max(id) FROM api_keys)`);
    expect((await read()).status).toBe(200);
    await change("scopes = '{}'");
    expect((await read()).status).toBe(403);
    await change("scopes = '{actions:read}', expires_at = now() + interval '1 hour'");
    expect((await read()).status).toBe(200);
    await change('revoked_at = now()');
    expect((await read()).status).toBe(401);
  });
});

it('an auditor who reads of an attempt with a key learns the key and its owner', async () => {
  const headers = { 'x-api-key': await gateway.apiKey({ owner: 3 }) };
  await gateway.rest('POST', '/api/v1/actions/12346/approve', { headers });
  const query = `{ auditLogs(filter: { actionId: [12346] }, first: 1) { edges { node { actorKind actorId actor { id } } } } }`;
  const { body } = await gateway.graphql(query, { user: 1 });
  const [key] = await gateway.database.sql<{ id: number }>('SELECT max(id) AS id FROM api_keys');
  const node = { actorKind: 'API_KEY', actorId: String(key?.id), actor: { id: '3' } };
  expect(body.data.auditLogs.edges).toEqual([{ node }]);
});
