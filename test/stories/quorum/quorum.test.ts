import type { Gateway } from '../../support/gateway';
import {
  decideOverGraphql,
  decideOverRest,
  APIS,
  newPolicy,
  REVIEWERS,
  startRace,
} from '../../support/racing';

/** Where the policy requires several reviewers, here three for medium risk (docs/approval-policy.md#quorum). */
let gateways: readonly [Gateway, Gateway];
let gateway: Gateway;
let close: () => Promise<void>;

const SCORE = 50;
const [ANN = 0, BOB = 0, CAT = 0, DAN = 0] = REVIEWERS;

beforeAll(async () => {
  ({ gateways, close } = await startRace());
  [gateway] = gateways;
  await gateway.database.sql(newPolicy({ approvalLevels: true, quorum: { medium: 3 } }));
});
afterAll(() => close());

describe('three approvals are required', () => {
  it('over REST: 202 with the counts while approvals are missing, then the documented 200', async () => {
    const [action = 0] = await gateway.addActions([SCORE]);
    const approve = (user: number): ReturnType<Gateway['rest']> =>
      gateway.rest('POST', `/api/v1/actions/${String(action)}/approve`, { user });
    for (const [index, user] of [ANN, BOB].entries()) {
      const { status, body } = await approve(user);
      expect(status).toBe(202);
      expect(body).toEqual({
        action_id: action,
        status: 'pending_approval',
        approvals_received: index + 1,
        approvals_required: 3,
        correlation_id: expect.any(String) as string,
      });
    }
    const last = await approve(CAT);
    expect(last.status).toBe(200);
    expect(last.body).toMatchObject({ action_id: action, status: 'approved', approved_by: CAT });
    expect(await entriesOf(action)).toEqual([
      ['vote_recorded', ANN, 1, 3],
      ['vote_recorded', BOB, 2, 3],
      ['action_approved', CAT, 3, 3],
    ]);
  });

  it('over GraphQL: PENDING_APPROVAL with the counts and the entry of the vote, then APPROVED', async () => {
    const [action = 0] = await gateway.addActions([SCORE]);
    const approve = async (user: number): Promise<unknown> => {
      const { body } = await gateway.graphql(
        `mutation ($id: ID!) { approveAction(actionId: $id) {
           status verdict approvalsReceived approvalsRequired decidedBy { id } auditLog { actionType } action { status } } }`,
        { user, variables: { id: action } },
      );
      return (body as { data: { approveAction: unknown } }).data.approveAction;
    };
    for (const [index, user] of [ANN, BOB, CAT].entries()) {
      const status = index === 2 ? 'APPROVED' : 'PENDING_APPROVAL';
      expect(await approve(user)).toEqual({
        status,
        verdict: 'APPROVE',
        approvalsReceived: index + 1,
        approvalsRequired: 3,
        decidedBy: { id: String(user) },
        auditLog: { actionType: index === 2 ? 'action_approved' : 'vote_recorded' },
        action: { status },
      });
    }
  });

  it('at a risk level without a quorum only one: there is no vote_recorded', async () => {
    const [action = 0] = await gateway.addActions([10]);
    const { status } = await gateway.rest('POST', `/api/v1/actions/${String(action)}/approve`, { user: ANN });
    expect(status).toBe(200);
    expect(await entriesOf(action)).toEqual([['action_approved', ANN, 1, 1]]);
  });
});

it('a reviewer who has voted can read so beforehand too, and others read no such thing', async () => {
  const [voted = 0, other = 0] = await gateway.addActions([SCORE, SCORE]);
  await gateway.rest('POST', `/api/v1/actions/${String(voted)}/approve`, { user: ANN });
  const told = async (user: number): Promise<unknown> => {
    const ask = (id: number): string =>
      `action(id: ${String(id)}) { viewerCanApprove { allowed code } viewerCanReject { allowed code } }`;
    const { body } = await gateway.graphql(`{ voted: ${ask(voted)} other: ${ask(other)} }`, { user });
    return body.data;
  };
  const may = { allowed: true, code: null };
  const mayNot = { allowed: false, code: 'ALREADY_VOTED' };
  const free = { viewerCanApprove: may, viewerCanReject: may };
  expect(await told(ANN)).toEqual({
    voted: { viewerCanApprove: mayNot, viewerCanReject: mayNot },
    other: free,
  });
  expect(await told(BOB)).toEqual({ voted: free, other: free });
});

