import fc from 'fast-check';
import { ACTION_STATUSES } from '../../../src/domain/action';
import { RISK_LEVELS, riskLevelOf } from '../../../src/domain/risk';
import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';
import {
  makeWorld,
  rulingOn,
  type MadeAction,
  type MadePerson,
  type MadeWorld,
} from '../../support/made-worlds';
import { idsOf, readPage, walkBackward, walkForward, type List } from '../../support/pages';
import { newPolicy } from '../../support/racing';
import { cases, checkCases } from '../../support/runs';
import { actions, PEOPLE, people, policies, scores, type World } from '../../support/worlds';

/** A reviewer's queue: `actions(filter: {decidableByViewer: true})` is what the rule lets them decide, page by page. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

/** How a viewer reads the list: in which order, by which pages, with which filters. */
interface Look {
  readonly field: 'SUBMITTED_AT' | 'RISK_SCORE';
  readonly direction: 'ASC' | 'DESC';
  readonly isBackward: boolean;
  readonly pageSize: number;
  readonly narrowed: Narrowed;
}

interface Narrowed {
  readonly status?: readonly (typeof ACTION_STATUSES)[number][];
  readonly riskLevel?: readonly (typeof RISK_LEVELS)[number][];
  readonly minRiskScore?: number;
}

const looks: fc.Arbitrary<Look> = fc.record({
  field: fc.constantFrom('SUBMITTED_AT', 'RISK_SCORE'),
  direction: fc.constantFrom('ASC', 'DESC'),
  isBackward: fc.boolean(),
  pageSize: fc.integer({ min: 1, max: 6 }),
  narrowed: fc.record(
    {
      status: fc.subarray([...ACTION_STATUSES]),
      riskLevel: fc.subarray([...RISK_LEVELS]),
      minRiskScore: scores,
    },
    { requiredKeys: [] },
  ),
});

const generatedWorld = {
  policy: policies,
  people,
  actions: fc.array(actions, { minLength: 1, maxLength: 16, size: 'max' }),
};
/** A world and how each of its people reads it. */
const watched: fc.Arbitrary<World & { looks: readonly Look[] }> = fc.record({
  ...generatedWorld,
  looks: fc.array(looks, { minLength: PEOPLE, maxLength: PEOPLE }),
});

it(
  'the queue holds for every viewer exactly what the rule lets them decide, in order, whatever the page and the other filters',
  async () => {
    await checkCases(cases(120, 5000), watched, async (generated) => {
      gateway.database.statements.length = 0;
      const world = await makeWorld(gateway, generated);
      let seen = 0;
      for (const [place, look] of generated.looks.entries()) {
        const viewer = world.people[place];
        if (viewer?.active !== true) continue;
        const decidable = world.actions.filter((action) => mayDecideIt(world, viewer, action));
        const rest = world.actions.filter((action) => !decidable.includes(action));
        await expectToSee(viewer, { ...look, narrowed: {} }, true, decidable);
        await expectToSee(viewer, { ...look, narrowed: {} }, false, rest);
        await expectToSee(viewer, look, true, decidable);
        await expectToSee(viewer, look, false, rest);
        seen += world.actions.length;
      }
      return seen;
    });
  },
  cases(600_000, 3_600_000),
);

function mayDecideIt(world: MadeWorld, viewer: MadePerson, action: MadeAction): boolean {
  return (['approve', 'reject'] as const).some(
    (verdict) => rulingOn(world, viewer, action, { verdict, isBulk: false, hasReason: null }).allowed,
  );
}

