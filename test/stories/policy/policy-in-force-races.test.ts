import { decide, APIS, outcomeOf, type Outcome } from '../../support/apis';
import type { Gateway } from '../../support/gateway';
import { inTurnWhileHeld } from '../../support/held-requests';
import { askToChange, policyOf } from '../../support/policies';
import { newPolicy, startRace } from '../../support/racing';

/**
 * A decision and a change of the policy at the same moment: one goes first, and the decision is by the policy that it
 * found.
 */
let gateway: Gateway;
let other: Gateway;
let close: () => Promise<void>;

const [ADMIN, SENIOR] = [1, 42];

beforeAll(async () => {
  const race = await startRace();
  [gateway, other] = race.gateways;
  close = race.close;
});
afterAll(() => close());
beforeEach(() => gateway.database.sql(newPolicy({})));

/** The approval of an action of score 10 by the senior manager, and the change by the admin. */
const CHANGES: readonly [outcome: string | null, what: string, patch: object][] = [
  ['APPROVAL_LEVEL_REQUIRED', 'asks for a higher level', { requiredLevels: { low: 3 } }],
  ['RISK_LIMIT_EXCEEDED', 'limits managers', { managerMaxRiskScore: 9.9 }],
  ['REASON_REQUIRED', 'asks for reasons to approve', { reasonRequired: { approve: ['LOW'] } }],
  ['vote', 'asks for two approvals', { quorum: { low: 2 } }],
  [null, 'asks for reasons to reject', { reasonRequired: { reject: ['LOW'] } }],
  [null, 'asks for two approvals of medium risk', { quorum: { medium: 2 } }],
  [null, 'keeps the risk level out of bulks', { excludedFromBulk: ['LOW'] }],
];

interface State {
  readonly status: string;
  readonly votes: readonly number[] | null;
  readonly entries: readonly (readonly [
    type: string,
    code: string | null,
    version: number,
    required: number | null,
  ])[];
}

async function stateOf(action: number): Promise<State | undefined> {
  const [state] = await gateway.database.sql<State & Record<string, unknown>>(
    `SELECT status, (SELECT array_agg(policy_version) FROM votes WHERE action_id = a.id) AS votes,
       (SELECT json_agg(json_build_array(action_type, refusal_code, policy_version, approvals_required) ORDER BY id)
        FROM audit_log WHERE action_id = a.id) AS entries
     FROM actions a WHERE id = $1`,
    [action],
  );
  return state;
}

describe.each(APIS)('a decision over %s', (api) => {
  const deciding = (action: number) => () => decide(gateway, api, 'approve', action, { user: SENIOR });
  const changing = (patch: object, expectedVersion: number) => async () =>
    outcomeOf(await askToChange(other, patch, { expectedVersion }));
  const codesOf = (outcomes: readonly Outcome[]) => outcomes.map(({ code }) => code);

  it.each(CHANGES)(
    'that waits for a change is by the new policy: %s where the admin %s',
    async (outcome, _what, patch) => {
      const [action = 0] = await gateway.addActions([10]);
      const { version } = await policyOf(gateway, ADMIN);
      const code = outcome === 'vote' ? null : outcome;
      // The change locks the organization and waits for its admin; the decision, authorized before, waits for it.
      const held = `SELECT FROM users WHERE id = ${String(ADMIN)} FOR UPDATE`;
      const answers = await inTurnWhileHeld(gateway, held, changing(patch, version), deciding(action));
      expect(codesOf(answers)).toEqual([null, code]);

      const isDecided = outcome === null;
      const type = isDecided ? 'action_approved' : outcome === 'vote' ? 'vote_recorded' : 'decision_refused';
      const required = isDecided ? 1 : outcome === 'vote' ? 2 : null;
      expect(await stateOf(action)).toEqual({
        status: isDecided ? 'approved' : 'pending_approval',
        votes: code === null ? [version + 1] : null,
        entries: [[type, code, version + 1, required]],
      });
    },
  );

  it('that has begun to be written is by the policy that it found, and the change comes after it', async () => {
    const [action = 0] = await gateway.addActions([10]);
    const { version } = await policyOf(gateway, ADMIN);
    // The decision locks the policy and waits for its reviewer, the last row that it locks.
    const held = `SELECT FROM users WHERE id = ${String(SENIOR)} FOR UPDATE`;
    const patch = { requiredLevels: { low: 3 } };
    const answers = await inTurnWhileHeld(gateway, held, deciding(action), changing(patch, version));
    expect(codesOf(answers)).toEqual([null, null]);
    expect(await stateOf(action)).toEqual({
      status: 'approved',
      votes: [version],
      entries: [['action_approved', null, version, 1]],
    });
    expect((await policyOf(gateway, ADMIN)).version).toBe(version + 1);
  });
});

it('a bulk that waits for a change is by the new policy, item by item', async () => {
  const [low = 0, medium = 0] = await gateway.addActions([10, 50]);
  const { version } = await policyOf(gateway, ADMIN);
  const bulk = (through: Gateway) => () =>
    through.rest('POST', '/api/v1/actions/bulk-approve', {
      user: SENIOR,
      body: { action_ids: [low, medium] },
    });
  const change = () => askToChange(other, { excludedFromBulk: ['MEDIUM'] }, { expectedVersion: version });
  const held = `SELECT FROM users WHERE id = ${String(ADMIN)} FOR UPDATE`;
  const [, answer] = await inTurnWhileHeld(gateway, held, change, bulk(gateway));
  expect(answer?.body.results).toMatchObject([
    { action_id: low, status: 'approved' },
    { action_id: medium, error_code: 'BULK_NOT_ALLOWED', status: 403 },
  ]);
  expect((await stateOf(low))?.votes).toEqual([version + 1]);
});

it('an admin who changes the policy and decides in one operation decides by the new one, and sees it', async () => {
  const [action = 0] = await gateway.addActions([10]);
  const { version } = await policyOf(gateway, ADMIN);
  const shown =
    'requiredApprovalLevel approvalsRequired viewerCanApprove { code requiredLevel approvalsMissing }';
  const { body } = await gateway.graphql(
    `mutation { changeApprovalPolicy(expectedVersion: ${String(version)}, reason: "As agreed",
         patch: { quorum: { low: 2 }, requiredLevels: { low: 4, medium: 4, high: 4 } }) { version }
       approveAction(actionId: "${String(action)}") {
         status approvalsRequired auditLog { policyVersion requiredLevel } action { ${shown} } } }`,
    { user: ADMIN },
  );
  expect(body).toEqual({
    data: {
      changeApprovalPolicy: { version: version + 1 },
      approveAction: {
        status: 'PENDING_APPROVAL',
        approvalsRequired: 2,
        auditLog: { policyVersion: version + 1, requiredLevel: 4 },
        action: {
          requiredApprovalLevel: 4,
          approvalsRequired: 2,
          viewerCanApprove: { code: 'ALREADY_VOTED', requiredLevel: 4, approvalsMissing: 1 },
        },
      },
    },
  });
});
