import { decide, APIS, type Verdict } from '../../support/apis';
import { startGateway, type Gateway } from '../../support/gateway';
import { changePolicy, policyOf } from '../../support/policies';
import { python, secondVerdict } from '../../support/second-verifier';
import { kindsOf, recordsIn, verdictOn } from '../../support/sealed-log';

/**
 * A quorum is lowered below the approvals that an action has: those who voted may confirm, or reject, and nobody waits
 * for ever.
 */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const [ADMIN, SECURITY, MANAGER, SENIOR] = [1, 2, 3, 42];
const VOTERS = [SECURITY, MANAGER, SENIOR];

/** An action with three approvals, of which four were required, and now one. */
async function stuckAction(): Promise<number> {
  await changePolicy(gateway, { quorum: { low: 4 } });
  const [id = 0] = await gateway.addActions([35], { submitter: ADMIN });
  for (const user of VOTERS) expect((await decide(gateway, 'rest', 'approve', id, { user })).http).toBe(202);
  await changePolicy(gateway, { quorum: { low: 1 } });
  return id;
}

const now = async (id: number) => {
  const query = `{ action(id: ${String(id)}) { status approvalsReceived decidedBy { id } votes { user { id } verdict }
    viewerCanApprove { allowed code } viewerCanReject { allowed code } } }`;
  return (await gateway.graphql(query, { user: MANAGER })).body.data.action;
};

const lastEntry = async (id: number) => {
  const [row] = await gateway.database.sql(
    `SELECT action_type, actor_id, approvals_received, approvals_required, details FROM audit_log
     WHERE action_id = $1 ORDER BY id DESC LIMIT 1`,
    [id],
  );
  return row;
};

it('a change of the policy approves nothing by itself', async () => {
  const id = await stuckAction();
  expect(await now(id)).toMatchObject({
    status: 'PENDING_APPROVAL',
    approvalsReceived: 3,
    viewerCanApprove: { allowed: true, code: null },
    viewerCanReject: { allowed: true, code: null },
  });
});

describe.each(APIS)('over %s', (api) => {
  it.each<[Verdict, string, string]>([
    ['approve', 'APPROVED', 'action_approved'],
    ['reject', 'DENIED', 'action_denied'],
  ])(
    'a reviewer who voted before may %s, which decides and counts nobody twice',
    async (verdict, status, type) => {
      const id = await stuckAction();
      const { data } = (
        await gateway.graphql(
          '{ actions(filter: { decidableByViewer: true }, first: 1) { edges { node { id } } } }',
          {
            user: MANAGER,
          },
        )
      ).body;
      expect(data.actions.edges[0].node.id).toBe(String(id));
      expect((await decide(gateway, api, verdict, id, { user: MANAGER })).code).toBeNull();
      expect(await now(id)).toMatchObject({
        status,
        approvalsReceived: 3,
        decidedBy: { id: String(MANAGER) },
      });
      expect((await now(id)).votes).toHaveLength(4);
      expect(await lastEntry(id)).toMatchObject({
        action_type: type,
        actor_id: MANAGER,
        approvals_received: 3,
        approvals_required: 1,
      });
      expect((await decide(gateway, api, verdict, id, { user: SENIOR })).code).toBe('INVALID_STATE');
    },
  );
});

it('a bulk confirms as a single decision does', async () => {
  const id = await stuckAction();
  const body = { action_ids: [id] };
  const { body: answer } = await gateway.rest('POST', '/api/v1/actions/bulk-approve', { user: SENIOR, body });
  expect(answer).toMatchObject({ succeeded: 1, results: [{ action_id: id, status: 'approved' }] });
});

it('of reviewers who confirm at the same moment one decides', async () => {
  for (let round = 0; round < 5; round += 1) {
    const id = await stuckAction();
    const attempts = [...VOTERS, ...VOTERS].map((user) => decide(gateway, 'rest', 'approve', id, { user }));
    const codes = (await Promise.all(attempts)).map(({ code }) => code);
    expect(codes.sort()).toEqual([...Array.from({ length: 5 }, () => 'INVALID_STATE'), null].sort());
    expect(await now(id)).toMatchObject({ status: 'APPROVED', approvalsReceived: 3 });
  }
});

it('a reviewer who voted waits for the others again where the quorum is raised back', async () => {
  const id = await stuckAction();
  await changePolicy(gateway, { quorum: { low: 5 } });
  expect((await decide(gateway, 'rest', 'approve', id, { user: MANAGER })).code).toBe('ALREADY_VOTED');
  await changePolicy(gateway, { quorum: { low: 1 } });
});

it('an auditor finds such decisions in order, with either verifier', async () => {
  const id = await stuckAction();
  await decide(gateway, 'rest', 'approve', id, { user: MANAGER });
  const records = await recordsIn(gateway.database.application, 1);
  expect(kindsOf(await verdictOn(records))).toEqual([]);
  const bundle = records.map((record) => `${JSON.stringify(record)}\n`).join('');
  if (python !== null) expect(secondVerdict(bundle)).toEqual(['not sealed', 'not anchored']);
  // The same second approval, where the quorum was not met before it, is a fault.
  const forged = records.map((record) =>
    record.type === 'unsealed' && record.canonical.includes('confirms an earlier')
      ? { ...record, canonical: record.canonical.replace('"approvals_required":1', '"approvals_required":4') }
      : record,
  );
  expect(kindsOf(await verdictOn(forged))).toContain('VOTED_TWICE');
});

it('an admin whose change leaves actions that nobody can decide is told how many', async () => {
  await gateway.database
    .sql(`UPDATE actions SET status = 'expired', expires_at = now(), submitted_at = now() - interval '1 hour'
    WHERE organization_id = 1 AND status = 'pending_approval' AND expires_at IS NULL`);
  const codes = async () => (await policyOf(gateway, ADMIN)).warnings.map(({ code }) => code);
  await gateway.addActions([95, 95, 35], { submitter: ADMIN });
  await gateway.database.sql(
    `UPDATE users SET active = false WHERE organization_id = 1 AND role = 'admin' AND id <> $1`,
    [ADMIN],
  );
  expect(await codes()).toContain('NOBODY_CAN_DECIDE');
  const changed = await changePolicy(gateway, { ownActionsAllowed: true });
  expect(changed.warnings.map(({ code }) => code)).not.toContain('NOBODY_CAN_DECIDE');
  const { warnings } = await changePolicy(gateway, { ownActionsAllowed: false });
  expect(warnings.find(({ code }) => code === 'NOBODY_CAN_DECIDE')?.detail).toMatch(/^2 pending actions/);
});
