import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';

/**
 * Whether a viewer can decide, as they are told beforehand: the mutation then says the same
 * (docs/graphql-api.md#approval-queue).
 */
const ACME = { admin: 1, security: 2, manager: 3, senior: 42, analyst: 4, limited: 5 } as const;
const GLOBEX = { admin: 101, manager: 142, user: 104 } as const;
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

async function ask(query: string, caller: RequestOptions) {
  const { body } = await gateway.graphql(query, caller);
  if (body.errors !== undefined) throw new Error(JSON.stringify(body.errors));
  return body.data;
}

/** How many an operation may have. */
const MAX_ROOT_FIELDS = 10;

const SCORES = [10, 30, 30.5, 39.5, 40, 69, 69.5, 70, 84, 85, 100];

interface Eligibility {
  readonly allowed: boolean;
  readonly code: string | null;
  readonly detail: string | null;
  readonly requiredLevel: number | null;
  readonly heldLevel: number | null;
}

describe('a viewer who asks whether they can decide', () => {
  /** Up to which of the scores each may decide; held levels and the demo data (docs/getting-started.md#demo-data). */
  it.each([
    ['an admin', ACME.admin, 100],
    ['a security manager', ACME.security, 84],
    ['a manager', ACME.manager, 39.5],
    ['a senior manager', ACME.senior, 69.5],
    ['a manager limited to 30', ACME.limited, 30],
    ['an analyst', ACME.analyst, -1],
    ['an admin where levels are off', GLOBEX.admin, 100],
    ['a manager limited by the organization to 69', GLOBEX.manager, 69],
    ['a user of that organization', GLOBEX.user, -1],
  ])(
    '%s (user %i) gets yes up to a score of %d, and the same from the mutation',
    async (_who, user, highest) => {
      const organization = user > 100 ? 2 : 1;
      const submitter = organization === 1 ? ACME.analyst : GLOBEX.user;
      for (const [field, mutation] of [
        ['viewerCanApprove', 'approveAction'],
        ['viewerCanReject', 'rejectAction'],
      ] as const) {
        const other = await gateway.addActions([...SCORES, 1], { organization, submitter });
        const [own] = await gateway.addActions([1], { organization, submitter: user });
        const decided = other.at(-1) ?? 0;
        const admin = organization === 1 ? ACME.admin : GLOBEX.admin;
        await gateway.rest('POST', `/api/v1/actions/${String(decided)}/reject`, { user: admin });
        const can = async (ids: readonly number[]): Promise<Eligibility[]> => {
          const told: Eligibility[] = [];
          for (let start = 0; start < ids.length; start += MAX_ROOT_FIELDS) {
            const fields = ids.slice(start, start + MAX_ROOT_FIELDS).map(
              (id) => `a${String(id)}: action(id: ${String(id)}) {
                ${field} { allowed code detail requiredLevel heldLevel } }`,
            );
            const answer = await ask(`{ ${fields.join('\n')} }`, { user });
            told.push(
              ...Object.values<Record<string, Eligibility>>(answer).map(
                (action) => action[field] as Eligibility,
              ),
            );
          }
          return told;
        };
        const allowed: number[] = [];
        const ids = [...other, own ?? 0];
        const before = await can(ids);
        for (const [index, id] of ids.entries()) {
          const said = before[index];
          if (said === undefined) throw new Error(`Nothing was said of ${String(id)}`);
          const { body } = await gateway.graphql(
            `mutation { ${mutation}(actionId: ${String(id)}) { actionId } }`,
            { user },
          );
          if (said.allowed) {
            expect(body).toEqual({ data: { [mutation]: { actionId: String(id) } } });
            expect(said).toMatchObject({ code: null, detail: null });
            allowed.push(SCORES[index] ?? NaN);
          } else {
            const { requiredLevel, heldLevel } = said;
            const levels = said.code === 'APPROVAL_LEVEL_REQUIRED' && { requiredLevel, heldLevel };
            expect(body.errors).toMatchObject([
              { message: said.detail, extensions: { code: said.code, ...levels } },
            ]);
          }
          if (organization === 2) expect(said).toMatchObject({ requiredLevel: null, heldLevel: null });
        }
        expect(allowed).toEqual(SCORES.filter((score) => score <= highest));
        if (highest < 0) continue;
        const after = await can(ids);
        for (const [index, said] of before.entries())
          if (said.allowed) expect(after[index]).toMatchObject({ allowed: false, code: 'INVALID_STATE' });
        expect(after.slice(-2).map(({ code }) => code)).toEqual(['INVALID_STATE', 'SELF_APPROVAL_FORBIDDEN']);
      }
    },
  );

  it('gets both levels of an action that is beyond them', async () => {
    const query = `{ action(id: 12351) { viewerCanApprove { allowed code requiredLevel heldLevel } } }`;
    const { action } = await ask(query, { user: ACME.senior });
    const levels = { requiredLevel: 4, heldLevel: 2 };
    expect(action.viewerCanApprove).toEqual({ allowed: false, code: 'APPROVAL_LEVEL_REQUIRED', ...levels });
  });
});
