import { decide, APIS, type Api } from '../../support/apis';
import type { Gateway } from '../../support/gateway';
import { setUsers, trySetUser, type Patch } from '../../support/people';
import { askToChange } from '../../support/policies';
import { APIS as DECIDE_OVER, REVIEWERS, startRace } from '../../support/racing';
import { cases } from '../../support/runs';
import {
  actionApprovedBy,
  BALLOT,
  ballotOf,
  expectSoundVotes,
  fourAtATime,
  inShort,
  MEDIUM,
  setQuorum,
} from '../../support/votes';
import { whileHeld } from '../../support/waiting';

/** A vote is authorized by the voter and the policy in force when it is written, not a moment before. */
const ADMIN = 1;
/** How many actions everybody votes on while everything changes. */
const VOTED_ON = cases(60, 120);
let gateways: readonly [Gateway, Gateway];
let gateway: Gateway;
let other: Gateway;
let close: () => Promise<void>;
const reviewers = fourAtATime();

beforeAll(async () => {
  ({ gateways, close } = await startRace());
  [gateway, other] = gateways;
});
afterAll(() => close());

/** SQL that puts another quorum for medium risk in force. */
const quorumOf = (medium: number): string =>
  `WITH added AS (
     INSERT INTO approval_policies (organization_id, version, document)
     SELECT o.id, policy_version + 1, jsonb_set(document, '{quorum,medium}', '${String(medium)}')
     FROM organizations o JOIN approval_policies p ON p.organization_id = o.id AND p.version = o.policy_version
     WHERE o.id = 1 RETURNING version)
   UPDATE organizations SET policy_version = version FROM added WHERE id = 1`;

describe.each(APIS)('while a vote waits to be written, over %s', (api: Api) => {
  /** Approves while a change is made that commits only once the vote waits for it. */
  async function approveDuring(change: string, action: number, user: number) {
    const approve = () => decide(other, api, 'approve', action, { user });
    const [outcome] = await whileHeld(gateway, change, [approve]);
    return outcome;
  }

  it.each([
    ['made a user', `role = 'user'`, 'INSUFFICIENT_PERMISSIONS'],
    ['deactivated', 'active = false', 'INVALID_TOKEN'],
    ['given a lower level', 'approval_level = 1', 'APPROVAL_LEVEL_REQUIRED'],
    ['given a lower limit', 'max_risk_score = 49.5', 'RISK_LIMIT_EXCEEDED'],
  ])('its voter is %s: refused, and it does not count', async (_what, change, code) => {
    await setQuorum(gateway, 2);
    const [ann, bob, cat] = reviewers();
    const action = await actionApprovedBy(gateway, ann);
    const statement = `UPDATE users SET ${change} WHERE id = ${String(bob)}`;
    expect(await approveDuring(statement, action, bob)).toMatchObject({ code });
    expect(inShort(await ballotOf(gateway, action, cat))).toEqual({
      status: 'PENDING_APPROVAL',
      counts: [1, 2, 1],
      votes: [['APPROVE', ann]],
      code: null,
    });
    await expectSoundVotes(gateway, [action]);
  });

  it('the quorum is raised: it counts, and no longer decides', async () => {
    await setQuorum(gateway, 2);
    const [ann, bob, cat] = reviewers();
    const action = await actionApprovedBy(gateway, ann);
    expect(await approveDuring(quorumOf(3), action, bob)).toMatchObject({ code: null });
    const ballot = inShort(await ballotOf(gateway, action, cat));
    expect(ballot).toMatchObject({ status: 'PENDING_APPROVAL', counts: [2, 3, 1] });
    await expectSoundVotes(gateway, [action]);
  });

  it('the quorum is lowered: it decides', async () => {
    await setQuorum(gateway, 3);
    const [ann, bob] = reviewers();
    const action = await actionApprovedBy(gateway, ann);
    expect(await approveDuring(quorumOf(2), action, bob)).toMatchObject({ code: null });
    expect(inShort(await ballotOf(gateway, action, bob))).toMatchObject({
      status: 'APPROVED',
      counts: [2, 2, 0],
    });
    await expectSoundVotes(gateway, [action]);
  });
});

