import fc from 'fast-check';
import { statusOf } from '../../../src/domain/action';
import { approvalsMissing } from '../../../src/domain/approval-policy';
import type { Refusal } from '../../../src/domain/refusal';
import { inRestWords, VERDICTS, type Verdict } from '../../support/apis';
import { startGateway, type Gateway } from '../../support/gateway';
import {
  makeWorld,
  rulingOn,
  type MadeAction,
  type MadePerson,
  type MadeWorld,
} from '../../support/made-worlds';
import { aFewAtATime, cases, checkCases } from '../../support/runs';
import { give, withoutNulls, type Told, type Way } from '../../support/verdicts';
import { actions, people, places, policies, type World } from '../../support/worlds';

/**
 * The rule has one home: whatever the policy, the person, the action and the API, the answer is what `mayDecide` of
 * src/domain/approval-policy says of the same values.
 */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

/** One request of one person. Each of its actions is a case, and is in no other request. */
interface Request {
  readonly by: number;
  readonly way: Way;
  readonly verdict: Verdict;
  readonly reason: string | null;
  readonly actions: World['actions'];
}

const requestsOf = (ways: readonly Way[], maxLength: number): fc.Arbitrary<Request> =>
  fc.record({
    by: places,
    way: fc.constantFrom(...ways),
    verdict: fc.constantFrom(...VERDICTS),
    reason: fc.constantFrom(null, ' ', 'As agreed with the owner'),
    actions: fc.array(actions, { minLength: 1, maxLength, size: 'max' }),
  });

type Story = Pick<World, 'policy' | 'people'> & { readonly requests: readonly Request[] };

const requests = fc.oneof(requestsOf(['rest', 'graphql'], 1), requestsOf(['rest bulk', 'graphql bulk'], 4));
const stories: fc.Arbitrary<Story> = fc.record({
  policy: policies,
  people,
  requests: fc.array(requests, { minLength: 1, maxLength: 24, size: 'max' }),
});

/** The status of each refusal that a decision can get here (docs/rest-api.md#errors). */
const STATUS: Readonly<Record<string, number>> = {
  INVALID_TOKEN: 401,
  JWT_REQUIRED: 401,
  INSUFFICIENT_PERMISSIONS: 403,
  APPROVAL_LEVEL_REQUIRED: 403,
  RISK_LIMIT_EXCEEDED: 403,
  SELF_APPROVAL_FORBIDDEN: 403,
  BULK_NOT_ALLOWED: 403,
  INVALID_STATE: 400,
  REASON_REQUIRED: 422,
  ALREADY_VOTED: 400,
};
/** Refusals of the caller, one for the whole request. */
const OF_THE_CALLER = ['INVALID_TOKEN', 'JWT_REQUIRED', 'INSUFFICIENT_PERMISSIONS'];
const DEACTIVATED: Refusal = { code: 'INVALID_TOKEN', detail: 'Invalid or missing token' };

it(
  'every API tells a person what the rule says of them and the action: before their verdict, by it and after it',
  async () => {
    const outcomes = [...Object.keys(STATUS), 'approved', 'denied', 'pending_approval'].sort();
    const met = new Set<string | undefined>();
    const check = async (story: Story): Promise<number> => {
      gateway.database.statements.length = 0;
      const given = story.requests.flatMap((request) => request.actions);
      const world = await makeWorld(gateway, { ...story, actions: given });
      await expectForetold(world);

      const asked = askedIn(world, story);
      const told = await aFewAtATime(asked, ({ person: { credential }, request, on }) =>
        give(gateway, { ...request, credential, ids: on.map(({ id }) => id) }),
      );
      const expected = asked.map((one) => one.on.map((action) => expectedOf(world, one, action)));
      expect(told).toEqual(expected.map((items) => items.map((item) => item.told)));

      await expectForetold({ ...world, actions: expected.flat().map(({ after }) => after) });
      for (const { refusal, decision } of told.flat()) met.add(refusal?.code ?? decision?.status);
      return given.length;
    };
    await checkCases(cases(400, 20_000), stories, check, () => met.size >= outcomes.length);
    // A missing answer was compared with nothing.
    expect([...met].sort()).toEqual(outcomes);
  },
  cases(600_000, 3_600_000),
);

interface Asked {
  readonly person: MadePerson;
  readonly request: Request;
  readonly on: readonly MadeAction[];
}

function askedIn(world: MadeWorld, story: Story): Asked[] {
  let taken = 0;
  return story.requests.map((request) => {
    const on = world.actions.slice(taken, (taken += request.actions.length));
    const person = world.people[request.by];
    if (person === undefined) throw new Error('A request by nobody');
    return { person, request, on };
  });
}

