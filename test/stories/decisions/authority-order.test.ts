import { decide, APIS, VERDICTS } from '../../support/apis';
import { startGateway, type Gateway } from '../../support/gateway';

/**
 * Which refusal an action gets first where several apply (docs/approval-policy.md#order-of-refusals), and that nobody
 * decides their own.
 */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const UNKNOWN_ID = 999_999_999;

async function addAction(score: number, submitter = 4, organization = 1): Promise<number> {
  const [id] = await gateway.addActions([score], { organization, submitter });
  return id ?? 0;
}

/** An action as an API key of this user submits it: the submitter is then the key's owner. */
async function addSubmittedByKeyOf(owner: number): Promise<number> {
  await gateway.apiKey({ owner });
  const id = await addAction(10, owner);
  await gateway.database.sql(
    `UPDATE actions SET submitted_by_api_key = (SELECT max(id) FROM api_keys WHERE owner_id = $2) WHERE id = $1`,
    [id, owner],
  );
  return id;
}

async function statusOf(id: number): Promise<unknown> {
  const query = 'SELECT status FROM actions WHERE id = $1';
  const [row] = await gateway.database.sql<{ status: string }>(query, [id]);
  return row?.status;
}

/** The answer to a request, and the statements that it ran. */
async function withStatements<T>(ask: () => Promise<T>): Promise<{ answer: T; statements: string[] }> {
  const { statements } = gateway.database;
  statements.length = 0;
  const answer = await ask();
  return { answer, statements: statements.map(({ text }) => text) };
}

