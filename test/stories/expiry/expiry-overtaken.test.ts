import { exclusiveAuthorityLockSql } from '../../../src/persistence/people/authority-lock';
import { decideBulk, outcomesOf } from '../../support/bulk';
import { decide, APIS, VERDICTS } from '../../support/apis';
import {
  denialRecordsOf,
  holdBackSweeps,
  inTime,
  storedStatuses,
  untilOver,
  waiting,
  writtenOf,
} from '../../support/expiry';
import { startGateway, type Gateway } from '../../support/gateway';

/**
 * A decision that was authorized in time, and has to wait until the time is over, is too late
 * (docs/approval-policy.md#expiry).
 */
let gateway: Gateway;

const ADMIN = 1;
const NOTHING = { votes: null, entries: null };

beforeAll(async () => {
  gateway = await startGateway();
  await holdBackSweeps(gateway.database);
});
afterAll(() => gateway.close());

/**
 * What another transaction locks meanwhile: $1 is the action. An admin's change of anything locks all but the action.
 */
const HELD = {
  'the action': 'SELECT FROM actions WHERE id = $1 FOR UPDATE',
  'the gate': `SELECT ${exclusiveAuthorityLockSql('1::bigint')} WHERE $1::bigint > 0`,
  'the policy': 'SELECT FROM organizations WHERE id = 1 AND $1::bigint > 0 FOR NO KEY UPDATE',
  'the reviewer': 'SELECT FROM users WHERE id = 1 AND $1::bigint > 0 FOR NO KEY UPDATE',
} as const;
type Held = keyof typeof HELD;

/** Holds a lock until an action's time is over; the request, sent in time, waits for it. */
function overtaken<T>(held: Held, request: (action: number) => Promise<T>): Promise<[number, T]> {
  return inTime(gateway, async (action) => {
    let isAnswered = false;
    const late = await gateway.database.owner.transaction(async (sql) => {
      await sql.query({ name: 'hold', text: HELD[held] }, [action]);
      const answer = request(action).finally(() => (isAnswered = true));
      while ((await waiting(gateway.database)).length === 0) if (isAnswered) return null;
      await untilOver(gateway.database, [action]);
      return { answer };
    });
    return late && [action, await late.answer];
  });
}

describe.each(VERDICTS)('to %s', (verdict) => {
  const decided = verdict === 'approve' ? 'approved' : 'denied';
  const denialRecords = (action: number) => [[action, 'user', ADMIN, verdict, 'INVALID_STATE', 35]];

  describe.each(APIS)('over %s', (api) => {
    it.each(Object.keys(HELD) as Held[])(
      'a decision that waited for %s is refused, and only a denial record is written',
      async (held) => {
        const [action, outcome] = await overtaken(held, (id) =>
          decide(gateway, api, verdict, id, { user: ADMIN }),
        );
        expect(outcome).toMatchObject({
          status: 400,
          code: 'INVALID_STATE',
          facts: { current_status: 'expired', decided_by: null, decided_at: null },
        });
        expect(await storedStatuses(gateway.database, [action])).toEqual(['pending_approval']);
        expect(await writtenOf(gateway.database, [action])).toMatchObject(NOTHING);
        expect(await denialRecordsOf(gateway.database, [action])).toEqual(denialRecords(action));
      },
    );

    it('a bulk that waited is refused the expired action and decides the others', async () => {
      // Each attempt has an action of its own: a late attempt may have decided it.
      const [action, { fresh, bulk }] = await overtaken('the action', async (id) => {
        const [fresh = 0] = await gateway.addActions([35]);
        const bulk = await decideBulk(gateway, api, verdict, [id, fresh], { user: ADMIN });
        return { fresh, bulk };
      });
      expect(outcomesOf(bulk)).toEqual(['INVALID_STATE', decided]);
      expect(bulk.items[0]?.facts).toEqual({ current_status: 'expired' });
      expect(await storedStatuses(gateway.database, [action, fresh])).toEqual(['pending_approval', decided]);
      expect(await writtenOf(gateway.database, [action])).toMatchObject(NOTHING);
      expect(await denialRecordsOf(gateway.database, [action, fresh])).toEqual(denialRecords(action));
    });

    it('an all-or-none bulk that waited decides none', async () => {
      const [action, { fresh, bulk }] = await overtaken('the action', async (id) => {
        const [fresh = 0] = await gateway.addActions([35]);
        const bulk = await decideBulk(gateway, api, verdict, [id, fresh], { user: ADMIN, mode: 'atomic' });
        return { fresh, bulk };
      });
      expect(bulk.succeeded).toBe(0);
      expect(outcomesOf(bulk)).toEqual(['INVALID_STATE', 'NOT_ATTEMPTED']);
      expect(await storedStatuses(gateway.database, [action, fresh])).toEqual([
        'pending_approval',
        'pending_approval',
      ]);
      expect(await writtenOf(gateway.database, [action, fresh])).toMatchObject(NOTHING);
      expect(await denialRecordsOf(gateway.database, [action, fresh])).toEqual(denialRecords(action));
    });
  });
});
