import { decide, inRestWords, VERDICTS, type Api, type Verdict } from '../../support/apis';
import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';
import { expectParity } from '../../support/parity';

/** Each decision over REST beside its GraphQL operation: same answer, rows, denial records and statements. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const UNKNOWN_ID = 999_999_999;
const CLIENT = { 'x-correlation-id': 'client-7' };
const DECISION = `actionId status verdict decidedBy { id } decidedAt reason correlationId approvalsReceived approvalsRequired
  receipt { auditId leafHash signature }`;
const REFUSAL = `code status detail currentStatus decidedBy decidedAt requiredLevel heldLevel riskScore riskLimit
  requiredRoles heldRole submittedBy riskLevel approvalsReceived approvalsRequired`;

/** The same actions twice, one set for each API. */
async function twice(
  scores: readonly number[],
  options: { organization?: number; submitter?: number } = {},
): Promise<[number[], number[]]> {
  return [await gateway.addActions(scores, options), await gateway.addActions(scores, options)];
}

interface Decision extends Record<string, unknown> {
  readonly status: string;
  readonly verdict: string;
  readonly decidedBy: { readonly id: string };
}

/** ActionDecision as the documented REST body (docs/rest-api.md#approve-and-reject). */
function decisionBody({ decidedBy, ...decision }: Decision): Record<string, unknown> {
  const { action_id, status, reason, correlation_id, receipt, ...words } = inRestWords(decision);
  const promised = receipt === null ? {} : { audit_receipt: inRestWords(receipt as object) };
  if (decision.status === 'PENDING_APPROVAL') {
    const { approvals_received, approvals_required } = words;
    return { action_id, status, approvals_received, approvals_required, correlation_id, ...promised };
  }
  const by = decision.verdict === 'APPROVE' ? 'approved' : 'rejected';
  const given = by === 'rejected' && reason !== null ? { reason } : {};
  return {
    action_id,
    status,
    [`${by}_by`]: Number(decidedBy.id),
    [`${by}_at`]: words['decided_at'],
    ...given,
    correlation_id,
    ...promised,
  };
}

async function decideOverRest(verdict: Verdict, id: number, request: RequestOptions): Promise<unknown> {
  const answer = await gateway.rest('POST', `/api/v1/actions/${String(id)}/${verdict}?receipt=true`, {
    ...request,
    headers: CLIENT,
  });
  expect(answer.headers.get('x-correlation-id')).toBe('client-7');
  return answer.body as unknown;
}

async function decideOverGraphql(
  verdict: Verdict,
  id: number,
  { body, user }: { body?: { reason?: string | null }; user: number },
): Promise<unknown> {
  const query = `mutation ($id: ID!, $reason: String) { decision: ${verdict}Action(actionId: $id, reason: $reason) { ${DECISION} } }`;
  const answer = await gateway.graphql(query, { user, headers: CLIENT, variables: { id, ...body } });
  expect(answer.headers.get('x-correlation-id')).toBe('client-7');
  return decisionBody((answer.body as { data: { decision: Decision } }).data.decision);
}