it(
  'an admin is warned of exactly as many actions that nobody can decide as are pending and in no queue',
  async () => {
    const withoutKeys = {
      ...generatedWorld,
      people: people.map((all) => all.map((one) => ({ ...one, hasKey: false }))),
    };
    let [warned, worlds] = [0, 0];
    await checkCases(cases(120, 5000), fc.record(withoutKeys), async (generated) => {
      const world = await makeWorld(gateway, generated);
      const [reader, ...others] = world.people.filter(({ active }) => active);
      if (reader === undefined) return 1;
      const reviewers = [reader, ...others];
      const stuck = world.actions
        .filter(({ status }) => status === 'pending_approval')
        .filter((action) => !reviewers.some((reviewer) => mayDecideIt(world, reviewer, action))).length;
      const { body } = await gateway.graphql(
        '{ approvalPolicy { warnings { code detail } } }',
        reader.credential,
      );
      const told = (body.data.approvalPolicy.warnings as { code: string; detail: string }[])
        .filter(({ code }) => code === 'NOBODY_CAN_DECIDE')
        .map(({ detail }) => Number(/^(\d+) pending/.exec(detail)?.[1]));
      expect(told).toEqual(stuck === 0 ? [] : [stuck]);
      warned += told.length;
      worlds += 1;
      return world.actions.length;
    });
    // There are some of both kinds.
    expect([warned > 0, warned < worlds]).toEqual([true, true]);
  },
  cases(600_000, 3_600_000),
);

/** Pages through the whole list and counts it: these actions as far as the filters leave them, in order, each once. */
async function expectToSee(
  { id: user, credential }: MadePerson,
  { field, direction, isBackward, pageSize, narrowed }: Look,
  decidableByViewer: boolean,
  among: readonly MadeAction[],
): Promise<void> {
  const { status, riskLevel, minRiskScore } = narrowed;
  const expected = among
    .filter((action) => status === undefined || status.includes(action.status))
    .filter((action) => riskLevel === undefined || riskLevel.includes(riskLevelOf(action.riskScore)))
    .filter((action) => minRiskScore === undefined || action.riskScore >= minRiskScore)
    .sort((one, other) => {
      const difference = field === 'RISK_SCORE' ? one.riskScore - other.riskScore : one.minute - other.minute;
      return (direction === 'ASC' ? 1 : -1) * (difference || one.id - other.id);
    })
    .map(({ id }) => id);

  const filter = [
    `decidableByViewer: ${String(decidableByViewer)}`,
    ...(status === undefined ? [] : [`status: [${status.join(', ').toUpperCase()}]`]),
    ...(riskLevel === undefined ? [] : [`riskLevel: [${riskLevel.join(', ').toUpperCase()}]`]),
    ...(minRiskScore === undefined ? [] : [`minRiskScore: ${String(minRiskScore)}`]),
  ].join(', ');
  const args = `filter: { ${filter} }, orderBy: { field: ${field}, direction: ${direction} }`;
  const pages = await (isBackward ? walkBackward : walkForward)(
    seenWith(credential),
    { field: 'actions', args, user },
    pageSize,
  );
  expect(idsOf(...pages)).toEqual(expected);
  const whole = isBackward ? pages.slice(1) : pages.slice(0, -1);
  expect(whole.map(({ edges }) => edges.length)).toEqual(whole.map(() => pageSize));
  const { data } = (await gateway.graphql(`{ actions(${args}) { totalCount totalCountCapped } }`, credential))
    .body;
  expect(data.actions).toEqual({ totalCount: expected.length, totalCountCapped: false });
}

/** The gateway as a caller with or without a token reaches it. */
function seenWith(credential: Pick<RequestOptions, 'user' | 'apiKey'>): Gateway {
  return {
    ...gateway,
    graphql: (query, { user: _user, ...options } = {}) =>
      gateway.graphql(query, { ...options, ...credential }),
  };
}