describe('the answer to a vote that was authorized again', () => {
  const answerTo = async (change: string, user: number, selection: string) => {
    await setQuorum(gateway, 2);
    const action = await actionApprovedBy(gateway);
    const query = `mutation ($id: ID!) { approveAction(actionId: $id) { ${selection} } }`;
    const approve = () => other.graphql(query, { user, variables: { id: action } });
    const [answer] = await whileHeld(gateway, change, [approve]);
    return answer?.body.data.approveAction;
  };

  it('gives the missing votes under the policy that it was written under', async () => {
    const [ann] = reviewers();
    const selection = `status approvalsReceived approvalsRequired action { ${BALLOT} }`;
    const { action, ...decision } = await answerTo(quorumOf(3), ann, selection);
    expect(decision).toEqual({ status: 'PENDING_APPROVAL', approvalsReceived: 1, approvalsRequired: 3 });
    expect(inShort(action)).toEqual({
      status: 'PENDING_APPROVAL',
      counts: [1, 3, 2],
      votes: [['APPROVE', ann]],
      code: 'ALREADY_VOTED',
    });
  });

  it('gives its voter as they were when it was written', async () => {
    const [ann] = reviewers();
    const change = `UPDATE users SET approval_level = 3 WHERE id = ${String(ann)}`;
    const selection =
      'decidedBy { approvalLevel } action { votes { user { approvalLevel } } } auditLog { heldLevel }';
    expect(await answerTo(change, ann, selection)).toEqual({
      decidedBy: { approvalLevel: 3 },
      action: { votes: [{ user: { approvalLevel: 3 } }] },
      auditLog: { heldLevel: 3 },
    });
  });
});

/** What the audit log tells of who may vote on medium risk, in its order. */
interface Told {
  readonly type: string;
  readonly actor: number;
  readonly policy: number | null;
  readonly held: number | null;
  readonly required: number | null;
  readonly data: { readonly user_id: number; readonly after: Record<string, unknown> } | null;
}

