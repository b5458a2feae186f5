import { expireIn, storedStatuses, sweepAfterAll } from '../../support/expiry';
import {
  ACTION,
  AGENT,
  ALL_STATUSES,
  ELIGIBLE,
  expiryOf,
  NAMES,
  readAction,
  readList,
  startSituations,
  STATUSES,
  UNSWEPT,
  type Situations,
} from '../../support/expiry-situations';
import type { Answer, Gateway } from '../../support/gateway';

/** What people read of expired actions, marked or not (docs/approval-policy.md#expiry). */
let gateway: Gateway;
let ids: Situations['ids'];
let voteEntry: number;
let apiKey: string;

const [ADMIN, SECURITY, SENIOR, ANALYST] = [1, 2, 42, 4];

beforeAll(async () => {
  ({ gateway, ids, voteEntry, apiKey } = await startSituations());
});
afterAll(() => gateway.close());

const unswept = (): Promise<string[]> => storedStatuses(gateway.database, [ids.overdue, ids.voted]);

describe('an overdue action that no sweep has marked', () => {
  beforeEach(async () => {
    expect(await unswept()).toEqual(['pending_approval', 'pending_approval']);
  });

  it.each(UNSWEPT)('is expired for every reader, since the moment it expired: %s', async (name) => {
    const expiresAt = (await expiryOf(gateway, ids[name])).toISOString();
    expect((await readAction(gateway, ids[name], ADMIN)).body.data.action).toMatchObject({
      status: 'EXPIRED',
      expiresAt,
      updatedAt: expiresAt,
      decidedAt: null,
      decidedBy: null,
      correlationId: null,
      approvalsReceived: name === 'voted' ? 1 : 0,
      votes: name === 'voted' ? [{ verdict: 'APPROVE', user: { id: String(ADMIN) } }] : [],
    });
  });

  it.each(UNSWEPT)('is expired for a legacy client, person or program, that polls it: %s', async (name) => {
    const at = `${(await expiryOf(gateway, ids[name])).toISOString().slice(0, 19)}Z`;
    for (const by of [{ user: ANALYST }, { apiKey }]) {
      const path = `/api/v1/actions/${String(ids[name])}`;
      expect((await gateway.rest('GET', path, by)).body).toMatchObject({
        status: 'expired',
        updated_at: at,
        decided_by: null,
        decided_at: null,
      });
      expect((await gateway.rest('GET', `${path}/status`, by)).body).toMatchObject({
        status: 'expired',
        timestamp: at,
        decision_ready: true,
        decision: 'denied',
        reason: `Expired at ${at} without a decision`,
      });
    }
  });

  it('is expired in the audit entry of a vote on it', async () => {
    const query = 'query ($id: ID!) { auditLog(id: $id) { actionType action { id status } } }';
    const { body } = await gateway.graphql(query, { user: ANALYST, variables: { id: voteEntry } });
    const action = { id: String(ids.voted), status: 'EXPIRED' };
    expect(body.data.auditLog).toEqual({ actionType: 'vote_recorded', action });
  });

  it.each(UNSWEPT)('can be decided by nobody, and each reviewer can read so beforehand: %s', async (name) => {
    const late = {
      allowed: false,
      code: 'INVALID_STATE',
      detail: 'Action is not pending approval (current status: expired)',
      approvalsMissing: 0,
    };
    for (const user of [ADMIN, SECURITY])
      expect((await readAction(gateway, ids[name], user)).body.data.action).toMatchObject({
        viewerCanApprove: late,
        viewerCanReject: late,
      });
  });
});

