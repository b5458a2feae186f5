import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';

/**
 * What a query shows depends on the viewer: their own organization, and as much of it as they may see
 * (docs/authentication.md#who-reads-what).
 */
const ACME = { admin: 1, security: 2, manager: 3, senior: 42, analyst: 4, limited: 5 } as const;
const GLOBEX = { admin: 101, manager: 142, user: 104 } as const;
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

async function ask(query: string, caller: RequestOptions) {
  const { body } = await gateway.graphql(query, caller);
  if (body.errors !== undefined) throw new Error(JSON.stringify(body.errors));
  return body.data;
}

/** The one error of an answer, as its code. */
async function codeOf(query: string, caller: RequestOptions): Promise<unknown> {
  const { body } = await gateway.graphql(query, caller);
  return body.errors?.map(({ extensions }: { extensions: { code: string } }) => extensions.code);
}

describe('a viewer who asks who they are', () => {
  it.each([
    [{ id: '1', name: 'Ada Admin', role: 'ADMIN', approvalLevel: null, maxRiskScore: null, active: true }],
    [{ id: '42', name: 'Sue Senior', role: 'MANAGER', approvalLevel: 2, maxRiskScore: null, active: true }],
    [{ id: '5', name: 'Lea Limited', role: 'MANAGER', approvalLevel: null, maxRiskScore: 30, active: true }],
    [{ id: '2', name: 'Sam Security', role: 'SECURITY_MANAGER', approvalLevel: null, active: true }],
    [{ id: '104', name: 'Uma User', role: 'USER', approvalLevel: null, maxRiskScore: null, active: true }],
  ])('learns: %j', async (expected) => {
    const query = '{ viewer { id name role approvalLevel maxRiskScore active } }';
    expect((await ask(query, { user: Number(expected.id) })).viewer).toMatchObject(expected);
  });

  it('learns nothing without a valid token', async () => {
    expect(await codeOf('{ viewer { id } }', {})).toEqual(['MISSING_AUTH']);
    const gone = await gateway.graphql('{ viewer { id } }', { user: 6 });
    expect([gone.status, gone.body.errors[0].error_code]).toEqual([401, 'INVALID_TOKEN']);
  });
});

describe('a program with an API key', () => {
  it('with actions:read reads actions, and may decide none of them', async () => {
    const apiKey = await gateway.apiKey({ scopes: ['actions:read'] });
    const fields =
      'id submittedBy { name } viewerCanApprove { allowed code } viewerCanReject { allowed code }';
    const query = `{ action(id: 12346) { ${fields} } actions(first: 2) { totalCount edges { node { ${fields} } } } }`;
    const { action, actions } = await ask(query, { apiKey });
    const never = { allowed: false, code: 'JWT_REQUIRED' };
    const shown = { viewerCanApprove: never, viewerCanReject: never };
    expect(action).toEqual({ id: '12346', submittedBy: { name: 'Ann Analyst' }, ...shown });
    expect(actions.edges).toMatchObject([{ node: shown }, { node: shown }]);
  });

  it('does not read the audit log, by any path, and is no viewer', async () => {
    const apiKey = await gateway.apiKey({ scopes: ['actions:submit', 'actions:read'], owner: ACME.admin });
    for (const query of [
      '{ auditLogs { edges { node { id } } } }',
      '{ auditLog(id: 1) { id } }',
      '{ action(id: 12346) { auditLogs { edges { node { id } } } } }',
      '{ actions(first: 1) { edges { node { auditLogs { totalCount } } } } }',
      '{ viewer { id } }',
      '{ approvalPolicy { version } }',
      '{ users { edges { node { id } } } }',
    ]) {
      expect(await codeOf(query, { apiKey })).toEqual(['JWT_REQUIRED']);
      expect(await codeOf(query, { headers: { authorization: `Bearer ${apiKey}` } })).toEqual([
        'JWT_REQUIRED',
      ]);
    }
  });

  it('without actions:read reads no action', async () => {
    const apiKey = await gateway.apiKey({ scopes: ['actions:submit'] });
    for (const query of ['{ action(id: 12346) { id } }', '{ actions { edges { node { id } } } }'])
      expect(await codeOf(query, { apiKey })).toEqual(['INSUFFICIENT_PERMISSIONS']);
  });
});