describe.each(VERDICTS)('%s', (verdict) => {
  const status = verdict === 'approve' ? 'approved' : 'denied';

  it.each([
    ['with a reason', 42, { body: { reason: '  Checked twice – 安全 ✓ ' } }],
    ['with a blank reason', 1, { body: { reason: ' \n ' } }],
    ['with a reason of null', 2, { body: { reason: null } }],
    ['without a body', 42, {}],
  ])('by a reviewer %s is the same over either API', async (_title, user, request) => {
    const trace = await expectParity(
      gateway,
      await twice([35]),
      ([id = 0]) => decideOverRest(verdict, id, { user, ...request }),
      ([id = 0]) => decideOverGraphql(verdict, id, { user, ...request }),
    );
    const correlation = { correlation_id: 'correlation id 0' };
    expect(trace.answer).toMatchObject({ status, ...correlation });
    expect(trace.rows).toMatchObject([
      { action: { status, decided_by: user, ...correlation }, vote: { user_id: user } },
    ]);
    expect(trace.entries).toMatchObject([
      { entry: { actor_id: user, client_correlation_id: 'client-7', policy_version: 1, ...correlation } },
    ]);
  });

  it('in bulk decides and refuses the same items over either API', async () => {
    const [ids, otherIds] = await twice([35, 72, 20, 39.5]);
    for (const [, , id] of [ids, otherIds]) await decide(gateway, 'rest', 'approve', id, { user: 1 });
    const [own, otherOwn] = await twice([10], { submitter: 42 });
    const asked = (set: readonly number[]): number[] => [...set, UNKNOWN_ID, 22345, ...set.slice(0, 1)];

    const trace = await expectParity(
      gateway,
      [asked([...ids, ...own]), asked([...otherIds, ...otherOwn])],
      async (actionIds) => {
        const body = { action_ids: actionIds, reason: 'In one go' };
        const path = `/api/v1/actions/bulk-${verdict}?receipt=true`;
        return (await gateway.rest('POST', path, { user: 42, body })).body as unknown;
      },
      async (actionIds) => bulkOverGraphql(verdict, actionIds),
    );
    expect(trace.answer).toMatchObject({ status, requested: 7, succeeded: 2, failed: 5 });
    const { results } = trace.answer as { results: { error_code?: string; context?: object }[] };
    expect(results.map(({ error_code: code, context }) => [code, context])).toEqual([
      [undefined, undefined],
      ['APPROVAL_LEVEL_REQUIRED', { required_level: 3, held_level: 2 }],
      ['INVALID_STATE', { current_status: 'approved', decided_by: 1, decided_at: 'time' }],
      [undefined, undefined],
      ['SELF_APPROVAL_FORBIDDEN', { submitted_by: 42 }],
      ['ACTION_NOT_FOUND', undefined],
      ['ACTION_NOT_FOUND', undefined],
    ]);
    expect(trace.entries.map(({ entry }) => entry)).toMatchObject([
      { action_id: 'id 0', refusal_code: null },
      { action_id: 'id 3', refusal_code: null },
      { action_id: 'id 1', refusal_code: 'APPROVAL_LEVEL_REQUIRED' },
      { action_id: 'id 2', refusal_code: 'INVALID_STATE' },
      { action_id: 'id 4', refusal_code: 'SELF_APPROVAL_FORBIDDEN' },
    ]);
  });

  async function bulkOverGraphql(v: Verdict, actionIds: readonly number[]): Promise<unknown> {
    const field = v === 'approve' ? 'bulkApproveActions' : 'bulkRejectActions';
    const query = `mutation ($ids: [ID!]!) { bulk: ${field}(actionIds: $ids, reason: "In one go") {
      verdict requested succeeded failed correlationId receipt { auditIds signature }
      results { actionId decision { ${DECISION} } refusal { ${REFUSAL} } } } }`;
    const { body } = await gateway.graphql(query, { user: 42, variables: { ids: actionIds } });
    const { verdict: asked, results, receipt, ...bulk } = (body as { data: { bulk: Bulk } }).data.bulk;
    return {
      ...inRestWords(bulk),
      status: asked === 'APPROVE' ? 'approved' : 'denied',
      results: results.map(({ actionId, decision, refusal }) =>
        decision ? decisionBody(decision) : refusedItem(Number(actionId), refusal ?? {}),
      ),
      audit_receipt: inRestWords(receipt),
    };
  }
});

interface Bulk extends Record<string, unknown> {
  readonly verdict: string;
  readonly receipt: object;
  readonly results: readonly {
    readonly actionId: string;
    readonly decision: Decision | null;
    readonly refusal: Record<string, unknown> | null;
  }[];
}

/** A refused item as REST prints it: the facts of its code under `context`. */
function refusedItem(actionId: number, refusal: Record<string, unknown>): Record<string, unknown> {
  const { code, status, detail, ...facts } = inRestWords(refusal);
  const context = Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== null));
  const item = { action_id: actionId, error_code: code, detail, status };
  return Object.keys(context).length === 0 ? item : { ...item, context };
}

describe('where two approvals are required', () => {
  beforeAll(async () => {
    await gateway.database.sql(
      `INSERT INTO approval_policies (organization_id, version, document)
       SELECT organization_id, 2, document || '{"quorum": {"low": 2}}' FROM approval_policies WHERE organization_id = 2`,
    );
    await gateway.database.sql('UPDATE organizations SET policy_version = 2 WHERE id = 2');
  });

  it('the first vote, a second by the same manager and the deciding one are the same over either API', async () => {
    const sets = await twice([35], { organization: 2 });
    const vote = (user: number) =>
      expectParity(
        gateway,
        sets,
        ([id = 0]) => decideOverRest('approve', id, { user }),
        ([id = 0]) => decideOverGraphql('approve', id, { user }),
      );
    const first = await vote(142);
    expect(first.answer).toEqual({
      action_id: 'id 0',
      status: 'pending_approval',
      approvals_received: 1,
      approvals_required: 2,
      correlation_id: 'correlation id 0',
      audit_receipt: ['audit_id', 'leaf_hash', 'signature'],
    });
    expect(first.entries).toMatchObject([{ entry: { action_type: 'vote_recorded', actor_id: 142 } }]);

    // Except for the status of the HTTP answer, which is 200 over GraphQL.
    const voteAgain = async (api: Api, id: unknown): Promise<object> => ({
      ...(await decide(gateway, api, 'approve', id, { user: 142 })),
      http: null,
    });
    const again = await expectParity(
      gateway,
      sets,
      ([id]) => voteAgain('rest', id),
      ([id]) => voteAgain('graphql', id),
    );
    expect(again.answer).toEqual({
      http: null,
      status: 400,
      code: 'ALREADY_VOTED',
      detail: 'You have already voted on action id 0',
      facts: { current_status: 'pending_approval', approvals_received: 1, approvals_required: 2 },
      faults: [],
    });

    const second = await vote(101);
    expect(second.answer).toMatchObject({ status: 'approved', approved_by: 101 });
    expect(second.rows).toMatchObject([{ vote: { user_id: 101 } }, { vote: { user_id: 142 } }]);
  });
});