describe('while people vote and are changed, and the policy too, at the same moment,', () => {
  const LOSSES: readonly [Patch, string][] = [
    [{ role: 'USER' }, 'INSUFFICIENT_PERMISSIONS'],
    [{ active: false }, 'INVALID_TOKEN'],
    [{ approvalLevel: 1 }, 'APPROVAL_LEVEL_REQUIRED'],
    [{ maxRiskScore: 10 }, 'RISK_LIMIT_EXCEEDED'],
  ];

  it.each(LOSSES)(
    'a last vote and its voter being set to %j: one of them is first, as the log has it',
    async (patch, code) => {
      await setQuorum(gateway, 2);
      const [ann, bob] = reviewers();
      for (let round = 0; round < cases(8, 20); round += 1) {
        const action = await actionApprovedBy(gateway, ann);
        const vote = () => decide(other, APIS[(round >> 1) % 2] ?? 'rest', 'approve', action, { user: bob });
        const change = () => trySetUser(gateway, ADMIN, bob, patch);
        const requests = (round >> 2) % 2 === 0 ? [vote, change] : [change, vote];
        const held = `SELECT FROM users WHERE id = ${String(bob)} FOR UPDATE`;
        const outcomes =
          round % 2 === 0
            ? await whileHeld(gateway, held, requests)
            : await Promise.all(requests.map((request) => request()));
        const [voted, changed] = requests[0] === vote ? outcomes : outcomes.toReversed();
        expect(changed).toMatchObject({ code: null });
        expect([null, code]).toContain(voted?.code);
        const log = await toldSince(action, bob);
        const isVoteFirst = [['action_approved', 'user_changed'], ['user_changed']];
        expect(log).toEqual(isVoteFirst[voted?.code === null ? 0 : 1]);
        await expectSoundVotes(gateway, [action]);
        const back = { role: 'MANAGER', active: true, approvalLevel: 4, maxRiskScore: null };
        await setUsers(gateway, ADMIN, [bob], back);
      }
    },
  );

  /** The entries of a vote on an action and of the last change of its voter, in the order of the log. */
  async function toldSince(action: number, voter: number): Promise<string[]> {
    const rows = await gateway.database.sql<{ type: string }>(
      `SELECT action_type AS type FROM audit_log WHERE (action_id = $1 AND actor_id = $2 AND action_type <> 'decision_refused')
         OR id = (SELECT max(id) FROM audit_log WHERE action_type = 'user_changed' AND data ->> 'user_id' = $2::text)
       ORDER BY id`,
      [action, voter],
    );
    return rows.map(({ type }) => type);
  }

  it('no vote is without the rights and the policy that the log has put in force before it', async () => {
    await setQuorum(gateway, 2);
    const voters = REVIEWERS.slice(60, 72);
    const actions = await gateway.addActions(Array.from({ length: VOTED_ON }, () => MEDIUM));
    const [begin] = await gateway.database.sql<{ id: number }>('SELECT max(id) AS id FROM audit_log');
    let isOver = false;
    const codes = new Set<string | null>();

    /** Votes on everything in bulks of ten and one by one, in an order of its own. */
    const voteOnAll = async (user: number, n: number) => {
      const [, over] = DECIDE_OVER[n % 2] ?? DECIDE_OVER[0] ?? [];
      const mine = n % 3 === 0 ? actions.toReversed() : actions;
      for (let from = 0; from < mine.length; from += 10) {
        const some = mine.slice(from, from + 10);
        const verdict = n === 5 && from % 40 === 0 ? 'reject' : 'approve';
        for (const ids of n % 4 === 0 ? some : [some])
          for (const { code } of (await over?.(gateways[(n >> 1) % 2] ?? gateway, user, verdict, ids)) ?? [])
            codes.add(code);
      }
    };
    /** Takes rights from one voter after another, and gives them back. */
    const changePeople = async () => {
      for (let turn = 0; !isOver; turn += 1) {
        const voter = voters[turn % voters.length] ?? 0;
        const [patch = {}] = LOSSES[turn % LOSSES.length] ?? [];
        const back = { role: 'MANAGER', active: true, approvalLevel: 4, maxRiskScore: null };
        for (const to of [patch, back]) codes.add((await trySetUser(other, ADMIN, voter, to)).code);
      }
    };
    const changeQuorum = async () => {
      for (let turn = 0; !isOver; turn += 1) {
        const answer = await askToChange(gateway, { quorum: { medium: [3, 1, 4, 2][turn % 4] } });
        codes.add(answer.body.errors?.[0].extensions.code ?? null);
      }
    };
    const changes = [changePeople(), changeQuorum()];
    await Promise.all(voters.map(voteOnAll)).finally(() => (isOver = true));
    await Promise.all(changes);

    const refusals = [...LOSSES.map(([, code]) => code), 'INVALID_STATE', 'ALREADY_VOTED'];
    for (const code of codes) expect([null, ...refusals]).toContain(code);
    await expectSoundVotes(gateway, actions);
    const log = await gateway.database.sql<Told & Record<string, unknown>>(
      `SELECT action_type AS type, actor_id AS actor, policy_version AS policy, held_level AS held, required_level AS required, data
       FROM audit_log WHERE id > $1 AND action_type <> 'decision_refused' ORDER BY id`,
      [begin?.id],
    );
    expectAuthorizedAsTold(log);
  });

  /**
   * Replays the log: at each vote, its voter has every right that they were last given, and the policy is the last one.
   */
  function expectAuthorizedAsTold(log: readonly Told[]): void {
    const people = new Map<number, Record<string, unknown>>();
    let policy: number | null = null;
    let votes = 0;
    for (const { type, actor, policy: version, held, required, data } of log) {
      if (type === 'user_changed') people.set(data?.user_id ?? 0, data?.after ?? {});
      else if (type === 'policy_changed') policy = version;
      else {
        votes += 1;
        expect({ actor, version }).toEqual({ actor, version: policy ?? version });
        const rights = { role: 'manager', active: true, approval_level: 4, max_risk_score: null };
        expect({ actor, held, required, ...(people.get(actor) ?? rights) }).toMatchObject({
          actor,
          held: 4,
          required: 2,
          ...rights,
        });
      }
    }
    expect(votes).toBeGreaterThan(VOTED_ON);
    expect(people.size).toBeGreaterThan(3);
  }
});
