import { newCorrelationId } from '../../../src/domain/correlation';
import { Database } from '../../../src/persistence/sql/database';
import { DatabaseUnavailableError } from '../../../src/persistence/connections/outage';
import { ExpiredActionsStore } from '../../../src/persistence/actions/expired-actions.store';
import { makeExpireActions } from '../../../src/use-cases/expire-actions';
import { asSuperuser, cloneDatabase, isPooled, type TestDatabase } from '../../support/database';
import { addOverdue, storedStatuses, sweep, waiting, wronglyMarked } from '../../support/expiry';

/**
 * Sweeps beside other sweeps, beside a transaction that locks an action, and with a failing database
 * (docs/approval-policy.md#expiry).
 */
const ACME = 1;
const GLOBEX = 2;
let database: TestDatabase;

beforeEach(async () => {
  database = await cloneDatabase();
});
afterEach(() => database.drop());

/** The distinct statuses of some actions. */
async function statusesOf(ids: readonly number[]): Promise<string[]> {
  return [...new Set(await storedStatuses(database, ids))];
}

/** Runs work while another transaction locks these actions. */
function whileHeld<T>(ids: readonly number[], work: () => Promise<T>): Promise<T> {
  return database.owner.transaction(async (sql) => {
    await sql.query({ name: 'hold', text: 'SELECT FROM actions WHERE id = ANY ($1) FOR UPDATE' }, [ids]);
    return work();
  });
}

it('four sweeps at once mark every action once, with one entry each', async () => {
  const ids = [...(await addOverdue(database, ACME, 900)), ...(await addOverdue(database, GLOBEX, 300))];
  const others = await Promise.all(
    [1, 2, 3].map(() =>
      new Database({
        url: database.applicationUrl,
        poolSize: 2,
        tls: false,
        preparedStatements: !isPooled(),
      }).connect(),
    ),
  );
  const sweeps = await Promise.allSettled([database.application, ...others].map((one) => sweep(one)));
  await Promise.all(others.map((other) => other.close()));
  const marked = sweeps.map((one) => (one.status === 'fulfilled' ? one.value : NaN));
  expect(marked.reduce((sum, count) => sum + count, 0)).toBe(ids.length);
  expect(await statusesOf(ids)).toEqual(['expired']);
  expect(await wronglyMarked(database)).toEqual([]);
  const versions = await database.sql('SELECT DISTINCT version FROM actions WHERE id = ANY ($1)', [ids]);
  expect(versions).toEqual([{ version: 2 }]);
});

describe('an action that another transaction locks', () => {
  it('is skipped without waiting, and marked by a later sweep', async () => {
    const ids = await addOverdue(database, ACME, 3);
    const [, held = 0] = ids;
    const pending = ['expired', 'pending_approval', 'expired'];
    await whileHeld([held], async () => {
      expect(await sweep(database.application)).toBe(2);
      expect(await storedStatuses(database, ids)).toEqual(pending);
    });
    expect(await storedStatuses(database, ids)).toEqual(pending);
    expect(await sweep(database.application)).toBe(1);
    expect(await statusesOf(ids)).toEqual(['expired']);
    expect(await wronglyMarked(database)).toEqual([]);
  });

  it('ends a sweep that can mark nothing else, so that it does not loop for ever', async () => {
    const ids = await addOverdue(database, ACME, 500);
    await whileHeld(ids, async () => {
      expect(await sweep(database.application)).toBe(0);
    });
    expect(await sweep(database.application)).toBe(500);
  });
});

it('a sweep that is told to end does so after the current batch', async () => {
  const ids = await addOverdue(database, ACME, 501);
  expect(await sweep(database.application, AbortSignal.abort())).toBe(500);
  expect(await sweep(database.application, new AbortController().signal)).toBe(1);
  expect(await statusesOf(ids)).toEqual(['expired']);
  expect(await wronglyMarked(database)).toEqual([]);
});