/** The expected answer about an action, and its expected state then. */
function expectedOf(
  world: MadeWorld,
  { person, request: { way, verdict, reason } }: Asked,
  action: MadeAction,
): { told: Told; after: MadeAction } {
  const { id } = action;
  const hasReason = reason !== null && reason.trim() !== '';
  const ruling = rulingOn(world, person, action, { verdict, isBulk: way.endsWith('bulk'), hasReason });
  if (person.active && ruling.allowed) {
    const { approvalsRequired: required } = ruling;
    const after = afterVerdict(action, person, verdict, required);
    const { status, approvals: received } = after;
    const http = way === 'rest' && status === 'pending_approval' ? 202 : 200;
    const decision = { status, by: person.id, received, required };
    return { told: { id, http, refusal: null, decision: asToldBy(way, decision) }, after };
  }
  const { code, detail, facts = {} } = ruling.allowed || !person.active ? DEACTIVATED : ruling.refusal;
  const status = STATUS[code] ?? 0;
  const inWords = inRestWords(JSON.parse(JSON.stringify(facts)));
  const refusal = { code, status, detail, facts: way === 'graphql bulk' ? withoutNulls(inWords) : inWords };
  return { told: { id, http: httpOf(way, code, status), refusal, decision: null }, after: action };
}

/** The HTTP status of a refusal. */
function httpOf(way: Way, code: string, status: number): number {
  if (way.startsWith('graphql')) return code === 'INVALID_TOKEN' ? status : 200;
  return way === 'rest' || OF_THE_CALLER.includes(code) ? status : 200;
}

/** REST says who decided, or how many approvals are missing; GraphQL says both. */
function asToldBy(way: Way, decision: NonNullable<Told['decision']>): Told['decision'] {
  if (way.startsWith('graphql')) return decision;
  return decision.status === 'pending_approval'
    ? { ...decision, by: null }
    : { ...decision, received: null, required: null };
}

function afterVerdict(
  action: MadeAction,
  { id }: MadePerson,
  verdict: Verdict,
  required: number,
): MadeAction {
  const isNew = !action.voters.includes(id);
  const approvals = action.approvals + (verdict === 'approve' && isNew ? 1 : 0);
  const voted = { ...action, approvals, voters: [...action.voters, id] };
  const decides = verdict === 'reject' || approvals >= required;
  return decides ? { ...voted, status: statusOf(verdict), decidedById: id } : voted;
}

const ELIGIBILITY = `allowed code detail requiredLevel heldLevel riskLimit approvalsMissing bulkAllowed reasonRequired`;
const LOOK = `{
  actions(first: 100) { edges { node { id status approvalsReceived decidedBy { id } votes { user { id } }
    viewerCanApprove { ${ELIGIBILITY} } viewerCanReject { ${ELIGIBILITY} } } } }
  queue: actions(first: 100, filter: { decidableByViewer: true }) { edges { node { id } } } }`;

/** Everybody sees every action as it is, with what they may do with it, and what they may decide in their queue. */
async function expectForetold(world: MadeWorld): Promise<void> {
  for (const person of world.people.filter(({ active }) => active)) {
    const { data, errors } = (await gateway.graphql(LOOK, person.credential)).body;
    expect(errors).toBeUndefined();
    const nodes = inIdOrder(data.actions);
    const expected = world.actions.map((action) => ({
      id: String(action.id),
      status: action.status.toUpperCase(),
      approvalsReceived: action.approvals,
      decidedBy: action.decidedById === null ? null : { id: String(action.decidedById) },
      votes: action.voters.map((id) => ({ user: { id: String(id) } })),
      viewerCanApprove: eligibilityOf(world, person, action, 'approve'),
      viewerCanReject: eligibilityOf(world, person, action, 'reject'),
    }));
    expect(nodes).toMatchObject(expected);
    const decidable = expected.filter((of) => of.viewerCanApprove.allowed || of.viewerCanReject.allowed);
    expect(inIdOrder(data.queue).map(({ id }) => id)).toEqual(decidable.map(({ id }) => id));
  }
}

function inIdOrder(list: { edges: { node: { id: string } }[] }): { id: string }[] {
  return list.edges.map(({ node }) => node).sort((a, b) => Number(a.id) - Number(b.id));
}

/** What the rule says before a verdict. */
function eligibilityOf(world: MadeWorld, person: MadePerson, action: MadeAction, verdict: Verdict) {
  const attempt = { verdict, isBulk: false, hasReason: null };
  const ruling = rulingOn(world, person, action, attempt);
  const { allowed, requiredLevel, heldLevel, riskLimit } = ruling;
  const isAllowed = (other: object): boolean =>
    rulingOn(world, person, action, { ...attempt, ...other }).allowed;
  return {
    allowed,
    code: ruling.allowed ? null : ruling.refusal.code,
    detail: ruling.allowed ? null : ruling.refusal.detail,
    requiredLevel,
    heldLevel,
    riskLimit,
    approvalsMissing: approvalsMissing(action, world.policy),
    // For what is refused anyway, the rule does not say what else is missing.
    ...(allowed && {
      bulkAllowed: isAllowed({ isBulk: true }),
      reasonRequired: !isAllowed({ hasReason: false }),
    }),
  };
}