describe("another organization's rows", () => {
  it('are visible to nobody, in no query, filter or nested field', async () => {
    await gateway.rest('POST', '/api/v1/actions/12300/approve', { user: ACME.senior });
    // A denial by role is recorded in the organization of the caller, and names an action of the other one.
    await gateway.rest('POST', '/api/v1/actions/12300/approve', { user: GLOBEX.user });
    const [{ id: theirs, correlationId }] = (await gateway.database.sql(
      `SELECT id, correlation_id AS "correlationId" FROM audit_log
       WHERE organization_id = 1 AND action_id = 12300 AND action_type = 'action_approved'`,
    )) as [{ id: number; correlationId: string }];
    const apiKey = await gateway.apiKey({ organization: 2 });
    const asked = `action(id: 12300) { id votes { reason } }
      actions(first: 100) { totalCount edges { node { id agentId submittedBy { id } } } }
      mine: actions(filter: {decidedBy: [42]}) { totalCount }
      queue: actions(filter: {decidableByViewer: true}, first: 100) { edges { node { submittedBy { id } } } }`;
    const count = async (table: string) => {
      const text = `SELECT count(*) AS count FROM ${table} WHERE organization_id = 2`;
      const [row] = await gateway.database.sql<{ count: number }>(text);
      return row?.count;
    };
    for (const caller of [{ user: GLOBEX.admin }, { user: GLOBEX.user }, { apiKey }]) {
      const { action, actions, mine, queue } = await ask(`{ ${asked} }`, caller);
      expect([action, mine.totalCount, actions.totalCount]).toEqual([null, 0, await count('actions')]);
      expect(queue.edges).toHaveLength(caller.user === GLOBEX.admin ? 2 : 0);
      for (const { node } of [...actions.edges, ...queue.edges])
        expect(Number(node.submittedBy.id)).toBeGreaterThan(100);
    }
    for (const user of [GLOBEX.admin, GLOBEX.user]) {
      const { auditLog, all, byActor, byCorrelation, byAction } = await ask(
        `{ auditLog(id: ${String(theirs)}) { id }
           all: auditLogs(first: 100) { totalCount edges { node { id actor { id } action { id } } } }
           byActor: auditLogs(filter: {actorId: [42]}) { totalCount }
           byCorrelation: auditLogs(filter: {correlationId: ["${correlationId}"]}) { totalCount }
           byAction: auditLogs(filter: {actionId: [12300]}) { edges { node { actor { id } actionId action { id } } } } }`,
        { user },
      );
      expect([auditLog, byActor.totalCount, byCorrelation.totalCount]).toEqual([null, 0, 0]);
      expect(all.totalCount).toBe(await count('audit_log'));
      expect(byAction.edges).toEqual([{ node: { actor: { id: '104' }, actionId: '12300', action: null } }]);
    }
    const { users, approvalPolicy } = await ask(
      `{ users(first: 100) { totalCount edges { node { id } } }
         approvalPolicy { managerMaxRiskScore history { totalCount edges { node { managerMaxRiskScore } } } } }`,
      { user: GLOBEX.admin },
    );
    expect(users.edges).toEqual(['101', '104', '142'].map((id) => ({ node: { id } })));
    const policies = { totalCount: 1, edges: [{ node: { managerMaxRiskScore: 69 } }] };
    expect([users.totalCount, approvalPolicy]).toEqual([3, { managerMaxRiskScore: 69, history: policies }]);
    const told = await ask(
      '{ action(id: 12300) { auditLogs { totalCount edges { node { actionType actor { id } } } } } }',
      { user: ACME.admin },
    );
    const only = { actionType: 'action_approved', actor: { id: '42' } };
    expect(told.action.auditLogs).toEqual({ totalCount: 1, edges: [{ node: only }] });
  });
});

