import { decide, APIS, VERDICTS } from '../../support/apis';
import type { Gateway } from '../../support/gateway';
import { setUsers, type Patch } from '../../support/people';
import { changePolicy } from '../../support/policies';
import { startRace } from '../../support/racing';
import {
  actionApprovedBy,
  ballotOf,
  expectSoundVotes,
  fourAtATime,
  inShort,
  MEDIUM,
  setQuorum,
} from '../../support/votes';

/** A vote counts as it was given, whatever happens to the voter and the policy later (docs/decisions/0010). */
const ADMIN = 1;
const ANALYST = 4;
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

const shortFor = async (action: number, user: number) => inShort(await ballotOf(other, action, user));

/** Whether an action is in a reviewer's queue; if not, it has to be among the rest. */
async function isInQueue(action: number, user: number): Promise<boolean> {
  const list = (decidable: boolean) =>
    `actions(first: 100, filter: {decidableByViewer: ${String(decidable)}, minRiskScore: ${String(MEDIUM)}}) { edges { node { id } } }`;
  const { body } = await other.graphql(`{ queue: ${list(true)} rest: ${list(false)} }`, { user });
  const [inQueue, inRest] = [body.data.queue, body.data.rest].map(({ edges }) =>
    edges.some(({ node }: { node: { id: string } }) => node.id === String(action)),
  );
  expect(inRest).toBe(!inQueue);
  return inQueue;
}

describe.each(APIS)('a vote counts as it was given, over %s', (api) => {
  const LOSSES: readonly [string, Patch, string][] = [
    ['is made a user', { role: 'USER' }, 'INSUFFICIENT_PERMISSIONS'],
    ['is deactivated', { active: false }, 'INVALID_TOKEN'],
    ['loses the level for it', { approvalLevel: 1 }, 'APPROVAL_LEVEL_REQUIRED'],
    ['gets a limit below it', { maxRiskScore: MEDIUM - 0.5 }, 'RISK_LIMIT_EXCEEDED'],
  ];

  it.each(LOSSES)('though its voter %s before the quorum is met', async (_what, patch, code) => {
    await setQuorum(gateway, 2);
    const [ann, bob] = reviewers();
    const action = await actionApprovedBy(gateway);
    const codeOf = async (verdict: 'approve' | 'reject', user: number) =>
      (await decide(gateway, api, verdict, action, { user })).code;
    expect(await codeOf('approve', ann)).toBeNull();
    await setUsers(other, ADMIN, [ann], patch);
    for (const verdict of VERDICTS) expect(await codeOf(verdict, ann)).toBe(code);
    const votes = [['APPROVE', ann]];
    expect(await shortFor(action, bob)).toEqual({ status: PENDING, counts: [1, 2, 1], votes, code: null });
    expect((await ballotOf(other, action, bob)).votes).toMatchObject([
      { user: { id: String(ann), ...patch } },
    ]);

    expect(await codeOf('approve', bob)).toBeNull();
    expect(await shortFor(action, ANALYST)).toMatchObject({
      status: 'APPROVED',
      counts: [2, 2, 0],
      votes: [...votes, ['APPROVE', bob]],
    });
    await expectSoundVotes(gateway, [action]);
  });

  it('once: a voter who regains their rights has no second vote', async () => {
    await setQuorum(gateway, 3);
    const [ann, bob] = reviewers();
    const action = await actionApprovedBy(gateway, ann, bob);
    await setUsers(gateway, ADMIN, [ann, bob], { role: 'USER', active: false });
    await setUsers(gateway, ADMIN, [ann, bob], { role: 'SECURITY_MANAGER', active: true });
    expect(await decide(gateway, api, 'approve', action, { user: ann })).toMatchObject({
      code: 'ALREADY_VOTED',
    });
    expect(await decide(gateway, api, 'reject', action, { user: bob })).toMatchObject({
      code: 'ALREADY_VOTED',
    });
    expect(await shortFor(action, ann)).toMatchObject({ counts: [2, 3, 1], code: 'ALREADY_VOTED' });
    await expectSoundVotes(gateway, [action]);
  });
});