it('an action with time left, or without an end, is pending, and one that was decided in time stays decided', async () => {
  for (const name of NAMES)
    expect((await readAction(gateway, ids[name], ADMIN)).body.data.action).toMatchObject({
      status: STATUSES[name],
      expiresAt: name === 'never' ? null : (await expiryOf(gateway, ids[name])).toISOString(),
    });
  for (const name of ['never', 'future'] as const) {
    const { body: read } = await readAction(gateway, ids[name], ADMIN);
    expect(read.data.action.viewerCanApprove.allowed).toBe(true);
    const { body } = await gateway.rest('GET', `/api/v1/actions/${String(ids[name])}/status`, {
      user: ADMIN,
    });
    expect(body).toMatchObject({
      status: 'pending_approval',
      decision_ready: false,
      decision: 'pending',
      reason: null,
    });
  }
});

it('an action expires for a reader who polls it, without any write', async () => {
  const [action = 0] = await gateway.addActions([35]);
  await expireIn(gateway.database, 0.2, [action]);
  const status = async (): Promise<string> =>
    (await readAction(gateway, action, ADMIN)).body.data.action.status;
  while ((await status()) === 'PENDING_APPROVAL');
  expect(await status()).toBe('EXPIRED');
  expect(await storedStatuses(gateway.database, [action])).toEqual(['pending_approval']);
});

it('a reviewer who decides in time gets the action as it is then, with its expiry', async () => {
  const [low = 0, high = 0] = await gateway.addActions([35, 72]);
  await expireIn(gateway.database, 86_400, [low, high]);
  const decided = [
    [low, 'APPROVED'],
    [high, 'PENDING_APPROVAL'],
  ] as const;
  for (const [id, status] of decided) {
    const { body } = await gateway.graphql(
      `mutation ($id: ID!) { approveAction(actionId: $id) {
         decidedAt action { status expiresAt updatedAt } auditLog { action { status expiresAt updatedAt } } } }`,
      { user: ADMIN, variables: { id } },
    );
    const { decidedAt, action, auditLog } = body.data.approveAction;
    const expiresAt = (await expiryOf(gateway, id)).toISOString();
    expect(action).toEqual({ status, expiresAt, updatedAt: decidedAt });
    expect(auditLog).toEqual({ action });
  }
});

it('every read is the same, byte for byte, before a sweep and after it', async () => {
  const before = await everything();
  const failed = [...before].filter(([, answer]) => !/^200 [{[]/.test(answer) || answer.includes('"errors"'));
  expect(failed).toEqual([]);
  expect(await unswept()).toEqual(['pending_approval', 'pending_approval']);
  await sweepAfterAll(gateway.database);
  expect(await unswept()).toEqual(['expired', 'expired']);
  expect(await everything()).toEqual(before);
});

/** Every read of the actions, each by its request: the status and the text of its answer. */
async function everything(): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  const keep = async (name: string, asked: Promise<Answer>): Promise<void> => {
    const { status, text } = await asked;
    answers.set(name, `${String(status)} ${text}`);
  };
  for (const name of NAMES) {
    for (const user of [ADMIN, ANALYST])
      await keep(`${name} by ${String(user)}`, readAction(gateway, ids[name], user));
    for (const end of ['', '/status'])
      await keep(
        `${name}${end} over REST`,
        gateway.rest('GET', `/api/v1/actions/${String(ids[name])}${end}`, { apiKey }),
      );
  }
  for (const status of [null, ...ALL_STATUSES.map((one) => [one])])
    for (const decidableByViewer of [null, true, false])
      for (const orderBy of [undefined, { field: 'RISK_SCORE', direction: 'ASC' }]) {
        const filter = { status, decidableByViewer };
        await keep(JSON.stringify([filter, orderBy]), readList(gateway, filter, SENIOR, orderBy));
      }
  for (const status of ['', ...ALL_STATUSES]) {
    const path = `/api/v1/actions?agent_id=${AGENT}&status_filter=${status.toLowerCase()}`;
    await keep(path, gateway.rest('GET', path, { apiKey }));
  }
  const entry = `{ auditLog(id: ${String(voteEntry)}) { action { ${ACTION} } } } ${ELIGIBLE}`;
  await keep('entry', gateway.graphql(entry, { user: ANALYST }));
  return answers;
}
