import {
  AGENT,
  ALL_STATUSES,
  NAMES,
  readList,
  startSituations,
  STATUSES,
  type Name,
  type Situations,
} from '../../support/expiry-situations';
import type { Answer, Gateway } from '../../support/gateway';

/**
 * Where lists, their counts and a reviewer's queue put expired actions, marked or not (docs/approval-policy.md#expiry).
 */
let gateway: Gateway;
let ids: Situations['ids'];
let apiKey: string;

const [ADMIN, SECURITY, ANALYST] = [1, 2, 4];

beforeAll(async () => {
  ({ gateway, ids, apiKey } = await startSituations());
});
afterAll(() => gateway.close());

interface Listed {
  readonly names: readonly Name[];
  readonly totalCount: number;
}

/** Which of the actions a list holds, in their own order, and its count. */
function listed({ body }: Answer): Listed {
  const { totalCount, edges } = body.data.actions;
  const held = edges.map(({ node }: { node: { id: string } }) => Number(node.id));
  expect(new Set(held).size).toBe(held.length);
  return { names: NAMES.filter((name) => held.includes(ids[name])), totalCount };
}

const just = (names: readonly Name[]): Listed => ({ names, totalCount: names.length });

describe('a list of the statuses', () => {
  const subsets = Array.from({ length: 2 ** ALL_STATUSES.length }, (_, bits) =>
    ALL_STATUSES.filter((_status, n) => bits & (1 << n)),
  );

  it.each(subsets.map((status) => [status.join(', ') || '(none)', status] as const))(
    '%s holds and counts the actions whose status everybody reads as such',
    async (_title, status) => {
      const names = NAMES.filter((name) => (status as readonly string[]).includes(STATUSES[name]));
      for (const orderBy of [undefined, { field: 'RISK_SCORE' }])
        expect(listed(await readList(gateway, { status }, ADMIN, orderBy))).toEqual(just(names));
    },
  );

  it.each(ALL_STATUSES)('%s holds the same over REST, for people and programs', async (status) => {
    const word = status.toLowerCase();
    const names = NAMES.filter((name) => STATUSES[name] === status);
    for (const by of [{ user: ANALYST }, { apiKey }]) {
      const path = `/api/v1/actions?agent_id=${AGENT}&status_filter=${word}`;
      const { body } = await gateway.rest('GET', path, by);
      const held = (body as { id: number; status: string }[]).map((item) => [item.id, item.status]);
      expect(held.sort()).toEqual(names.map((name) => [ids[name], word]).sort());
    }
  });
});

it.each([{}, { status: null }])('a list without a status filter holds everything: %j', async (filter) => {
  expect(listed(await readList(gateway, filter, ADMIN))).toEqual(just(NAMES));
});

const PENDING = { status: ['PENDING_APPROVAL'] };
const EXPIRED = { status: ['EXPIRED'] };
const HIGH = { riskLevel: ['HIGH'] };

it.each<[string, object, readonly Name[]]>([
  ['what they can decide', { decidableByViewer: true }, ['never', 'future']],
  ['what they cannot', { decidableByViewer: false }, ['overdue', 'voted', 'swept', 'approved', 'denied']],
  ['what they can decide of the pending', { decidableByViewer: true, ...PENDING }, ['never', 'future']],
  ['what they cannot of the pending', { decidableByViewer: false, ...PENDING }, []],
  ['what they can decide of the expired', { decidableByViewer: true, ...EXPIRED }, []],
  [
    'what they cannot of the expired',
    { decidableByViewer: false, ...EXPIRED },
    ['overdue', 'voted', 'swept'],
  ],
  ['the expired of high risk', { ...HIGH, ...EXPIRED }, ['voted']],
  ['the pending of high risk', { ...HIGH, ...PENDING }, []],
])('a reviewer who asks for %s gets and counts just that', async (_title, filter, names) => {
  for (const user of [ADMIN, SECURITY])
    expect(listed(await readList(gateway, filter, user))).toEqual(just(names));
});
