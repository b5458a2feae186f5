import { Database } from '../../src/persistence/sql/database';
import { asSuperuser, cloneDatabase, isPooled, type TestDatabase } from '../support/database';
import { startGateway, type Answer, type Gateway } from '../support/gateway';
import { makeLine, type Line } from '../support/line';
import { codeOf, graphqlCodeOf } from '../support/refusals';
import { keptLogger } from '../support/run-log';

/** What clients and operators are told where the database fails, or does not answer at all. */
let clone: TestDatabase;
let line: Line;
let application: Database;
let gateway: Gateway;
const log: string[] = [];

beforeAll(async () => {
  clone = await cloneDatabase();
  line = await makeLine(clone.applicationUrl);
  application = await new Database({
    ...{ url: line.url, poolSize: 4, tls: false as const, preparedStatements: !isPooled() },
    answerTimeout: 3_000,
  }).connect();
  gateway = await startGateway({
    database: { ...clone, application },
    log: keptLogger('warn', (entry) => log.push(entry)),
  });
});
afterAll(async () => {
  await gateway.close();
  await application.close();
  await line.cut();
  await clone.drop();
});

function expectUnavailable(answer: Answer): void {
  expect(codeOf(answer)).toBe('503 SERVICE_UNAVAILABLE');
  expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
}

const approve = (id: number, key?: string): Promise<Answer> =>
  gateway.rest('POST', `/api/v1/actions/${String(id)}/approve`, {
    user: 1,
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  });
const ready = (): Promise<Answer> => gateway.rest('GET', '/readyz');

/** Repeats the request until the answer is as wanted. */
async function until(ask: () => Promise<Answer>, status: number): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (answer.status === status) return answer;
  }
}

async function statusOf(id: number): Promise<unknown> {
  const [row] = await clone.sql('SELECT status FROM actions WHERE id = $1', [id]);
  return row?.['status'];
}

describe('after a failover to a read-only server', () => {
  let login: string;
  const others = (): Promise<void> =>
    asSuperuser(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${new URL(clone.ownerUrl).pathname.slice(1)}'
         AND usename = '${new URL(clone.directUrl).username}'`,
    );

  beforeAll(async () => {
    const { username, pathname } = new URL(clone.directUrl);
    login = `ROLE ${username} IN DATABASE ${pathname.slice(1)}`;
    await asSuperuser(`ALTER ${login} SET default_transaction_read_only = on`);
    await others();
  });

  it('a reviewer is told to try again, the process is not ready, and all is well once the database writes', async () => {
    const [id = 0, other = 0] = await gateway.addActions([10, 10]);
    // A terminated connection may be used first.
    await until(() => approve(id), 503);
    expectUnavailable(await approve(id));
    const mutation = await gateway.graphql(
      `mutation { approveAction(actionId: ${String(id)}) { actionId } }`,
      { user: 1 },
    );
    expect(graphqlCodeOf(mutation)).toBe('SERVICE_UNAVAILABLE');
    const body = { action_ids: [id, other] };
    expectUnavailable(await gateway.rest('POST', '/api/v1/actions/bulk-reject', { user: 1, body }));
    const answer = await ready();
    expectUnavailable(answer);
    expect(answer.body.detail).toBe('The database takes no writes');
    expect(log.join()).toContain('The database takes no writes');
    expect(log.join()).not.toContain('unexpected error');
    expect(await statusOf(id)).toBe('pending_approval');

    await asSuperuser(`ALTER ${login} RESET default_transaction_read_only`);
    if (isPooled()) await others();
    await until(ready, 200);
    // A connection that was opened a moment too early says so once, and is dropped.
    const answers = await Promise.all([id, other].map((one) => until(() => approve(one), 200)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });
});

describe.each([
  ['53200', 'no memory left', 'The database is out of disk space, memory or connections'],
  ['53300', 'too many connections', 'The database is out of disk space, memory or connections'],
  ['58030', 'a disk that fails', 'The database is out of disk space, memory or connections'],
  ['53100', 'a full disk', 'The database is out of disk space, memory or connections'],
  ['25006', 'no writes', 'The database takes no writes'],
  ['57P01', 'a shutdown', 'The database cannot be reached'],
  ['57P03', 'a server that starts up', 'The database cannot be reached'],
  ['08006', 'a lost connection', 'The database cannot be reached'],
  ['57014', 'a statement that took too long', 'The database cancelled a statement that took too long'],
  ['55P03', 'a lock that somebody held', 'The database waited too long for a lock'],
  ['40P01', 'a deadlock', 'The database undid a statement that conflicted with another one'],
])('while every decision fails with SQLSTATE %s, %s,', (state, _what, message) => {
  const isOfServer = state.startsWith('53') || state === '58030';

  beforeAll(() =>
    clone.sql(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '${state}'; END $$;
      CREATE TRIGGER fail BEFORE INSERT ON votes FOR EACH ROW EXECUTE FUNCTION fail()`),
  );
  afterAll(() => clone.sql('DROP FUNCTION IF EXISTS fail() CASCADE'));

  it('a reviewer is told to try again and no internals, an operator why, and nothing is decided', async () => {
    const [id = 0, other = 0] = await gateway.addActions([10, 10]);
    log.length = 0;
    const answer = await approve(id);
    expectUnavailable(answer);
    expect(answer.text).not.toMatch(/secret|votes|statement timeout/);
    const body = { action_ids: [id, other] };
    expectUnavailable(await gateway.rest('POST', '/api/v1/actions/bulk-approve', { user: 1, body }));
    expect(log.join()).toContain(message);
    const probe = await ready();
    expect([probe.status, probe.body.detail ?? null]).toEqual(isOfServer ? [503, message] : [200, null]);
    expect([await statusOf(id), await statusOf(other)]).toEqual(['pending_approval', 'pending_approval']);
    await clone.sql('DROP FUNCTION fail() CASCADE');
    expect((await approve(id)).status).toBe(200);
    // It counts for a few seconds; the next test waits for none of its kind.
    if (state === '53100') await until(ready, 200);
  });
});

