import { decide, APIS } from '../../support/apis';
import { startGateway, type Gateway } from '../../support/gateway';
import { MINIMAL, submit, submitThrough } from '../../support/submissions';

/** Who counts as submitter, how many of their actions may wait, and what a key sees that may only submit. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway({ maxPendingActions: 3 });
  // A second admin, whatever the demo data holds.
  await gateway.database.sql(
    `WITH added AS (INSERT INTO users (organization_id, id, name, role) VALUES (1, 900, 'Second admin', 'admin') RETURNING id)
     INSERT INTO user_identities (issuer, subject, organization_id, user_id)
     SELECT (SELECT min(issuer) FROM user_identities), 'user-900', 1, id FROM added`,
  );
});
afterAll(() => gateway.close());

const [MAKER, OTHER_ADMIN, ANALYST] = [900, 1, 4];

async function keyMadeBy(
  user: number,
  ownerId: number,
  scopes = ['actions:submit', 'actions:read'],
): Promise<string> {
  const query = `mutation ($ownerId: ID, $scopes: [String!]!) {
    createApiKey(name: "made", ownerId: $ownerId, scopes: $scopes) { key } }`;
  const { body } = await gateway.graphql(query, { user, variables: { ownerId, scopes } });
  return body.data.createApiKey.key;
}

describe.each(APIS)('over %s', (api) => {
  it('an admin who created the key for somebody else does not decide what it submits', async () => {
    const apiKey = await keyMadeBy(MAKER, ANALYST);
    const { action_id: id } = await submitThrough(gateway, api, MINIMAL, { apiKey });
    const query = `{ action(id: ${String(id)}) { viewerCanApprove { code } viewerCanReject { code } } }`;
    const refused = { code: 'SELF_APPROVAL_FORBIDDEN' };
    expect((await gateway.graphql(query, { user: MAKER })).body.data.action).toEqual({
      viewerCanApprove: refused,
      viewerCanReject: refused,
    });
    for (const verdict of ['approve', 'reject'] as const)
      expect(await decide(gateway, api, verdict, id, { user: MAKER })).toMatchObject(refused);
    expect((await decide(gateway, api, 'approve', id, { user: OTHER_ADMIN })).code).toBeNull();
  });

  it('an agent that submits what nobody can decide is told so at once, and again in a replay', async () => {
    await gateway.database.sql(
      `UPDATE users SET active = id = 1 WHERE organization_id = 1 AND role = 'admin'`,
    );
    const apiKey = await gateway.apiKey({ owner: OTHER_ADMIN });
    const request = { apiKey, headers: { 'x-correlation-id': `twice-${api}` } };
    const ask = async () => {
      if (api === 'rest') return (await submit(gateway, MINIMAL, request)).body;
      const query = `mutation { submitAction(input: { agentId: "a", actionType: "b" }) { actionId warnings { code } } }`;
      return (await gateway.graphql(query, request)).body.data.submitAction;
    };
    const first = await ask();
    expect(first.warnings).toMatchObject([{ code: 'NOBODY_CAN_DECIDE' }]);
    expect(await ask()).toEqual(first);
    await gateway.database.sql(`UPDATE users SET active = true WHERE organization_id = 1 AND role = 'admin'`);
    const { warnings } = (await submit(gateway, MINIMAL, { apiKey })).body;
    expect(warnings).toBeUndefined();
  });

  it('no more than a limited number of actions of one submitter wait: 429, until some are decided', async () => {
    const [apiKey, otherKey] = [await gateway.apiKey({ owner: 42 }), await gateway.apiKey({ owner: 42 })];
    const ids: number[] = [];
    for (let n = 0; n < 3; n += 1)
      ids.push((await submitThrough(gateway, api, MINIMAL, { apiKey }))['action_id']);
    const refused = await submitThrough(gateway, api, MINIMAL, { apiKey });
    expect(refused).toMatchObject({
      error_code: 'RATE_LIMIT_EXCEEDED',
      detail: expect.stringContaining('3 actions'),
    });
    expect(await submitThrough(gateway, api, MINIMAL, { apiKey: otherKey })).toMatchObject({
      status: 'pending_approval',
    });
    await decide(gateway, api, 'approve', ids[0], { user: OTHER_ADMIN });
    expect(await submitThrough(gateway, api, MINIMAL, { apiKey })).toMatchObject({
      status: 'pending_approval',
    });
    const { status, headers } = await submit(gateway, MINIMAL, { apiKey });
    expect([status, headers.get('retry-after')]).toEqual([429, '10']);
  });
});

it("an action that an admin submits with an operator's key is decided by any other admin", async () => {
  const apiKey = await gateway.apiKey({ owner: ANALYST });
  const { body } = await submit(gateway, MINIMAL, { apiKey });
  expect((await decide(gateway, 'rest', 'approve', body.action_id, { user: MAKER })).code).toBeNull();
});

it('a key that may only submit does not read the action, at the first submission or in a replay', async () => {
  const scopes = ['actions:submit'];
  const apiKey = await keyMadeBy(MAKER, ANALYST, scopes);
  const query = `mutation { submitAction(input: { agentId: "a", actionType: "b" }, idempotencyKey: "again") {
    actionId status action { status reason decidedBy { name } } } }`;
  const refused = [
    { extensions: { code: 'INSUFFICIENT_PERMISSIONS', status: 403 }, path: ['submitAction', 'action'] },
  ];
  const first = (await gateway.graphql(query, { apiKey })).body;
  expect(first.errors).toMatchObject(refused);
  const { actionId: id, action } = first.data.submitAction;
  expect(action).toBeNull();
  await decide(gateway, 'rest', 'reject', id, { user: OTHER_ADMIN, reason: 'Only people read this' });
  const again = await gateway.graphql(query, { apiKey });
  expect(again.body.errors).toMatchObject(refused);
  expect(again.text).not.toContain('Only people read this');
  const reading = await keyMadeBy(MAKER, ANALYST);
  expect((await gateway.graphql(query, { apiKey: reading })).body.data.submitAction.action.status).toBe(
    'PENDING_APPROVAL',
  );
});

it('an operation submits one action, however it is written', async () => {
  const one = 'submitAction(input: { agentId: "a", actionType: "b" }) { actionId }';
  const queries = [
    `mutation { a: ${one} b: ${one} }`,
    `mutation { ...F ...F2 } fragment F on Mutation { a: ${one} } fragment F2 on Mutation { b: ${one} }`,
  ];
  const count = () => gateway.database.sql('SELECT count(*) FROM actions');
  const before = await count();
  for (const query of queries) {
    const { body } = await gateway.graphql(query, { user: ANALYST });
    expect(body.errors[0].extensions.code).toBe('VALIDATION_ERROR');
  }
  expect(await count()).toEqual(before);
});
