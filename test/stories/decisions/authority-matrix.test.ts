import { decide, APIS, VERDICTS, type Api, type Verdict } from '../../support/apis';
import { startGateway, type Gateway } from '../../support/gateway';

/**
 * Who may decide what (docs/approval-policy.md): every person, boundary of a risk level, verdict and API, with the
 * levels on and off.
 */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
  await addPeople();
});
afterAll(() => gateway.close());

/** [risk score, the approval level that the document requires of its risk level], on both sides of every boundary. */
const SCORES: readonly (readonly [score: number, requiredLevel: number])[] = [
  [0, 1],
  [39, 1],
  [39.5, 1],
  [40, 2],
  [69, 2],
  [69.5, 2],
  [70, 3],
  [84, 3],
  [85, 4],
  [100, 4],
];

interface Organization {
  readonly id: number;
  readonly submitter: number;
  readonly levels: boolean;
  readonly managerLimit: number | null;
}

const ACME: Organization = { id: 1, submitter: 4, levels: true, managerLimit: null };
const GLOBEX: Organization = { id: 2, submitter: 104, levels: false, managerLimit: 69 };

interface Person {
  readonly id: number;
  readonly organization: number;
  readonly role: 'admin' | 'security_manager' | 'manager' | 'user';
  /** The held level: their own where `ownLevel`, else their role's (docs/approval-policy.md#held-level). */
  readonly level: number;
  readonly ownLevel?: true;
  /** Their own limit. */
  readonly limit?: number;
  readonly inactive?: true;
}

const DEMO_PEOPLE: readonly Person[] = [
  { id: 1, organization: 1, role: 'admin', level: 4 },
  { id: 2, organization: 1, role: 'security_manager', level: 3 },
  { id: 3, organization: 1, role: 'manager', level: 1 },
  { id: 42, organization: 1, role: 'manager', level: 2, ownLevel: true },
  { id: 4, organization: 1, role: 'user', level: 0 },
  { id: 5, organization: 1, role: 'manager', level: 1, limit: 30 },
  { id: 6, organization: 1, role: 'manager', level: 1, inactive: true },
  { id: 101, organization: 2, role: 'admin', level: 4 },
  { id: 142, organization: 2, role: 'manager', level: 1 },
  { id: 104, organization: 2, role: 'user', level: 0 },
];

/** People whose own level or limit differs from their role's in ways that the demo data lacks. */
const MORE_PEOPLE: readonly Person[] = [
  { id: 301, organization: 1, role: 'admin', level: 2, ownLevel: true },
  { id: 302, organization: 1, role: 'security_manager', level: 4, ownLevel: true },
  { id: 303, organization: 1, role: 'manager', level: 4, ownLevel: true },
  { id: 304, organization: 1, role: 'manager', level: 3, ownLevel: true, limit: 69.5 },
  { id: 305, organization: 1, role: 'manager', level: 0, ownLevel: true },
  { id: 306, organization: 1, role: 'user', level: 4, ownLevel: true },
  { id: 307, organization: 1, role: 'security_manager', level: 3, limit: 30 },
  { id: 311, organization: 2, role: 'manager', level: 4, ownLevel: true, limit: 84 },
  { id: 312, organization: 2, role: 'manager', level: 3, ownLevel: true },
];

const PEOPLE = [...DEMO_PEOPLE, ...MORE_PEOPLE];

async function addPeople(): Promise<void> {
  for (const { id, organization, role, level, ownLevel, limit } of MORE_PEOPLE) {
    const own = [ownLevel === true ? level : null, limit ?? null];
    await gateway.database.sql(
      `INSERT INTO users (organization_id, id, name, role, approval_level, max_risk_score)
       VALUES ($1, $2, 'One more', $3, $4, $5)`,
      [organization, id, role, ...own],
    );
    await gateway.database.sql(
      `INSERT INTO user_identities (issuer, subject, organization_id, user_id)
       SELECT DISTINCT issuer, 'user-' || $2::text, $1::bigint, $2::bigint FROM user_identities`,
      [organization, id],
    );
  }
}

/** Puts a new policy version in force that differs in the levels alone. */
async function switchLevels(organization: Organization): Promise<Organization> {
  const levels = !organization.levels;
  await gateway.database.sql(
    `WITH added AS (
       INSERT INTO approval_policies (organization_id, version, document)
       SELECT organization_id, version + 1, document || jsonb_build_object('approvalLevels', $2::boolean)
       FROM approval_policies WHERE organization_id = $1 RETURNING organization_id, version
     )
     UPDATE organizations o SET policy_version = added.version FROM added WHERE o.id = added.organization_id`,
    [organization.id, levels],
  );
  return { ...organization, levels };
}