describe('a list', () => {
  it('takes as many statements for 100 rows as for one, however deep', async () => {
    // The newest: a hundred actions, each submitted, refused to somebody and decided, by different people.
    const ids = [
      ...(await gateway.addActions(
        Array.from({ length: 50 }, () => 50),
        { submitter: ACME.analyst },
      )),
      ...(await gateway.addActions(
        Array.from({ length: 50 }, () => 50),
        { submitter: ACME.limited },
      )),
    ];
    const bulk = (verdict: string, user: number, actionIds: number[]) =>
      gateway.rest('POST', `/api/v1/actions/bulk-${verdict}`, { user, body: { action_ids: actionIds } });
    await bulk('approve', ACME.manager, ids);
    const even = ids.filter((id) => id % 2 === 0);
    await bulk('approve', ACME.senior, even);
    await bulk('reject', ACME.security, ids);
    const person = '{ id name role }';
    const deep = (
      first: number,
    ) => `{ actions(first: ${String(first)}) { totalCount pageInfo { hasNextPage } edges { node {
      id riskLevel submittedBy ${person} decidedBy ${person} viewerCanApprove { allowed code } viewerCanReject { code }
      auditLogs(first: 3) { totalCount edges { node { actionType actor ${person} action { id decidedBy ${person} } } } }
    } } } }`;
    const deepAudit = (first: number) => `{ auditLogs(first: ${String(first)}) { totalCount edges { node {
      id actor ${person} action { id submittedBy ${person} decidedBy ${person} auditLogs { totalCount edges { node {
      id actor ${person} } } } } } } } }`;
    for (const [field, query] of [
      ['actions', deep],
      ['auditLogs', deepAudit],
    ] as const) {
      const taken: number[] = [];
      for (const first of [1, 10, 100]) {
        gateway.database.statements.length = 0;
        const { edges } = (await ask(query(first), { user: ACME.admin }))[field];
        taken.push(gateway.database.statements.length);
        expect(edges).toHaveLength(first);
        const [{ node }] = edges;
        const nested = (field === 'actions' ? node : node.action).auditLogs;
        expect(nested.totalCount).toBeGreaterThanOrEqual(2);
        expect(nested.edges[0].node.actor.id).toMatch(/^\d+$/);
      }
      expect(taken).toEqual([taken[0], taken[0], taken[0]]);
    }
  });

  it('takes as many statements for 100 rows with votes as for one, with their voters and who may still vote', async () => {
    await gateway.database.sql(
      `WITH added AS (
         INSERT INTO approval_policies (organization_id, version, document)
         SELECT id, policy_version + 1, '{"quorum": {"medium": 3}}' FROM organizations WHERE id = 1 RETURNING version
       )
       UPDATE organizations SET policy_version = added.version FROM added WHERE id = 1`,
    );
    const ids = await gateway.addActions(Array.from({ length: 100 }, () => 50));
    const even = ids.filter((id) => id % 2 === 0);
    for (const [user, actionIds] of [
      [ACME.security, ids],
      [ACME.senior, even],
    ] as const)
      await gateway.rest('POST', '/api/v1/actions/bulk-approve', { user, body: { action_ids: actionIds } });
    const nodes = async (first: number, asked: string) => {
      const query = `{ actions(first: ${String(first)}, filter: {status: [PENDING_APPROVAL]}) { edges { node { id ${asked} } } } }`;
      gateway.database.statements.length = 0;
      const { edges } = (await ask(query, { user: ACME.senior })).actions;
      return edges.map(({ node }: { node: Record<string, unknown> }) => node);
    };
    for (const [asked, statements] of [
      ['viewerCanApprove { allowed } viewerCanReject { allowed }', ['list']],
      ['votes { verdict }', ['list']],
      [
        `votes { user { id } } viewerCanReject { code }
         viewerCanApprove { allowed code detail approvalsMissing votes { user { name } } }`,
        ['list', 'users_by_id'],
      ],
    ] as const)
      for (const first of [1, 10, 100]) {
        expect(await nodes(first, asked)).toHaveLength(first);
        const names = gateway.database.statements.map(({ name }) => name.replace(/^list_.*/, 'list'));
        expect(names).toEqual(['reviewer_by_identity', 'list', ...statements]);
      }
    const told = await nodes(100, 'votes { user { id } } viewerCanApprove { code votes { user { id } } }');
    const [sam, sue] = [{ user: { id: '2' } }, { user: { id: '42' } }];
    const expected = ids.toReversed().map((id) => {
      const votes = id % 2 === 0 ? [sam, sue] : [sam];
      const code = id % 2 === 0 ? 'ALREADY_VOTED' : null;
      return { id: String(id), votes, viewerCanApprove: { code, votes } };
    });
    expect(told).toEqual(expected);
  });
});