describe.each(APIS)('over %s', (api) => {
  describe.each(VERDICTS)('to %s', (verdict) => {
    it('the gateway refuses a deactivated manager for the credential, even where the request is malformed', async () => {
      const outcome = await decide(gateway, api, verdict, 'no-id', { user: 6, reason: 'x'.repeat(2001) });
      expect(outcome).toMatchObject({ http: 401, status: 401, code: 'INVALID_TOKEN' });
    });

    it('the gateway refuses an analyst for the role before any id is looked up', async () => {
      for (const id of [12345, 22345, UNKNOWN_ID]) {
        const ask = () => decide(gateway, api, verdict, id, { user: 4 });
        const { answer, statements } = await withStatements(ask);
        expect(answer).toMatchObject({ status: 403, code: 'INSUFFICIENT_PERMISSIONS' });
        expect(statements.filter((text) => /(FROM|UPDATE|JOIN) actions\b/.test(text))).toEqual([]);
      }
    });

    it("the gateway answers a manager about another organization's action as about an unknown one, whatever their level", async () => {
      const foreign = await addAction(100, 104, 2);
      const toForeign = await withStatements(() => decide(gateway, api, verdict, foreign, { user: 3 }));
      const toUnknown = await withStatements(() => decide(gateway, api, verdict, UNKNOWN_ID, { user: 3 }));
      expect(toForeign.answer).toMatchObject({ status: 404, detail: `Action ${String(foreign)} not found` });
      const detail = `Action ${String(UNKNOWN_ID)} not found`;
      expect(toUnknown.answer).toEqual({ ...toForeign.answer, code: 'ACTION_NOT_FOUND', detail });
      expect(toForeign.statements).toEqual(toUnknown.statements);
      expect(await statusOf(foreign)).toBe('pending_approval');
    });

    // Manager 5 of Acme holds level 1 and is limited to score 30.
    it.each([
      ['by level', 72, 'their own', 'decided', 'APPROVAL_LEVEL_REQUIRED'],
      ['by level', 72, 'their own', 'pending', 'APPROVAL_LEVEL_REQUIRED'],
      ['by level', 72, "somebody else's", 'decided', 'APPROVAL_LEVEL_REQUIRED'],
      ['by level', 72, "somebody else's", 'pending', 'APPROVAL_LEVEL_REQUIRED'],
      ['by limit', 35, 'their own', 'decided', 'RISK_LIMIT_EXCEEDED'],
      ['by limit', 35, 'their own', 'pending', 'RISK_LIMIT_EXCEEDED'],
      ['by limit', 35, "somebody else's", 'decided', 'RISK_LIMIT_EXCEEDED'],
      ['by limit', 35, "somebody else's", 'pending', 'RISK_LIMIT_EXCEEDED'],
      ['as the submitter', 20, 'their own', 'decided', 'SELF_APPROVAL_FORBIDDEN'],
      ['as the submitter', 20, 'their own', 'pending', 'SELF_APPROVAL_FORBIDDEN'],
      ['by state', 20, "somebody else's", 'decided', 'INVALID_STATE'],
    ])(
      'the gateway refuses a limited manager %s an action of score %s that is %s and %s',
      async (_first, score, whose, state, code) => {
        const id = await addAction(score, whose === 'their own' ? 5 : 4);
        if (state === 'decided') await decide(gateway, 'rest', 'approve', id, { user: 1 });
        const outcome = await decide(gateway, api, verdict, id, { user: 5 });
        expect(outcome).toMatchObject({ code, status: code === 'INVALID_STATE' ? 400 : 403 });
        expect(await statusOf(id)).toBe(state === 'decided' ? 'approved' : 'pending_approval');
      },
    );

    it('the gateway tells a reviewer who is too late what was decided, by whom and when', async () => {
      const id = await addAction(10);
      const first = await gateway.rest('POST', `/api/v1/actions/${String(id)}/reject`, { user: 2 });
      const { rejected_at: decidedAt } = first.body as { rejected_at: string };
      expect(await decide(gateway, api, verdict, id, { user: 1 })).toMatchObject({
        status: 400,
        code: 'INVALID_STATE',
        detail: 'Action is not pending approval (current status: denied)',
        facts: { current_status: 'denied', decided_by: 2, decided_at: decidedAt },
      });
    });

    it.each([
      ['an admin', 1],
      ['a security manager', 2],
      ['a senior manager', 42],
    ])(
      'the gateway refuses %s an action that they submitted, and lets another reviewer decide it',
      async (_who, user) => {
        const id = await addAction(10, user);
        const outcome = await decide(gateway, api, verdict, id, { user });
        expect(outcome).toMatchObject({ status: 403, code: 'SELF_APPROVAL_FORBIDDEN' });
        expect(await statusOf(id)).toBe('pending_approval');
        const byAnother = await decide(gateway, api, verdict, id, { user: user === 1 ? 2 : 1 });
        expect(byAnother).toMatchObject({ status: 200, code: null });
      },
    );

    it('the gateway refuses a senior manager an action that an API key of theirs submitted', async () => {
      const id = await addSubmittedByKeyOf(42);
      const outcome = await decide(gateway, api, verdict, id, { user: 42 });
      expect(outcome).toMatchObject({ status: 403, code: 'SELF_APPROVAL_FORBIDDEN' });
      expect(await statusOf(id)).toBe('pending_approval');
      expect(await decide(gateway, api, verdict, id, { user: 2 })).toMatchObject({
        status: 200,
        code: null,
      });
    });
  });
});

it('a bulk refuses each item for the first reason that applies to it, as a single decision would', async () => {
  const [decided, open] = [await addAction(20), await addAction(20)];
  await decide(gateway, 'rest', 'reject', decided, { user: 1 });
  const own = [await addAction(72, 5), await addAction(35, 5), await addAction(20, 5)];
  const { body } = await gateway.rest('POST', '/api/v1/actions/bulk-approve', {
    user: 5,
    body: { action_ids: [...own, decided, UNKNOWN_ID, open] },
  });
  const { results } = body as { results: { error_code?: string }[] };
  expect(results.map(({ error_code: code }) => code)).toEqual([
    'APPROVAL_LEVEL_REQUIRED',
    'RISK_LIMIT_EXCEEDED',
    'SELF_APPROVAL_FORBIDDEN',
    'INVALID_STATE',
    'ACTION_NOT_FOUND',
    undefined,
  ]);
});
