import { cloneDatabase, type TestDatabase } from '../../support/database';

/** Times are read to the millisecond, in whatever time zone the login's session writes them. */
let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());

const TIMES = [
  '2026-01-20 14:35:00',
  '2026-01-20 14:35:00.1+00',
  '2026-01-20 14:35:00.12+00',
  '2026-01-20 14:35:00.123+00',
  '2024-02-29 23:59:59.999-11',
  '1970-01-01 00:00:00+00',
  '1969-12-31 23:59:59.5+00',
  '0099-01-01 00:00:00+00',
  '1900-01-01 00:00:00+00',
  '9999-12-31 23:59:59.999+00',
  '12026-01-01 00:00:00+00',
  '2026-01-01 00:00:00.123456+00',
];

it.each(['UTC', 'America/St_Johns', 'Asia/Kolkata', 'Asia/Tokyo', 'America/Los_Angeles', 'Europe/Amsterdam'])(
  'a login whose time zone is %s reads the same times',
  async (zone) => {
    const rows = await database.owner.transaction(async (sql) => {
      await sql.query({ name: `zone_${zone}`, text: `SET LOCAL TimeZone = '${zone}'` }, []);
      return sql.query<{ time: Date; milliseconds: number }>(
        {
          name: 'times',
          text: `SELECT time, floor(extract(epoch FROM time) * 1000)::double precision AS milliseconds
            FROM unnest($1::timestamptz[]) AS t(time)`,
        },
        [TIMES],
      );
    });
    expect(rows).toHaveLength(TIMES.length);
    expect(rows.map(({ time }) => time.getTime())).toEqual(rows.map(({ milliseconds }) => milliseconds));
  },
);
