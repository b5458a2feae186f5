import { migrate } from '../../../src/persistence/install/migrate';
import { asSuperuser, cloneDatabase, type TestDatabase } from '../../support/database';
import { startGateway, type Answer, type Gateway } from '../../support/gateway';

/** More than are searched in the list's order before the text index is used, and than a search covers without one. */
const MANY = 21_000;

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const list = (field: string, search: string): string =>
  `${field}(filter: { search: ${JSON.stringify(search)} }) { edges { node { id } } pageInfo { hasNextPage endCursor searchLimited } }`;

function codes({ body }: Answer): string[] {
  const { errors = [] } = body as { errors?: { extensions: { code: string } }[] };
  return errors.map(({ extensions }) => extensions.code);
}

function faultTypes({ body }: Answer): string[] {
  const { errors = [] } = body as { errors?: { extensions: { errors?: { type: string }[] } }[] };
  return errors.flatMap(({ extensions }) => extensions.errors ?? []).map(({ type }) => type);
}

/**
 * Adds old actions that contain `haystack`, without statistics of them; one of them, older than all, contains `needle`.
 */
async function addHaystack(database: TestDatabase): Promise<void> {
  await database.sql('ALTER TABLE actions SET (autovacuum_enabled = false)');
  await database.sql(
    `INSERT INTO actions (organization_id, agent_id, action_type, description, risk_score, submitted_by, submitted_at)
     SELECT 1, 'agent', 'test', CASE n WHEN $1::integer THEN 'a needle' ELSE 'haystack' END, 50, 4,
       now() - interval '1 day' - n * interval '1 second'
     FROM generate_series(1, $1::integer) n`,
    [MANY],
  );
}

describe.each(['actions', 'auditLogs', 'users', 'apiKeys'])('a search of %s', (field) => {
  it('has at most 200 characters, however many bytes these have', async () => {
    const longest = await gateway.graphql(`{ ${list(field, '𝒳'.repeat(200))} }`, { user: 1 });
    expect(codes(longest)).toEqual([]);
    const longer = await gateway.graphql(`{ ${list(field, 'a'.repeat(201))} }`, { user: 1 });
    expect(codes(longer)).toEqual(['VALIDATION_ERROR']);
  });
});

it('an analyst searches once per operation, whatever lists and aliases it has', async () => {
  const aliases = Array.from(
    { length: 5 },
    (_, n) => `a${String(n)}: ${list('actions', `text ${String(n)}`)}`,
  );
  for (const lists of [aliases.join('\n'), `${list('actions', 'text')} ${list('auditLogs', 'text')}`]) {
    const answer = await gateway.graphql(`{ ${lists} }`, { user: 4 });
    expect(answer.body.data).toBeNull();
    expect(codes(answer)).toEqual(['VALIDATION_ERROR']);
  }
});

it('an analyst has four searches at once and learns when one takes too long; then they search as before', async () => {
  const session = await gateway.database.owner.session();
  await session.query({ name: 'begin', text: 'BEGIN' }, []);
  await session.query({ name: 'lock', text: 'LOCK TABLE actions IN ACCESS EXCLUSIVE MODE' }, []);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => gateway.graphql(`{ ${list('actions', 'demo')} }`, { user: 4 })),
  );
  await session.query({ name: 'rollback', text: 'ROLLBACK' }, []);
  session.release();
  // A search that arrives while four run is refused; on a busy machine some arrive after others have ended.
  const timeouts = answers.flatMap(faultTypes);
  expect(timeouts.length).toBeGreaterThanOrEqual(1);
  expect(new Set(timeouts)).toEqual(new Set(['timeout']));
  expect(answers.flatMap(codes).sort()).toEqual([
    ...Array.from({ length: 10 - timeouts.length }, () => 'RATE_LIMIT_EXCEEDED'),
    ...timeouts.map(() => 'VALIDATION_ERROR'),
  ]);
  expect(timeouts.length).toBeLessThan(10);
  const after = await gateway.graphql(`{ ${list('actions', 'demo')} }`, { user: 4 });
  expect(after.body.data.actions.edges).toHaveLength(25);
});