interface Answer {
  readonly status: number;
  readonly code: string | null;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** The answer by the tables of docs/approval-policy.md, in its order of refusals. */
function expectedOf(person: Person, score: number, requiredLevel: number, owner: Organization): Answer {
  if (person.inactive === true) return { status: 401, code: 'INVALID_TOKEN', facts: {} };
  if (person.role === 'user') {
    const facts = { required_roles: ['admin', 'security_manager', 'manager'], held_role: 'user' };
    return { status: 403, code: 'INSUFFICIENT_PERMISSIONS', facts };
  }
  if (person.organization !== owner.id) return { status: 404, code: 'ACTION_NOT_FOUND', facts: {} };
  if (owner.levels && person.level < requiredLevel) {
    const facts = { required_level: requiredLevel, held_level: person.level };
    return { status: 403, code: 'APPROVAL_LEVEL_REQUIRED', facts };
  }
  const limit = person.role === 'manager' ? (person.limit ?? owner.managerLimit) : null;
  if (limit !== null && score > limit)
    return { status: 403, code: 'RISK_LIMIT_EXCEEDED', facts: { risk_score: score, risk_limit: limit } };
  return { status: 200, code: null, facts: {} };
}

interface Cell {
  readonly id: number;
  readonly api: Api;
  readonly verdict: Verdict;
  readonly score: number;
  readonly expected: Answer;
}

/** One pending action for every score, verdict and API, with the answer that this person should get. */
async function cellsFor(person: Person, owner: Organization): Promise<readonly Cell[]> {
  const cells = SCORES.flatMap(([score, requiredLevel]) =>
    VERDICTS.flatMap((verdict) =>
      APIS.map((api) => ({
        api,
        verdict,
        score,
        expected: expectedOf(person, score, requiredLevel, owner),
      })),
    ),
  );
  const scores = cells.map(({ score }) => score);
  const ids = await gateway.addActions(scores, { organization: owner.id, submitter: owner.submitter });
  return cells.map((cell, index) => ({ id: ids[index] ?? 0, ...cell }));
}

/** Asks a few at a time. */
async function inBatches<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += 8)
    results.push(...(await Promise.all(items.slice(start, start + 8).map(ask))));
  return results;
}

/** How many an operation may have. */
const MAX_ROOT_FIELDS = 10;

/** What the schema says beforehand, from `viewerCanApprove` and `viewerCanReject`. */
async function foretold(person: Person, cells: readonly Cell[]): Promise<readonly (string | null)[]> {
  const eligibility = 'viewerCanApprove { allowed code } viewerCanReject { allowed code }';
  type Told = Record<'viewerCanApprove' | 'viewerCanReject', { allowed: boolean; code: string | null }>;
  const told: Record<string, Told | null> = {};
  for (let start = 0; start < cells.length; start += MAX_ROOT_FIELDS) {
    const part = cells.slice(start, start + MAX_ROOT_FIELDS);
    const fields = part.map(({ id }) => `a${String(id)}: action(id: ${String(id)}) { ${eligibility} }`);
    const { body } = await gateway.graphql(`{ ${fields.join(' ')} }`, { user: person.id });
    Object.assign(told, body.data);
  }
  return cells.map(({ id, verdict }) => {
    const action = told[`a${String(id)}`];
    if (!action) throw new Error(`Action ${String(id)} is not to be seen`);
    const { allowed, code } = verdict === 'approve' ? action.viewerCanApprove : action.viewerCanReject;
    return allowed ? null : code;
  });
}

async function expectTheTables(person: Person, owner: Organization): Promise<void> {
  const cells = await cellsFor(person, owner);
  if (person.inactive !== true && person.organization === owner.id)
    expect(await foretold(person, cells)).toEqual(cells.map(({ expected }) => expected.code));

  const outcomes = await inBatches(cells, ({ id, api, verdict }) =>
    decide(gateway, api, verdict, id, { user: person.id }),
  );

  const label = ({ api, verdict, score }: Cell): string => `${verdict} ${String(score)} over ${api}`;
  expect(
    outcomes.map(({ status, code, facts }, n) => [label(cells[n] as Cell), { status, code, facts }]),
  ).toEqual(cells.map((cell) => [label(cell), cell.expected]));
  outcomes.forEach(({ http, status }, n) => {
    // A refusal of a decision is an entry of `errors` in a 200 (docs/graphql-api.md#errors); an invalid credential is a
    // 401.
    expect(http).toBe(cells[n]?.api === 'rest' || status === 401 ? status : 200);
  });
  const details = outcomes.map(({ detail }, n) => detail?.replace(`Action ${String(cells[n]?.id)} `, 'It '));
  const detailsOver = (api: Api): unknown[] => details.filter((_detail, n) => cells[n]?.api === api);
  expect(detailsOver('graphql')).toEqual(detailsOver('rest'));

  const rows = await gateway.database.sql<{ id: number; status: string; decided_by: number | null }>(
    'SELECT id, status, decided_by FROM actions WHERE id = ANY($1) ORDER BY id',
    [cells.map(({ id }) => id)],
  );
  expect(rows).toEqual(
    cells.map(({ id, verdict, expected }) => {
      if (expected.code !== null) return { id, status: 'pending_approval', decided_by: null };
      return { id, status: verdict === 'approve' ? 'approved' : 'denied', decided_by: person.id };
    }),
  );
}

const STRANGERS = { 1: [101, 142, 104, 311], 2: [1, 42, 4, 6] };

function peopleWhoTry({ id }: Organization): readonly Person[] {
  const strangers = id === 1 ? STRANGERS[1] : STRANGERS[2];
  return PEOPLE.filter((person) => person.organization === id || strangers.includes(person.id));
}

describe.each([
  ['as the demo data has them', false],
  ['switched by a new policy version', true],
] as const)('with the approval levels %s', (_title, isSwitched) => {
  let organizations: Readonly<Record<number, Organization>> = { 1: ACME, 2: GLOBEX };

  beforeAll(async () => {
    if (isSwitched) organizations = { 1: await switchLevels(ACME), 2: await switchLevels(GLOBEX) };
  });

  const rows = [ACME, GLOBEX].flatMap((owner) => peopleWhoTry(owner).map((person) => ({ owner, person })));
  it.each(rows)(
    '$person.role $person.id of organization $person.organization decides of organization $owner.id exactly what docs/approval-policy.md allows',
    async ({ owner, person }) => {
      await expectTheTables(person, organizations[owner.id] ?? owner);
    },
  );
});