describe.each(APIS)('where the policy changes between votes, over %s', (api) => {
  const approveOver = async (action: number, user: number) => {
    const { code } = await decide(gateway, api, 'approve', action, { user });
    expect(code).toBeNull();
  };

  it('a quorum raised from 2 to 3 after one vote needs two more', async () => {
    await setQuorum(gateway, 2);
    const [ann, bob, cat] = reviewers();
    const action = await actionApprovedBy(gateway);
    await approveOver(action, ann);
    await setQuorum(gateway, 3);
    expect(await shortFor(action, cat)).toMatchObject({ status: PENDING, counts: [1, 3, 2], code: null });
    await approveOver(action, bob);
    expect(await shortFor(action, cat)).toMatchObject({ status: PENDING, counts: [2, 3, 1], code: null });
    await approveOver(action, cat);
    expect(await shortFor(action, cat)).toMatchObject({ status: 'APPROVED', counts: [3, 3, 0] });
    const [stored] = await expectSoundVotes(gateway, [action]);
    expect(stored?.entries.map(({ received, required }) => [received, required])).toEqual([
      [1, 2],
      [2, 3],
      [3, 3],
    ]);
  });

  it.each([
    ['approval approves', 'approve', 'APPROVED', 3],
    ['rejection denies', 'reject', 'DENIED', 2],
  ] as const)(
    'a quorum lowered from 3 to 2 after two votes decides nothing, and the next %s',
    async (_what, verdict, status, received) => {
      await setQuorum(gateway, 3);
      const [ann, bob, cat] = reviewers();
      const action = await actionApprovedBy(gateway);
      await approveOver(action, ann);
      await approveOver(action, bob);
      await setQuorum(gateway, 2);
      expect(await shortFor(action, cat)).toMatchObject({ status: PENDING, counts: [2, 2, 1], code: null });
      // Those who voted may confirm it, or reject it.
      expect(await shortFor(action, bob)).toMatchObject({ status: PENDING, code: null });
      await expectSoundVotes(gateway, [action]);
      expect(await decide(gateway, api, verdict, action, { user: cat })).toMatchObject({ code: null });
      expect(await shortFor(action, cat)).toMatchObject({ status, counts: [received, 2, 0] });
      await expectSoundVotes(gateway, [action]);
    },
  );

  it('a level that is raised keeps the votes of those who no longer hold it, and the next voter needs it', async () => {
    await setQuorum(gateway, 3);
    const [ann, bob, cat, dan] = reviewers();
    await setUsers(gateway, ADMIN, [ann, bob, dan], { approvalLevel: 2 });
    const action = await actionApprovedBy(gateway);
    await approveOver(action, ann);
    await approveOver(action, bob);
    await changePolicy(gateway, { requiredLevels: { medium: 4 } });
    expect(await shortFor(action, dan)).toMatchObject({ counts: [2, 3, 1], code: 'APPROVAL_LEVEL_REQUIRED' });
    const refused = await decide(gateway, api, 'approve', action, { user: dan });
    expect(refused).toMatchObject({
      code: 'APPROVAL_LEVEL_REQUIRED',
      facts: { required_level: 4, held_level: 2 },
    });
    await approveOver(action, cat);
    expect(await shortFor(action, cat)).toMatchObject({ status: 'APPROVED', counts: [3, 3, 0] });
    await changePolicy(gateway, { requiredLevels: { medium: 2 } });
    await expectSoundVotes(gateway, [action]);
  });

  it('a voter has no second vote while votes are missing, and confirms once the quorum is lowered to one', async () => {
    await setQuorum(gateway, 3);
    const [ann, bob] = reviewers();
    const action = await actionApprovedBy(gateway);
    await approveOver(action, ann);
    for (const verdict of VERDICTS)
      expect(await decide(gateway, api, verdict, action, { user: ann })).toMatchObject({
        status: 400,
        code: 'ALREADY_VOTED',
        detail: `You have already voted on action ${String(action)}`,
        facts: { current_status: 'pending_approval', approvals_received: 1, approvals_required: 3 },
      });
    expect(await isInQueue(action, ann)).toBe(false);
    await setQuorum(gateway, 1);
    for (const reviewer of [ann, bob]) {
      expect(await shortFor(action, reviewer)).toMatchObject({ counts: [1, 1, 1], code: null });
      expect(await isInQueue(action, reviewer)).toBe(true);
    }
    await approveOver(action, ann);
    expect(await shortFor(action, ann)).toMatchObject({ status: 'APPROVED', counts: [1, 1, 0] });
    await expectSoundVotes(gateway, [action]);
  });
});