describe('in an organization with many actions', () => {
  beforeAll(() => addHaystack(gateway.database), 300_000);

  it('a search without a match uses the text index', async () => {
    const { statements } = gateway.database;
    statements.length = 0;
    const answer = await gateway.graphql(`{ ${list('actions', 'no such text')} }`, { user: 4 });
    expect(answer.body.data.actions).toEqual({
      edges: [],
      pageInfo: { hasNextPage: false, endCursor: null, searchLimited: false },
    });
    const last = statements.findLast(({ text }) => text.includes('action_texts'));
    const plan = await gateway.database.owner.transaction(async (sql) => {
      // As the search itself has it.
      await sql.query({ name: 'no_scan', text: `SELECT set_config('enable_seqscan', 'off', true)` }, []);
      return sql.query({ name: 'explain', text: `EXPLAIN ${last?.text ?? ''}` }, [...(last?.values ?? [])]);
    });
    expect(JSON.stringify(plan)).toContain('Bitmap Index Scan on action_texts_by_text');
    expect(JSON.stringify(plan)).not.toContain('Bitmap Index Scan on actions_');
  });

  it('a search finds what is rare and old, and counts it', async () => {
    const query = `{ actions(filter: { search: "NEEDLE" }) { totalCount edges { node { description } } } }`;
    const answer = await gateway.graphql(query, { user: 4 });
    expect(answer.body.data.actions).toEqual({
      totalCount: 1,
      edges: [{ node: { description: 'a needle' } }],
    });
  });
});

describe('where the owner may not create the extension', () => {
  let database: TestDatabase;
  let without: Gateway;
  let name: string;
  const said: string[] = [];
  const migrated = (): Promise<readonly string[]> =>
    migrate(database.owner, new URL(database.directUrl).username, (line) => said.push(line));

  beforeAll(async () => {
    database = await cloneDatabase();
    name = new URL(database.ownerUrl).pathname.slice(1);
    await database.sql('DROP EXTENSION pg_trgm CASCADE');
    await asSuperuser(`ALTER DATABASE ${name} OWNER TO CURRENT_USER`);
    await asSuperuser(`GRANT CONNECT ON DATABASE ${name} TO PUBLIC`);
    await migrated();
    await addHaystack(database);
    without = await startGateway({ database });
  }, 300_000);
  afterAll(async () => {
    await without.close();
    await database.drop();
  });

  it('the migration succeeds and says that searches are not indexed', () => {
    expect(said).toEqual([expect.stringMatching(/text searches are not indexed.*permission denied/)]);
  });

  it('a search covers the nearest rows, says so, and can continue from there', async () => {
    const query = `query ($after: String) { actions(after: $after, filter: { search: "needle" }) {
      totalCount totalCountCapped edges { node { description } } pageInfo { hasNextPage endCursor searchLimited } } }`;
    const first = await without.graphql(query, { user: 4 });
    const { edges, pageInfo, totalCount, totalCountCapped } = first.body.data.actions;
    expect({ edges, totalCount, totalCountCapped }).toEqual({
      edges: [],
      totalCount: 0,
      totalCountCapped: true,
    });
    expect(pageInfo).toEqual({ hasNextPage: true, endCursor: expect.any(String), searchLimited: true });
    const next = await without.graphql(query, { user: 4, variables: { after: pageInfo.endCursor } });
    expect(next.body.data.actions).toMatchObject({
      edges: [{ node: { description: 'a needle' } }],
      pageInfo: { hasNextPage: false, searchLimited: false },
    });
  });

  it('a later start builds the indexes once the owner may create the extension', async () => {
    await asSuperuser(`ALTER DATABASE ${name} OWNER TO countersign_owner`);
    said.length = 0;
    await migrated();
    expect(said).toEqual([]);
    const valid = await database.sql(
      `SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indisvalid AND indexrelid::regclass::text LIKE '%_by_text' ORDER BY 1`,
    );
    expect(valid).toEqual([{ name: 'action_texts_by_text' }, { name: 'audit_log_by_text' }]);
  });
});
