import type { Gateway } from '../../support/gateway';
import { APIS, REVIEWERS, startRace, type Attempt, type Verdict } from '../../support/racing';
import { cases } from '../../support/runs';
import { actionApprovedBy, expectSoundVotes, fourAtATime, MEDIUM, setQuorum } from '../../support/votes';
import { whileHeld } from '../../support/waiting';

/**
 * Votes at the same moment, over two gateways and both APIs: exact counts and exactly one decision
 * (docs/approval-policy.md#quorum).
 */
let gateways: readonly [Gateway, Gateway];
let gateway: Gateway;
let close: () => Promise<void>;
const reviewers = fourAtATime();

beforeAll(async () => {
  ({ gateways, close } = await startRace());
  [gateway] = gateways;
});
afterAll(() => close());

type Given = readonly [user: number, verdict: Verdict];

/** People who each have another API and gateway from round to round. */
function tryTo(
  [user, verdict]: Given,
  ids: number | readonly number[],
  turn: number,
): () => Promise<readonly Attempt[]> {
  const [, decide] = APIS[turn % 2] ?? [];
  if (decide === undefined) throw new Error('There is no such API');
  return () => decide(gateways[(turn >> 1) % 2] ?? gateway, user, verdict, ids);
}

/**
 * Votes on one action at the same moment: in every second round all of them wait, authorized already, for the same row.
 * Everybody who is refused as too late has to be told who decided, what and when, as it is stored.
 */
async function voteAtOnce(action: number, given: readonly Given[], round: number): Promise<Attempt[]> {
  const requests = given.map((one, n) => tryTo(one, action, round + n * 3));
  const held = `SELECT FROM actions WHERE id = ${String(action)} FOR UPDATE`;
  const attempts = (
    round % 2 === 0
      ? await whileHeld(gateway, held, requests)
      : await Promise.all(requests.map((request) => request()))
  ).flat();
  const [row] = await gateway.database.sql<{ status: string; by: number; at: Date | null }>(
    'SELECT status, decided_by AS by, decided_at AS at FROM actions WHERE id = $1',
    [action],
  );
  const exact = row?.at?.toISOString() ?? '';
  for (const { code, told } of attempts.filter(({ code }) => code === 'INVALID_STATE')) {
    const at = told.at.includes('.') ? exact : `${exact.slice(0, 19)}Z`;
    expect({ code, told }).toEqual({ code, told: { status: row?.status, by: row?.by, at } });
  }
  return attempts;
}

/** The codes of some attempts; null first, which is a vote that counted. */
const codesOf = (attempts: readonly Attempt[]) =>
  attempts.map(({ code }) => code).sort((a) => (a === null ? -1 : 1));

const ROUNDS = Array.from({ length: cases(8, 20) }, (_, round) => round);
const BULK_ROUNDS = ROUNDS.slice(0, cases(4, 8));

describe('at the last missing approval', () => {
  it.each([2, 3, 5])(
    'of %i, one approver too many: one decides, and the other is told so',
    async (quorum) => {
      await setQuorum(gateway, quorum);
      const earlier = REVIEWERS.slice(90, 90 + quorum - 1);
      const [ann, bob] = reviewers();
      for (const round of ROUNDS) {
        const action = await actionApprovedBy(gateway, ...earlier);
        const both: Given[] = [
          [ann, 'approve'],
          [bob, 'approve'],
        ];
        const attempts = await voteAtOnce(action, both, round);
        expect(codesOf(attempts)).toEqual([null, 'INVALID_STATE']);
        const [stored] = await expectSoundVotes(gateway, [action]);
        expect(stored).toMatchObject({ status: 'approved', approvals: quorum });
        expect(stored?.entries.map(({ type, received }) => [type, received])).toEqual([
          ...earlier.map((_user, n) => ['vote_recorded', n + 1]),
          ['action_approved', quorum],
        ]);
      }
    },
  );

  it('an approver and a rejecter: one of them decides, and the other adds nothing', async () => {
    await setQuorum(gateway, 3);
    const [ann, bob, cat, dan] = reviewers();
    for (const round of ROUNDS) {
      const action = await actionApprovedBy(gateway, ann, bob);
      const given: Given[] = [
        [cat, 'approve'],
        [dan, 'reject'],
      ];
      const attempts = await voteAtOnce(action, round % 4 < 2 ? given : given.reverse(), round);
      expect(codesOf(attempts)).toEqual([null, 'INVALID_STATE']);
      const winner = attempts.find(({ code }) => code === null);
      const [stored] = await expectSoundVotes(gateway, [action]);
      expect(stored).toMatchObject(
        winner?.verdict === 'approve'
          ? { status: 'approved', approvals: 3, decided: { by: cat } }
          : { status: 'denied', approvals: 2, decided: { by: dan } },
      );
      expect(stored?.votes).toHaveLength(3);
    }
  });

  it.each<[string, number, readonly Verdict[], readonly (string | null)[][]]>([
    ['the first of two approvals', 0, ['approve', 'approve'], [[null, 'ALREADY_VOTED']]],
    ['the last of two approvals', 1, ['approve', 'approve'], [[null, 'INVALID_STATE']]],
    [
      'an approval that is not the last, and a rejection',
      0,
      ['approve', 'reject'],
      [
        [null, 'ALREADY_VOTED'],
        [null, 'INVALID_STATE'],
      ],
    ],
    ['the last approval, and a rejection', 1, ['approve', 'reject'], [[null, 'INVALID_STATE']]],
  ])('the same person twice, giving %s: one vote', async (_what, earlier, verdicts, expected) => {
    await setQuorum(gateway, 2);
    const [ann, bob] = reviewers();
    for (const round of ROUNDS) {
      const action = await actionApprovedBy(gateway, ...[bob].slice(0, earlier));
      const attempts = await voteAtOnce(
        action,
        verdicts.map((verdict): Given => [ann, verdict]),
        round,
      );
      expect(expected).toContainEqual(codesOf(attempts));
      const [stored] = await expectSoundVotes(gateway, [action]);
      expect(stored?.votes.filter(({ user }) => user === ann)).toHaveLength(1);
      expect(stored?.votes).toHaveLength(earlier + 1);
    }
  });
});