it('a decision that the database cancels fails, and no other that shares its statement does', async () => {
  const ids = await gateway.addActions(Array.from({ length: 24 }, () => 10));
  const [slow = 0] = ids.slice(12);
  await clone.sql(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '57014'; END $$;
    CREATE TRIGGER fail BEFORE INSERT ON votes FOR EACH ROW WHEN (NEW.action_id = ${String(slow)})
      EXECUTE FUNCTION fail()`);
  try {
    const answers = await Promise.all(ids.map((id) => approve(id)));
    expect(answers.map(({ status }) => status)).toEqual(ids.map((id) => (id === slow ? 503 : 200)));
    expect(await statusOf(slow)).toBe('pending_approval');
  } finally {
    await clone.sql('DROP FUNCTION fail() CASCADE');
  }
});

describe('where a connection goes silent', () => {
  it('an operator reads so at /readyz while the database is frozen, though its connections are open, and not afterwards', async () => {
    line.freeze('all');
    const answers = await Promise.all([ready(), ready(), ready(), ready(), ready()]);
    line.thaw();
    for (const answer of answers) {
      expectUnavailable(answer);
      expect(answer.body.detail).toBe('The database does not answer');
    }
    await until(ready, 200);
  });

  it('a request gets an answer, and the next one another connection', async () => {
    const [id = 0] = await gateway.addActions([10]);
    await Promise.all([1, 2, 3].map(() => gateway.rest('GET', '/api/v1/actions', { user: 1 })));
    line.freeze('those there');
    expectUnavailable(await gateway.rest('GET', '/api/v1/actions', { user: 1 }));
    // One silent connection is taken to stand for all of its age.
    expect((await approve(id)).status).toBe(200);
    expect(await statusOf(id)).toBe('approved');
  });

  it('a reviewer who never got an answer repeats the decision under its key, and learns the outcome', async () => {
    const [id = 0] = await gateway.addActions([10]);
    // Through a pooler statements have no name that could be waited for.
    const lost = line.loseAnswerTo(isPooled() ? 'action_approved' : 'decide_unlocked');
    const unheard = await approve(id, 'never-heard');
    await lost;
    expectUnavailable(unheard);
    expect(unheard.body.detail).toMatch(
      /may or may not have been made: send the request again with the same Idempotency-Key/,
    );
    const again = await until(() => approve(id, 'never-heard'), 200);
    expect(again.body).toMatchObject({ action_id: id, status: 'approved', approved_by: 1 });
    const entries = await clone.sql(
      `SELECT id FROM audit_log WHERE action_id = $1 AND action_type = 'action_approved'`,
      [id],
    );
    expect(entries).toHaveLength(1);
  });

  it('a bulk whose COMMIT is never answered is a 503, and its key replays what was committed', async () => {
    const ids = await gateway.addActions([10, 10, 10]);
    const bulk = (): Promise<Answer> =>
      gateway.rest('POST', '/api/v1/actions/bulk-approve', {
        user: 1,
        body: { action_ids: ids },
        headers: { 'idempotency-key': 'bulk-never-heard' },
      });
    const lost = line.loseAnswerTo('COMMIT');
    const unheard = await bulk();
    await lost;
    expectUnavailable(unheard);
    const again = await until(bulk, 200);
    expect(again.body).toMatchObject({ requested: 3, succeeded: 3, failed: 0 });
    const entries = await clone.sql(
      `SELECT action_id FROM audit_log WHERE action_id = ANY($1) AND action_type = 'action_approved'`,
      [ids],
    );
    expect(entries).toHaveLength(3);
  });
});

it('an operator who stops a process does not have to wait for a dead connection', async () => {
  const own = await makeLine(clone.applicationUrl);
  const database = await new Database({
    ...{ url: own.url, poolSize: 2, tls: false as const, preparedStatements: !isPooled() },
    answerTimeout: null,
  }).connect();
  const session = await database.session();
  own.freeze('those there');
  const asked = session.query({ name: 'one', text: 'SELECT 1 AS one' }, []).finally(() => {
    session.release();
  });
  const refused = expect(asked).rejects.toThrow('The database cannot be reached');
  await database.close();
  await refused;
  await own.cut();
});
