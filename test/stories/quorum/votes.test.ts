import { decide } from '../../support/apis';
import type { Gateway } from '../../support/gateway';
import { changePolicy } from '../../support/policies';
import { startRace } from '../../support/racing';
import {
  actionApprovedBy,
  BALLOT,
  ballotOf,
  expectSoundVotes,
  fourAtATime,
  inShort,
  MEDIUM,
  setQuorum,
  type Ballot,
} from '../../support/votes';

/** Who sees which votes on an action, and what it says about their own (docs/approval-policy.md#quorum). */
const JUNIOR = 3;
const ANALYST = 4;
const GLOBEX_ADMIN = 101;
let gateway: Gateway;
let other: Gateway;
let close: () => Promise<void>;

/** Managers of level 4, for each test its own. */
const reviewers = fourAtATime();

beforeAll(async () => {
  const race = await startRace();
  [gateway, other] = race.gateways;
  close = race.close;
});
afterAll(() => close());

const PENDING = 'PENDING_APPROVAL';

describe('a reader of the votes on an action', () => {
  it('sees them before, between and after: as a voter, as one who may still vote, and as one who may not', async () => {
    await setQuorum(gateway, 3);
    const [ann, bob, cat, dan] = reviewers();
    const action = await actionApprovedBy(gateway);
    /** What everybody sees, and what each reads about approving. */
    const expectShown = async (shown: object, codes: Readonly<Record<number, string | null>>) => {
      for (const [user, code] of Object.entries(codes)) {
        const ballot = await ballotOf(other, action, Number(user));
        expect([user, inShort(ballot)]).toEqual([user, { ...shown, code }]);
        const { viewerCanApprove: can, viewerCanReject } = ballot;
        expect(can.allowed).toBe(code === null);
        expect(can.votes).toEqual(
          ballot.votes.map(({ verdict, user: { id } }) => ({ verdict, user: { id } })),
        );
        expect(viewerCanReject).toEqual(can);
      }
    };
    const approve = async (user: number) => {
      expect((await decide(gateway, 'graphql', 'approve', action, { user })).code).toBeNull();
    };
    const readers = { [JUNIOR]: 'APPROVAL_LEVEL_REQUIRED', [ANALYST]: 'INSUFFICIENT_PERMISSIONS' };
    const votes = [cat, bob, ann].map((user) => ['APPROVE', user]);

    const before = { status: PENDING, counts: [0, 3, 3], votes: [] };
    await expectShown(before, { [ann]: null, [cat]: null, ...readers });
    await approve(cat);
    const one = { status: PENDING, counts: [1, 3, 2], votes: votes.slice(0, 1) };
    await expectShown(one, { [ann]: null, [cat]: 'ALREADY_VOTED', ...readers });
    await approve(bob);
    const two = { status: PENDING, counts: [2, 3, 1], votes: votes.slice(0, 2) };
    await expectShown(two, { [ann]: null, [bob]: 'ALREADY_VOTED', [cat]: 'ALREADY_VOTED', ...readers });
    await approve(ann);
    const after = { status: 'APPROVED', counts: [3, 3, 0], votes };
    await expectShown(after, { [ann]: 'INVALID_STATE', [dan]: 'INVALID_STATE', ...readers });
  });

  it('sees each with its verdict, reason, policy and time, and its voter as they are now', async () => {
    const version = await setQuorum(gateway, 3);
    const [ann, bob] = reviewers();
    const action = await actionApprovedBy(gateway);
    await decide(gateway, 'rest', 'approve', action, { user: bob, reason: 'Looked at it' });
    const bulk = { action_ids: [action], reason: 'No more of these' };
    const next = await changePolicy(gateway, { requiredLevels: { medium: 3 } });
    await gateway.rest('POST', '/api/v1/actions/bulk-reject', { user: ann, body: bulk });
    await changePolicy(gateway, { requiredLevels: { medium: 2 } });
    const [stored] = await expectSoundVotes(gateway, [action]);
    const times = stored?.entries.map(({ at }) => new Date(at).toISOString()) ?? [];
    const person = { role: 'MANAGER', approvalLevel: 4, maxRiskScore: null, active: true };
    const shown = await ballotOf(other, action, ANALYST);
    expect(shown.votes).toEqual([
      {
        verdict: 'APPROVE',
        reason: 'Looked at it',
        policyVersion: version,
        votedAt: times[0],
        user: { id: String(bob), ...person },
      },
      {
        verdict: 'REJECT',
        reason: 'No more of these',
        policyVersion: next.version,
        votedAt: times[1],
        user: { id: String(ann), ...person },
      },
    ]);
    // A rejection is a vote, and no approval.
    expect(inShort(shown)).toMatchObject({ status: 'DENIED', counts: [1, 3, 0] });
  });

  it('sees the vote itself in the very answer to it', async () => {
    await setQuorum(gateway, 2);
    const [ann, bob] = reviewers();
    const action = await actionApprovedBy(gateway);
    const answerTo = async (verdict: string, user: number): Promise<Ballot> => {
      const query = `mutation ($id: ID!) { done: ${verdict}Action(actionId: $id) {
        action { ${BALLOT} } auditLog { action { ${BALLOT} } } } }`;
      const { body } = await gateway.graphql(query, { user, variables: { id: action } });
      expect(body.data.done.auditLog).toEqual({ action: body.data.done.action });
      return body.data.done.action;
    };
    const first = await answerTo('approve', bob);
    const votes = [['APPROVE', bob]];
    expect(inShort(first)).toEqual({ status: PENDING, counts: [1, 2, 1], votes, code: 'ALREADY_VOTED' });
    expect(inShort(await answerTo('reject', ann))).toEqual({
      status: 'DENIED',
      counts: [1, 2, 0],
      votes: [...votes, ['REJECT', ann]],
      code: 'INVALID_STATE',
    });
  });

  it('may be an API key, but nobody of another organization', async () => {
    await setQuorum(gateway, 2);
    const [ann] = reviewers();
    const action = await actionApprovedBy(gateway, ann);
    const query = `{ action(id: ${String(action)}) { votes { verdict user { id } } viewerCanApprove { code votes { verdict } } } }`;
    const ask = async (caller: object) => (await gateway.graphql(query, caller)).body.data.action;
    expect(await ask({ apiKey: await gateway.apiKey({ owner: ann, scopes: ['actions:read'] }) })).toEqual({
      votes: [{ verdict: 'APPROVE', user: { id: String(ann) } }],
      viewerCanApprove: { code: 'JWT_REQUIRED', votes: [{ verdict: 'APPROVE' }] },
    });
    expect(await ask({ user: GLOBEX_ADMIN })).toBeNull();
  });

  it('costs the same for 30 actions as for one', async () => {
    await setQuorum(gateway, 2);
    const [ann, bob] = reviewers();
    const ids = await gateway.addActions(Array.from({ length: 30 }, () => MEDIUM));
    const bulk = (user: number, action_ids: readonly number[]) =>
      gateway.rest('POST', '/api/v1/actions/bulk-approve', { user, body: { action_ids } });
    await bulk(ann, ids);
    await bulk(bob, ids.slice(0, 10));
    const costOf = async (first: number): Promise<number> => {
      gateway.database.statements.length = 0;
      const query = `{ actions(first: ${String(first)}) { edges { node { ${BALLOT} } } } }`;
      const { edges } = (await gateway.graphql(query, { user: ann })).body.data.actions;
      const cost = gateway.database.statements.length;
      expect(edges.flatMap(({ node }: { node: Ballot }) => node.votes)).toHaveLength(first === 1 ? 1 : 40);
      return cost;
    };
    expect(await costOf(30)).toBe(await costOf(1));
  });
});
