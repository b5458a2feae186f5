import fc from 'fast-check';
import type { Gateway, RequestOptions } from '../../support/gateway';
import { addPeople, PERSON, setUsers } from '../../support/people';
import { REVIEWERS, startRace } from '../../support/racing';
import { cases } from '../../support/runs';

/** The list of an organization's people, which its admins see (docs/graphql-api.md#queries). */
const ADMIN = 1;
const GLOBEX_ADMIN = 101;
let gateways: readonly [Gateway, Gateway];
let gateway: Gateway;
let close: () => Promise<void>;

/** Names with everything that a search could take for a pattern. */
const ODD_NAMES = ['Per 100% Cent', 'Under_score', String.raw`Back\slash`, "O'Hara; --", 'Zoë  Ünal', '试'];

beforeAll(async () => {
  ({ gateways, close } = await startRace());
  [gateway] = gateways;
  await addPeople(gateway, ODD_NAMES, { role: 'user' });
  await setUsers(gateway, ADMIN, REVIEWERS.slice(0, 20), { active: false });
  await setUsers(gateway, ADMIN, REVIEWERS.slice(15, 30), { role: 'SECURITY_MANAGER' });
});
afterAll(() => close());

interface Person {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly approvalLevel: number | null;
  readonly maxRiskScore: number | null;
  readonly active: boolean;
}