describe("of Acme's reviewers,", () => {
  const [ADMIN, SECURITY, SENIOR] = [1, 2, 42];
  const QUEUE = 'filter: { decidableByViewer: true }';

  /** The ids in a reviewer's queue, in order. */
  async function queueOf(user: number): Promise<number[]> {
    const pages = await walkForward(gateway, { field: 'actions', args: QUEUE, user }, 20);
    return idsOf(...pages).sort((one, other) => one - other);
  }

  /** The reviewers whose queues hold an action. */
  async function holdersOf(action: number): Promise<number[]> {
    const holders: number[] = [];
    for (const user of [ADMIN, SECURITY, SENIOR])
      if ((await queueOf(user)).includes(action)) holders.push(user);
    return holders;
  }

  it('user 42 has a queue of what they can decide: up to medium risk, and nothing of their own', async () => {
    const rows = await gateway.database.sql<{ id: number }>(
      'SELECT id FROM actions WHERE organization_id = 1 AND risk_score < 70 AND submitted_by <> $1 ORDER BY id',
      [SENIOR],
    );
    const queue = await queueOf(SENIOR);
    expect(queue).toEqual(rows.map(({ id }) => id));
    expect(queue).toEqual(expect.arrayContaining([12345, 12346, 12347, 12348, 12349, 12352]));
    for (const other of [12350, 12351, 12353]) expect(queue).not.toContain(other);
  });

  it.each([
    ['approves', 'approve', 12345],
    ['rejects', 'reject', 12346],
  ] as const)(
    'everybody loses an action from the queue once user 42 %s it',
    async (_title, verdict, action) => {
      expect(await holdersOf(action)).toEqual([ADMIN, SECURITY, SENIOR]);
      await gateway.rest('POST', `/api/v1/actions/${String(action)}/${verdict}`, { user: SENIOR });
      expect(await holdersOf(action)).toEqual([]);
    },
  );

  it('user 42 loses from the queue what they voted on, while others keep it until the last vote', async () => {
    await gateway.database.sql(newPolicy({ quorum: { medium: 3 } }));
    const approve = (user: number) => gateway.rest('POST', '/api/v1/actions/12347/approve', { user });
    expect((await approve(SENIOR)).status).toBe(202);
    expect(await holdersOf(12347)).toEqual([ADMIN, SECURITY]);
    expect((await approve(SECURITY)).status).toBe(202);
    expect(await holdersOf(12347)).toEqual([ADMIN]);
    expect((await approve(ADMIN)).status).toBe(200);
    expect(await holdersOf(12347)).toEqual([]);
  });

  it("an API key, even the admin's, can decide nothing: its queue is empty and the rest is everything", async () => {
    const apiKey = await gateway.apiKey({ owner: ADMIN });
    const count = async (args: string): Promise<number> => {
      const { data } = (await gateway.graphql(`{ actions${args} { totalCount } }`, { apiKey })).body;
      return data.actions.totalCount;
    };
    expect(await count(`(${QUEUE})`)).toBe(0);
    expect(await count('(filter: { decidableByViewer: false })')).toBe(await count(''));
  });

  it('a page of the queue takes the same few statements, however long and deep it is', async () => {
    const ids = await gateway.addActions(Array.from({ length: 30 }, () => 50));
    const voted = await gateway.rest('POST', '/api/v1/actions/bulk-approve', {
      user: SECURITY,
      body: { action_ids: ids },
    });
    expect(voted.body).toMatchObject({ succeeded: 30 });
    const node = 'viewerCanApprove { allowed votes { user { name } } } viewerCanReject { allowed }';
    const list: List = { field: 'actions', args: QUEUE, node, user: ADMIN };
    const { statements } = gateway.database;
    const statementsOf = async (paging: string): Promise<string[]> => {
      statements.length = 0;
      const { edges } = await readPage(gateway, list, paging);
      expect(edges.every(({ node: action }) => ids.includes(Number(action['id'])))).toBe(true);
      return statements.map(({ name }) => name.replace(/^list_.*/, 'list'));
    };
    const page = ['begin', 'follow_indexes', 'list', 'commit'];
    // Votes are a list as well.
    const few = ['reviewer_by_identity', ...page, 'list', 'users_by_id'];
    for (const size of [1, 10, 30]) expect(await statementsOf(`first: ${String(size)}`)).toEqual(few);
    const { pageInfo } = await readPage(gateway, list, 'first: 20');
    expect(await statementsOf(`first: 10, after: "${pageInfo.endCursor ?? ''}"`)).toEqual(few);
  });
});
