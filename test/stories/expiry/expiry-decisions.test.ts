import { askBulk, outcomesOf, readBulk } from '../../support/bulk';
import { decide, APIS, VERDICTS } from '../../support/apis';
import {
  denialRecordsOf,
  expireIn,
  holdBackSweeps,
  inTime,
  makeOverdue,
  sweepAfterAll,
  untilOver,
  writtenOf,
} from '../../support/expiry';
import { startGateway, type Gateway } from '../../support/gateway';
import { newPolicy } from '../../support/racing';

/** Nobody decides an action whose time is over, and no time-out approves one (docs/approval-policy.md#expiry). */
let gateway: Gateway;

const [ADMIN, SECURITY, MANAGER] = [1, 2, 3];
const NOBODY = { current_status: 'expired', decided_by: null, decided_at: null };
const LATE = {
  status: 400,
  code: 'INVALID_STATE',
  detail: 'Action is not pending approval (current status: expired)',
  facts: NOBODY,
};

beforeAll(async () => {
  gateway = await startGateway();
  await gateway.database.sql(newPolicy({ approvalLevels: true, quorum: { high: 2 } }));
  await holdBackSweeps(gateway.database);
});
afterAll(() => gateway.close());

describe.each(APIS)('over %s', (api) => {
  describe.each(VERDICTS)('to %s', (verdict) => {
    const decided = verdict === 'approve' ? 'approved' : 'denied';

    it.each(['has not marked', 'has marked'])(
      'an overdue action that a sweep %s is refused',
      async (state) => {
        const [action = 0] = await gateway.addActions([39.5]);
        await makeOverdue(gateway.database, [action]);
        if (state === 'has marked') await sweepAfterAll(gateway.database);
        const before = await writtenOf(gateway.database, [action]);
        const outcome = await decide(gateway, api, verdict, action, { user: ADMIN, reason: 'Better late' });
        expect(outcome).toMatchObject({ http: api === 'rest' ? 400 : 200, ...LATE });
        expect(outcome.facts).toEqual(NOBODY);
        expect(await denialRecordsOf(gateway.database, [action])).toEqual([
          [action, 'user', ADMIN, verdict, 'INVALID_STATE', 39.5],
        ]);
        expect(await writtenOf(gateway.database, [action])).toEqual(before);
      },
    );

    it('a bulk decides what has time left, and the overdue actions are refused, marked or not', async () => {
      const [marked = 0, overdue = 0, never = 0, future = 0] = await gateway.addActions([35, 35, 35, 35]);
      await makeOverdue(gateway.database, [marked]);
      await sweepAfterAll(gateway.database);
      await makeOverdue(gateway.database, [overdue]);
      await expireIn(gateway.database, 86_400, [future]);
      const before = await writtenOf(gateway.database, [marked, overdue]);
      const ids = [marked, never, overdue, future];
      const answer = await askBulk(gateway, api, verdict, ids, { user: ADMIN, mode: 'best_effort' });
      expect(answer.status).toBe(200);
      expect(outcomesOf(readBulk(answer))).toEqual(['INVALID_STATE', decided, 'INVALID_STATE', decided]);
      const { results, data } = answer.body;
      for (const refused of [0, 2])
        if (api === 'rest') expect(results[refused].context).toEqual(NOBODY);
        else
          expect(data.bulk.results[refused].refusal).toMatchObject({
            currentStatus: 'EXPIRED',
            decidedBy: null,
            decidedAt: null,
          });
      expect(await writtenOf(gateway.database, [marked, overdue])).toEqual(before);
      expect(await denialRecordsOf(gateway.database, ids)).toEqual([
        [marked, 'user', ADMIN, verdict, 'INVALID_STATE', 35],
        [overdue, 'user', ADMIN, verdict, 'INVALID_STATE', 35],
      ]);
    });

    it('an all-or-none bulk with one overdue action decides none', async () => {
      const ids = await gateway.addActions([35, 35]);
      const [fresh = 0, overdue = 0] = ids;
      await makeOverdue(gateway.database, [overdue]);
      const before = await writtenOf(gateway.database, ids);
      const answer = await askBulk(gateway, api, verdict, ids, { user: ADMIN, mode: 'atomic' });
      expect(answer.status).toBe(api === 'rest' ? 409 : 200);
      expect(readBulk(answer)).toMatchObject({
        succeeded: 0,
        failed: 2,
        items: [
          { id: fresh, code: 'NOT_ATTEMPTED' },
          { id: overdue, code: 'INVALID_STATE', facts: { current_status: 'expired' } },
        ],
      });
      expect(await writtenOf(gateway.database, ids)).toEqual(before);
      expect(await denialRecordsOf(gateway.database, ids)).toEqual([
        [overdue, 'user', ADMIN, verdict, 'INVALID_STATE', 35],
      ]);
    });
  });

  it('an action that needs two approvals and has one expires: no time-out approves it', async () => {
    const [action = 0] = await gateway.addActions([72]);
    expect((await decide(gateway, api, 'approve', action, { user: ADMIN })).code).toBeNull();
    await makeOverdue(gateway.database, [action]);
    const before = await writtenOf(gateway.database, [action]);
    for (const user of [SECURITY, ADMIN])
      expect(await decide(gateway, api, 'approve', action, { user })).toMatchObject(LATE);
    expect(await writtenOf(gateway.database, [action])).toEqual(before);
    await sweepAfterAll(gateway.database);
    expect(await writtenOf(gateway.database, [action])).toMatchObject({
      actions: [{ status: 'expired', approvals: 1, decided_by_kind: null, decided_by: null }],
      votes: [{ user_id: ADMIN, verdict: 'approve' }],
    });
  });

  it('a reviewer who lacks the level is told that, not that the action expired', async () => {
    const [action = 0] = await gateway.addActions([72]);
    await makeOverdue(gateway.database, [action]);
    const { code } = await decide(gateway, api, 'approve', action, { user: MANAGER });
    expect(code).toBe('APPROVAL_LEVEL_REQUIRED');
  });

  it('an action that was approved in time stays approved when its time is over', async () => {
    const action = await inTime(gateway, async (id) => {
      const { code } = await decide(gateway, api, 'approve', id, { user: ADMIN });
      return code === null ? id : null;
    });
    await untilOver(gateway.database, [action]);
    const read = async (): Promise<string> => {
      const { body } = await gateway.rest('GET', `/api/v1/actions/${String(action)}`, { user: ADMIN });
      return body.status;
    };
    expect(await read()).toBe('approved');
    const before = await writtenOf(gateway.database, [action]);
    await sweepAfterAll(gateway.database);
    expect(await read()).toBe('approved');
    expect(await writtenOf(gateway.database, [action])).toEqual(before);
    const again = await decide(gateway, api, 'reject', action, { user: SECURITY });
    expect(again.facts).toMatchObject({ current_status: 'approved', decided_by: ADMIN });
  });
});