describe.each(APIS)('over %s', (_api, decide) => {
  it('a person has one vote: ALREADY_VOTED while it is pending, whatever the verdict, and INVALID_STATE after', async () => {
    const [action = 0] = await gateway.addActions([SCORE]);
    const tryTo = async (verdict: 'approve' | 'reject', user: number): Promise<string | null | undefined> =>
      (await decide(gateway, user, verdict, action))[0]?.code;
    expect(await tryTo('approve', ANN)).toBeNull();
    expect(await tryTo('approve', ANN)).toBe('ALREADY_VOTED');
    expect(await tryTo('reject', ANN)).toBe('ALREADY_VOTED');
    expect(await actionNow(action)).toEqual({ status: 'pending_approval', approvals: 1, votes: 1 });
    expect(await tryTo('approve', BOB)).toBeNull();
    expect(await tryTo('approve', CAT)).toBeNull();
    expect(await tryTo('approve', ANN)).toBe('INVALID_STATE');
    expect(await tryTo('approve', DAN)).toBe('INVALID_STATE');
    expect(await actionNow(action)).toEqual({ status: 'approved', approvals: 3, votes: 3 });
  });

  it('one rejection decides, even one approval short: it cannot be outvoted later', async () => {
    const [action = 0] = await gateway.addActions([SCORE]);
    await decide(gateway, ANN, 'approve', action);
    await decide(gateway, BOB, 'approve', action);
    const [rejected] = await decide(gateway, CAT, 'reject', action);
    expect(rejected?.told).toMatchObject({ status: 'denied', by: CAT });
    expect((await decide(gateway, DAN, 'approve', action))[0]?.code).toBe('INVALID_STATE');
    expect(await actionNow(action)).toEqual({ status: 'denied', approvals: 2, votes: 3 });
    expect(await entriesOf(action)).toEqual([
      ['vote_recorded', ANN, 1, 3],
      ['vote_recorded', BOB, 2, 3],
      ['action_denied', CAT, 2, 3],
    ]);
  });

  it('a bulk votes on some, completes others and decides those that need only one', async () => {
    const [fresh = 0, ripe = 0, low = 0] = await gateway.addActions([SCORE, SCORE, 10]);
    for (const user of [ANN, BOB]) await decide(gateway, user, 'approve', ripe);
    const attempts = await decide(gateway, CAT, 'approve', [fresh, ripe, low]);
    expect(attempts.map(({ code, told }) => [code, told.status])).toEqual([
      [null, 'pending_approval'],
      [null, 'approved'],
      [null, 'approved'],
    ]);
  });
});

describe('at the same moment, over two gateways and both APIs', () => {
  /** Everybody named approves each action, at once; the codes and statuses of the answers, per action. */
  async function race(actions: readonly number[], users: readonly number[]): Promise<Map<number, string[]>> {
    const attempts = await Promise.all(
      users.map((user, n) => {
        const decide = (n >> 1) % 2 === 0 ? decideOverRest : decideOverGraphql;
        const inOrder = n % 3 === 0 ? [...actions].reverse() : actions;
        return decide(gateways[n % 2] ?? gateway, user, 'approve', inOrder);
      }),
    );
    const outcomes = new Map<number, string[]>(actions.map((action) => [action, []]));
    for (const { actionId, code, told } of attempts.flat()) outcomes.get(actionId)?.push(code ?? told.status);
    return new Map([...outcomes].map(([action, codes]) => [action, codes.sort()]));
  }

  it('the third and the fourth approver: one of them completes it, the other is told that it is decided', async () => {
    const actions = await gateway.addActions(Array.from({ length: 20 }, () => SCORE));
    await race(actions, [ANN]);
    await race(actions, [BOB]);
    for (const [action, outcome] of await race(actions, [CAT, DAN])) {
      expect(outcome).toEqual(['INVALID_STATE', 'approved']);
      expect(await actionNow(action)).toEqual({ status: 'approved', approvals: 3, votes: 3 });
    }
  });

  it('twenty approvers of twenty actions: three count on each, with exact counts in every entry', async () => {
    const actions = await gateway.addActions(Array.from({ length: 20 }, () => SCORE));
    const lost = Array.from({ length: 17 }, () => 'INVALID_STATE');
    for (const [action, outcome] of await race(actions, REVIEWERS.slice(0, 20))) {
      expect(outcome).toEqual([...lost, 'approved', 'pending_approval', 'pending_approval']);
      expect(await actionNow(action)).toEqual({ status: 'approved', approvals: 3, votes: 3 });
      const counted = (await entriesOf(action)).map(([type, , received, required]) => [
        type,
        received,
        required,
      ]);
      expect(counted).toEqual([
        ['vote_recorded', 1, 3],
        ['vote_recorded', 2, 3],
        ['action_approved', 3, 3],
      ]);
    }
  });

  it('one approver twenty times: one vote', async () => {
    const [action = 0] = await gateway.addActions([SCORE]);
    const outcomes = await race(
      [action],
      Array.from({ length: 20 }, () => ANN),
    );
    const again = Array.from({ length: 19 }, () => 'ALREADY_VOTED');
    expect(outcomes.get(action)).toEqual([...again, 'pending_approval']);
    expect(await actionNow(action)).toEqual({ status: 'pending_approval', approvals: 1, votes: 1 });
  });
});

async function actionNow(action: number): Promise<unknown> {
  const [row] = await gateway.database.sql(
    'SELECT status, approvals, (SELECT count(*) FROM votes WHERE action_id = a.id) AS votes FROM actions a WHERE id = $1',
    [action],
  );
  return row;
}

/** The entries of the votes on an action: type, voter, approvals received and required. */
async function entriesOf(action: number): Promise<[string, number, number, number][]> {
  const rows = await gateway.database.sql<{ entry: [string, number, number, number] }>(
    `SELECT json_build_array(action_type, actor_id, approvals_received, approvals_required) AS entry FROM audit_log
     WHERE action_id = $1 AND action_type <> 'decision_refused' ORDER BY id`,
    [action],
  );
  return rows.map(({ entry }) => entry);
}
