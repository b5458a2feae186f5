import { cloneDatabase, type TestDatabase } from '../../support/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase({ poolSize: 4 });
});
afterAll(() => database.drop());

/** Fails with a lock and much memory, which the server takes a while to give back after it has reported the error. */
const FAIL = {
  name: 'fail_with_lock',
  text: `WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(4711)::text AS lock),
      many AS MATERIALIZED (SELECT array_agg(repeat('x', 200)) AS texts FROM generate_series(1, 200000))
    SELECT 1 / (cardinality(texts) * 0), lock FROM locked CROSS JOIN many`,
};
const TRY = { name: 'try_lock', text: 'SELECT pg_try_advisory_xact_lock(4711) AS "isFree"' };

it('whoever hears of a failed statement can retry it on another connection at once, since its locks are released', async () => {
  // Open beforehand: a new connection would give the server time.
  const other = await database.application.session();
  try {
    await other.query(TRY, []);
    for (let round = 0; round < 5; round += 1) {
      const retried = database.application.query(FAIL, []).catch((error: unknown) => {
        expect(error).toMatchObject({ code: '22012' });
        return other.query(TRY, []);
      });
      expect(await retried).toEqual([{ isFree: true }]);
    }
  } finally {
    other.release();
  }
});