describe('a change to an action after a sweep found it overdue', () => {
  /** Sweeps, with a change between the search and the marking. */
  function sweepAround(work: () => Promise<unknown>): Promise<number> {
    const store = new ExpiredActionsStore(database.application);
    let isFirst = true;
    const overdue = async (limit: number) => {
      const found = await store.overdue(limit);
      if (isFirst) await work();
      isFirst = false;
      return found;
    };
    const expire = store.expire.bind(store);
    return makeExpireActions({ overdue, expire }, () => newCorrelationId(new Date()))();
  }

  it('is kept where another sweep marked it', async () => {
    const ids = await addOverdue(database, ACME, 3);
    expect(await sweepAround(() => sweep(database.application))).toBe(0);
    expect(await statusesOf(ids)).toEqual(['expired']);
    expect(await wronglyMarked(database)).toEqual([]);
  });

  it('is kept where a decision in time came first', async () => {
    const [decided = 0, other = 0] = await addOverdue(database, ACME, 2);
    const decision = `UPDATE actions SET status = 'denied', decided_by_kind = 'user', decided_by = 1,
      decided_at = expires_at - interval '1 second', correlation_id = 'action_1' WHERE id = $1`;
    expect(await sweepAround(() => database.sql(decision, [decided]))).toBe(1);
    expect(await storedStatuses(database, [decided, other])).toEqual(['denied', 'expired']);
    expect(await wronglyMarked(database)).toEqual([]);
  });
});

describe('a sweep that fails after one organization and before the next', () => {
  /** Lets each entry of Globex in a table wait for, or fail at, a step of the test. */
  async function atGlobex(table: string, does: string): Promise<void> {
    await database.sql(
      `CREATE FUNCTION get_stuck() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${does} RETURN NEW; END $$`,
    );
    await database.sql(`CREATE TRIGGER get_stuck BEFORE INSERT ON ${table} FOR EACH ROW
      WHEN (NEW.organization_id = ${String(GLOBEX)}) EXECUTE FUNCTION get_stuck()`);
  }

  async function expectHalf(acme: readonly number[], globex: readonly number[]): Promise<void> {
    expect(await statusesOf(acme)).toEqual(['expired']);
    expect(await statusesOf(globex)).toEqual(['pending_approval']);
    expect(await wronglyMarked(database)).toEqual([]);
  }

  it.each(['audit_log', 'audit_pending'])('at %s, leaves nothing half written', async (table) => {
    const [acme, globex] = [await addOverdue(database, ACME, 3), await addOverdue(database, GLOBEX, 3)];
    await atGlobex(table, `RAISE EXCEPTION 'full';`);
    await expect(sweep(database.application)).rejects.toThrow('full');
    await expectHalf(acme, globex);
    await database.sql(`DROP TRIGGER get_stuck ON ${table}`);
    expect(await sweep(database.application)).toBe(3);
    expect(await statusesOf(globex)).toEqual(['expired']);
    expect(await wronglyMarked(database)).toEqual([]);
  });

  it('by losing its connection, leaves nothing half written, and the next sweep goes on', async () => {
    const [acme, globex] = [await addOverdue(database, ACME, 3), await addOverdue(database, GLOBEX, 3)];
    await atGlobex('audit_pending', 'PERFORM pg_advisory_xact_lock(7);');
    const failure = await database.owner.transaction(async (sql) => {
      await sql.query({ name: 'hold', text: 'SELECT pg_advisory_xact_lock(7)' }, []);
      const failed = sweep(database.application).catch((error: unknown) => error);
      let stuck: readonly number[] = [];
      while (stuck.length === 0) stuck = await waiting(database);
      await asSuperuser(`SELECT pg_terminate_backend(${String(stuck[0])})`);
      return failed;
    });
    expect(failure).toBeInstanceOf(DatabaseUnavailableError);
    await expectHalf(acme, globex);
    expect(await sweep(database.application)).toBe(3);
    expect(await statusesOf(globex)).toEqual(['expired']);
    expect(await wronglyMarked(database)).toEqual([]);
  });
});