describe('bulks over the same actions in opposite orders, where two approvals are required', () => {
  /**
   * Everybody's bulk at once, in every second round with the action in the middle locked until all of them wait:
   * without one lock order for all, a bulk would then hold what another needs.
   * @returns the codes of each action,
   * refusals last
   */
  async function bulksAtOnce(actions: readonly number[], given: readonly Given[], round: number) {
    const requests = given.map((one, n) =>
      tryTo(one, n % 2 === 0 ? actions : actions.toReversed(), round + n),
    );
    const held = `SELECT FROM actions WHERE id = ${String(actions[actions.length >> 1])} FOR UPDATE`;
    const attempts =
      round % 2 === 0
        ? await whileHeld(gateway, held, requests)
        : await Promise.all(requests.map((request) => request()));
    const ofAction = (action: number) => attempts.flat().filter(({ actionId }) => actionId === action);
    return actions.map((action) => codesOf(ofAction(action)));
  }

  it('two people complete every action between them', async () => {
    await setQuorum(gateway, 2);
    const [ann, bob] = reviewers();
    for (const round of BULK_ROUNDS) {
      const actions = await gateway.addActions(Array.from({ length: 25 }, () => MEDIUM));
      const codes = await bulksAtOnce(
        actions,
        [
          [ann, 'approve'],
          [bob, 'approve'],
        ],
        round,
      );
      expect(codes).toEqual(actions.map(() => [null, null]));
      for (const stored of await expectSoundVotes(gateway, actions))
        expect(stored).toMatchObject({ status: 'approved', approvals: 2 });
    }
  });

  it('of three people two count on each action, and one is too late', async () => {
    await setQuorum(gateway, 2);
    const three = reviewers()
      .slice(0, 3)
      .map((user): Given => [user, 'approve']);
    for (const round of BULK_ROUNDS) {
      const actions = await gateway.addActions(Array.from({ length: 25 }, () => MEDIUM));
      const codes = await bulksAtOnce(actions, three, round);
      expect(codes).toEqual(actions.map(() => [null, null, 'INVALID_STATE']));
      for (const stored of await expectSoundVotes(gateway, actions))
        expect(stored).toMatchObject({ status: 'approved', approvals: 2 });
    }
  });

  it('of two who approve and two who reject, the first on an action leaves the rest too late', async () => {
    await setQuorum(gateway, 2);
    const [ann, bob, cat, dan] = reviewers();
    const given: Given[] = [
      [ann, 'approve'],
      [bob, 'reject'],
      [cat, 'reject'],
      [dan, 'approve'],
    ];
    for (const round of BULK_ROUNDS) {
      const actions = await gateway.addActions(Array.from({ length: 25 }, () => MEDIUM));
      const codes = await bulksAtOnce(actions, given, round);
      const stored = await expectSoundVotes(gateway, actions);
      expect(codes).toEqual(
        stored.map(({ votes }) => given.map((_one, n) => (n < votes.length ? null : 'INVALID_STATE'))),
      );
      for (const { status } of stored) expect(['approved', 'denied']).toContain(status);
    }
  });
});
