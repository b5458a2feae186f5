import { Database } from '../../../src/persistence/sql/database';
import { migrate } from '../../../src/persistence/install/migrate';
import { asSuperuser, cloneDatabase, type TestDatabase } from '../../support/database';

/** Settings that an administrator can give to a login and that would change what the gateway reads. */
let database: TestDatabase;
let login: string;

beforeAll(async () => {
  database = await cloneDatabase();
  const name = new URL(database.directUrl);
  login = `ROLE ${name.username} IN DATABASE ${name.pathname.slice(1)}`;
});
afterAll(() => database.drop());

function connect(preparedStatements: boolean): Promise<Database> {
  return new Database({
    url: database.directUrl,
    poolSize: 1,
    tls: false,
    preparedStatements,
  }).connect();
}

describe.each([
  ['dates in another order', `DateStyle = 'German, DMY'`, 'DateStyle'],
  ['scores rounded', 'extra_float_digits = 0', 'extra_float_digits'],
])('an operator whose login has %s', (_what, setting, name) => {
  beforeAll(() => asSuperuser(`ALTER ${login} SET ${setting}`));
  afterAll(() => asSuperuser(`ALTER ${login} RESET ${name}`));

  it('is told so at the start, where a pooler keeps the gateway from setting it', async () => {
    await expect(connect(false)).rejects.toThrow(/DateStyle ISO and extra_float_digits 1/);
  });

  it('need not care where the gateway sets it for itself', async () => {
    const connected = await connect(true);
    const [row] = await connected.query<{ at: Date; score: number }>(
      {
        name: 'read',
        text: `SELECT '2026-01-20T14:35:00.123Z'::timestamptz AS at, 39.99999999999999::float8 AS score`,
      },
      [],
    );
    await connected.close();
    expect(row).toEqual({ at: new Date('2026-01-20T14:35:00.123Z'), score: 39.99999999999999 });
  });
});

it('an operator who gives the gateway another login finds that it has the same rights', async () => {
  const name = `countersign_other_${String(process.pid)}`;
  await asSuperuser(`CREATE ROLE ${name} LOGIN PASSWORD 'other'`);
  const url = new URL(database.directUrl);
  url.username = name;
  url.password = 'other';
  const other = await new Database({
    url: url.href,
    poolSize: 1,
    tls: false,
    preparedStatements: true,
  }).connect();
  const count = { name: 'count', text: 'SELECT count(*) AS count FROM actions' };
  try {
    await expect(other.query(count, [])).rejects.toThrow(/permission denied/);
    expect(await migrate(database.owner, name)).toEqual([]);
    expect(await other.query(count, [])).toEqual([{ count: 56 }]);
    await expect(other.query({ name: 'erase', text: 'DELETE FROM audit_log' }, [])).rejects.toThrow(
      /permission denied/,
    );
  } finally {
    await other.close();
  }
});