interface People {
  readonly totalCount?: number;
  readonly totalCountCapped?: boolean;
  readonly edges: readonly { readonly cursor: string; readonly node: Person }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

const PAGE = `edges { cursor node { ${PERSON} } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
const COUNTS = 'totalCount totalCountCapped';
type Arguments = Readonly<Record<string, unknown>>;

/** Requests people; `args` are the query's arguments. */
async function ask(args: Arguments, caller: RequestOptions, selection = PAGE) {
  const query = `query ($first: Int, $after: String, $last: Int, $before: String, $offset: Int, $filter: UserFilter) {
    users(first: $first, after: $after, last: $last, before: $before, offset: $offset, filter: $filter) { ${selection} } }`;
  return gateway.graphql(query, { ...caller, variables: args });
}

async function people(args: Arguments, user = ADMIN, selection = PAGE): Promise<People> {
  const { body } = await ask(args, { user }, selection);
  if (body.errors !== undefined) throw new Error(JSON.stringify(body.errors));
  return body.data.users;
}

const idsOf = ({ edges }: People): number[] => edges.map(({ node }) => Number(node.id));

/** Every page, read as pageInfo says, in the list's own order. */
async function walk(way: 'forward' | 'backward', size: number, filter: Arguments = {}): Promise<number[]> {
  const ids: number[] = [];
  let cursor: string | null = null;
  for (;;) {
    const isForward = way === 'forward';
    const page = await people({
      filter,
      ...(isForward ? { first: size, after: cursor } : { last: size, before: cursor }),
    });
    if (isForward) ids.push(...idsOf(page));
    else ids.unshift(...idsOf(page));
    const { hasNextPage, hasPreviousPage, startCursor, endCursor } = page.pageInfo;
    if (!(isForward ? hasNextPage : hasPreviousPage)) return ids;
    cursor = isForward ? endCursor : startCursor;
  }
}

/** Everybody of Acme as they are stored, by id, in the schema's words. */
async function everybody(): Promise<Person[]> {
  const rows = await gateway.database.sql<{ person: Person }>(
    `SELECT json_build_object('id', id::text, 'name', name, 'role', upper(role), 'approvalLevel', approval_level,
       'maxRiskScore', max_risk_score, 'active', active) AS person
     FROM users WHERE organization_id = 1 ORDER BY id`,
  );
  return rows.map(({ person }) => person);
}

describe('of the people of an organization,', () => {
  it.each([
    ['a security manager', { user: 2 }, 'INSUFFICIENT_PERMISSIONS', 'SECURITY_MANAGER'],
    ['a manager', { user: 42 }, 'INSUFFICIENT_PERMISSIONS', 'MANAGER'],
    ['an analyst', { user: 4 }, 'INSUFFICIENT_PERMISSIONS', 'USER'],
    ["an admin's API key", { apiKey: 'of an admin' }, 'JWT_REQUIRED', null],
    ['a caller without a credential', {}, 'MISSING_AUTH', null],
  ])(
    '%s may list none, and nothing is looked up for them',
    async (_who, asked: RequestOptions, code, heldRole) => {
      const apiKey = asked.apiKey && (await gateway.apiKey({ owner: ADMIN }));
      const caller = { ...asked, ...(apiKey !== undefined && { apiKey }) };
      gateway.database.statements.length = 0;
      const { body } = await ask({}, caller);
      expect(body.data).toBeNull();
      const facts = heldRole === null ? {} : { requiredRoles: ['ADMIN'], heldRole };
      expect(body.errors).toMatchObject([{ path: ['users'], extensions: { code, ...facts } }]);
      const authenticated = ['reviewer_by_identity', 'api_keys_by_prefix'];
      const others = gateway.database.statements.filter(({ name }) => !authenticated.includes(name));
      expect(others).toEqual([]);
    },
  );

  it('an admin sees everybody, deactivated people too, by id, each as they are', async () => {
    const page = await people({ first: 100 });
    expect(page.edges.map(({ node }) => node)).toEqual((await everybody()).slice(0, 100));
    const person = { approvalLevel: null, maxRiskScore: null, active: true };
    expect(page.edges.slice(0, 8).map(({ node }) => node)).toEqual([
      { ...person, id: '1', name: 'Ada Admin', role: 'ADMIN' },
      { ...person, id: '2', name: 'Sam Security', role: 'SECURITY_MANAGER' },
      { ...person, id: '3', name: 'Max Manager', role: 'MANAGER' },
      { ...person, id: '4', name: 'Ann Analyst', role: 'USER' },
      { ...person, id: '5', name: 'Lea Limited', role: 'MANAGER', maxRiskScore: 30 },
      { ...person, id: '6', name: 'Gus Gone', role: 'MANAGER', active: false },
      { ...person, id: '7', name: 'Cleo CISO', role: 'ADMIN' },
      { ...person, id: '42', name: 'Sue Senior', role: 'MANAGER', approvalLevel: 2 },
    ]);
  });

  it("an admin never sees another organization's, whatever they ask for", async () => {
    const [first] = (await people({ first: 1 })).edges;
    for (const filter of [{}, { active: true }, { search: 'a' }, { role: ['ADMIN', 'USER', 'MANAGER'] }]) {
      const theirs = await people({ filter, after: first?.cursor }, GLOBEX_ADMIN, `${PAGE} ${COUNTS}`);
      expect(idsOf(theirs)).toEqual([101, 104, 142]);
      expect(theirs.totalCount).toBe(3);
    }
    const none = await people({ filter: { search: 'Reviewer' } }, GLOBEX_ADMIN, `${PAGE} ${COUNTS}`);
    expect([idsOf(none), none.totalCount]).toEqual([[], 0]);
  });
});

describe('an admin who filters the list', () => {
  const words = [
    '',
    'a',
    'ADMIN',
    'reviewer 10',
    '1',
    '%',
    '_',
    '\\',
    '100%',
    'r_s',
    ' ',
    '  ',
    "'",
    '试',
    'Ünal',
  ];
  const filters = fc.record(
    {
      role: fc.option(fc.subarray(['USER', 'MANAGER', 'SECURITY_MANAGER', 'ADMIN'])),
      active: fc.option(fc.boolean()),
      search: fc.option(fc.constantFrom(...words)),
    },
    { requiredKeys: [] },
  );

  it('by any roles, being active and text in the name gets exactly those whom all of it fits', async () => {
    const all = await everybody();
    await fc.assert(
      fc.asyncProperty(filters, async (filter) => {
        const { role, active, search } = filter;
        const fitting = all.filter(
          (person) =>
            (role?.includes(person.role) ?? true) &&
            (active ?? person.active) === person.active &&
            person.name.toLowerCase().includes((search ?? '').toLowerCase()),
        );
        const page = await people({ first: 100, filter }, ADMIN, `${PAGE} ${COUNTS}`);
        expect(page.edges.map(({ node }) => node)).toEqual(fitting.slice(0, 100));
        expect([page.totalCount, page.totalCountCapped]).toEqual([fitting.length, false]);
      }),
      { numRuns: cases(40, 120) },
    );
  });

  it.each([
    ['a role that there is not', { role: ['OWNER'] }],
    ['text that no name can hold', { search: 'a\0' }],
    ['half a surrogate pair', { search: '\ud800' }],
  ])('is told of %s', async (_what, filter) => {
    const { body } = await ask({ filter }, { user: ADMIN });
    expect(body.errors).toMatchObject([{ extensions: { code: 'VALIDATION_ERROR', status: 422 } }]);
  });
});

describe('an admin who pages through the list', () => {
  it.each([1, 7, 50, 100])('%i at a time gets everybody once, forward and backward', async (size) => {
    const all = (await everybody()).map(({ id }) => Number(id));
    expect(all.length).toBeGreaterThan(100);
    expect(await walk('forward', size)).toEqual(all);
    expect(await walk('backward', size)).toEqual(all);
  });

  it('of active managers gets each of those once, forward and backward', async () => {
    const fitting = (await everybody()).filter(({ role, active }) => role === 'MANAGER' && active);
    const ids = fitting.map(({ id }) => Number(id));
    const filter = { role: ['MANAGER'], active: true };
    expect(await walk('forward', 9, filter)).toEqual(ids);
    expect(await walk('backward', 9, filter)).toEqual(ids);
  });

  it('gets each once though the very person at the cursor leaves the list and others join it', async () => {
    const filter = { active: true, search: 'walked' };
    const names = Array.from({ length: 9 }, (_, n) => `Walked ${String(n)}`);
    const ids = await addPeople(gateway, names);
    const seen: number[] = [];
    for (let after: string | null = null, isMore = true; isMore;) {
      const page = await people({ first: 2, after, filter });
      seen.push(...idsOf(page));
      await setUsers(gateways[1], ADMIN, idsOf(page).slice(-1), { active: false });
      if (seen.length === 2) ids.push(...(await addPeople(gateway, ['Walked late'])));
      ({ endCursor: after, hasNextPage: isMore } = page.pageInfo);
    }
    expect(seen).toEqual(ids);
  });

  it('learns on which side there is more, and gets what lies between two cursors', async () => {
    const { edges, pageInfo } = await people({ first: 8 });
    expect(pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const between = await people({ after: edges[1]?.cursor, before: edges[6]?.cursor, first: 2 });
    expect(idsOf(between)).toEqual(edges.slice(2, 4).map(({ node }) => Number(node.id)));
    expect(between.pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: true,
      startCursor: edges[2]?.cursor,
      endCursor: edges[3]?.cursor,
    });
    expect(idsOf(await people({ first: 3, offset: 4 }))).toEqual([5, 6, 7]);
  });

  it('gets 25 by default and 100 at most, and learns which paging is invalid', async () => {
    expect((await people({})).edges).toHaveLength(25);
    expect((await people({ last: 100 })).edges).toHaveLength(100);
    const ofActions = Buffer.from('["submittedAt","2026-01-20T14:35:00.000Z",1]').toString('base64url');
    for (const args of [
      { first: 101 },
      { last: 101 },
      { first: 0 },
      { first: 1, last: 1 },
      { offset: -1 },
      { after: 'x' },
      { before: ofActions },
    ]) {
      const { body } = await ask(args, { user: ADMIN });
      expect([args, body.errors?.[0].extensions.code]).toEqual([args, 'VALIDATION_ERROR']);
    }
  });

  it('costs as many statements for 100 people as for one, and one more if they are counted', async () => {
    const costOf = async (first: number, selection: string): Promise<number> => {
      gateway.database.statements.length = 0;
      expect((await people({ first }, ADMIN, selection)).edges).toHaveLength(first);
      return gateway.database.statements.length;
    };
    for (const first of [1, 10, 100]) {
      expect(await costOf(first, PAGE)).toBe(2);
      expect(await costOf(first, `${COUNTS} again: totalCount ${PAGE}`)).toBe(3);
    }
  });
});
