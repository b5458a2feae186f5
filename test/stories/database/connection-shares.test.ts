import { Database } from '../../../src/persistence/sql/database';
import { cloneDatabase, type TestDatabase } from '../../support/database';
import { startGateway, type Answer, type Gateway } from '../../support/gateway';
import { codeOf } from '../../support/refusals';

/** No organization and no kind of request ever takes all connections to the database. */
const approve = (gateway: Gateway, user: number, id: number): Promise<Answer> =>
  gateway.rest('POST', `/api/v1/actions/${String(id)}/approve`, { user });

/** How many of the application's statements wait for a lock inside the database. */
async function waiting(database: TestDatabase): Promise<number> {
  const [row] = await database.sql<{ count: number }>(
    `SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE NOT granted AND datname = current_database()`,
  );
  return row?.count ?? 0;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) continue;
}

describe("while an organization's rows are locked,", () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({ poolSize: 4 });
  });
  afterAll(() => gateway.close());

  it('its requests wait on half of the connections, and the others decide', async () => {
    const { database } = gateway;
    const acme = await gateway.addActions(Array.from({ length: 12 }, () => 10));
    const [globex = 0] = await gateway.addActions([10], { organization: 2 });
    await database.owner
      .transaction(async (held) => {
        await held.query({ name: 'hold', text: 'SELECT FROM actions WHERE id = ANY($1) FOR UPDATE' }, [acme]);
        // Bulks of the same organization: each has a connection of its own.
        const stuck = acme.map((id) =>
          gateway.rest('POST', '/api/v1/actions/bulk-approve', { user: 1, body: { action_ids: [id] } }),
        );
        await until(async () => (await waiting(database)) === 2);
        expect((await approve(gateway, 101, globex)).status).toBe(200);
        expect(await waiting(database)).toBe(2);
        expect((await gateway.rest('GET', '/readyz')).status).toBe(200);
        return { stuck };
      })
      .then(async ({ stuck }) => {
        const codes = new Set((await Promise.all(stuck)).map(({ status }) => status));
        // A request that waited too long for a connection was told so; the lock was not held for long.
        expect([...codes].filter((status) => status !== 200 && status !== 503)).toEqual([]);
      });
  });

  it('reads that wait for a table leave connections for decisions', async () => {
    const { database } = gateway;
    const [id = 0, other = 0] = [
      ...(await gateway.addActions([10])),
      ...(await gateway.addActions([10], { organization: 2 })),
    ];
    const reads = await database.owner.transaction(async (held) => {
      await held.query({ name: 'hold', text: 'LOCK TABLE audit_checkpoint IN ACCESS EXCLUSIVE MODE' }, []);
      const asked = [1, 101].flatMap((user) =>
        [1, 2, 3, 4].map((n) => gateway.graphql(`{ a${String(n)}: auditCheckpoint { treeSize } }`, { user })),
      );
      await until(async () => (await waiting(database)) >= 2);
      const progress = { isDecided: false };
      const decided = approve(gateway, 1, id)
        .then(async (answer) => [answer, await approve(gateway, 101, other)])
        .finally(() => (progress.isDecided = true));
      // With more connections for the reads, decisions would wait until some of the reads give up.
      while (!progress.isDecided) expect(await waiting(database)).toBeLessThanOrEqual(2);
      expect((await decided).map(({ status }) => status)).toEqual([200, 200]);
      return { asked };
    });
    await Promise.all(reads.asked);
  });
});

it('a gateway with a pool of one answers every request, in turn', async () => {
  const gateway = await startGateway({ poolSize: 1 });
  try {
    const [one = 0, two = 0, three = 0, four = 0, five = 0, six = 0] = await gateway.addActions(
      Array.from({ length: 6 }, () => 10),
    );
    const key = await gateway.apiKey({});
    const bulk = (ids: number[], more = {}, headers = {}): Promise<Answer> =>
      gateway.rest('POST', '/api/v1/actions/bulk-approve', {
        user: 1,
        headers,
        body: { action_ids: ids, ...more },
      });
    const answers = await Promise.all([
      approve(gateway, 1, one),
      bulk([two, three, 1]),
      bulk([four], { mode: 'atomic' }),
      bulk([five, six, 2], {}, { 'idempotency-key': 'pool of one' }),
      gateway.rest('POST', '/api/v1/actions/submit', {
        apiKey: key,
        body: { agent_id: 'a', action_type: 'read', description: 'd' },
      }),
      gateway.rest('GET', '/api/v1/actions', { user: 1 }),
      gateway.rest('GET', '/readyz'),
      gateway.rest('GET', '/metrics'),
      gateway.rest('GET', '/api/admin/audit-logs/export?format=bundle', { user: 1 }),
      gateway.graphql(
        `{ viewer { id } users(first: 3) { edges { node { id } } } actions(first: 5, filter: {search: "a"}) { totalCount edges { node { id
          auditLogs(first: 2) { edges { node { id } } } viewerCanApprove { allowed } } } } auditLogs(first: 2) { totalCount } }`,
        { user: 1 },
      ),
      gateway.graphql(
        `mutation { changeApprovalPolicy(expectedVersion: 1, patch: {ownActionsAllowed: true}, reason: "r") {
          version warnings { code } history(first: 1) { edges { node { version } } } } }`,
        { user: 1 },
      ),
      gateway.graphql(`mutation { setUser(userId: "5", patch: {role: USER}, reason: "r") { id } }`, {
        user: 1,
      }),
    ]);
    const outcomes = answers.map((answer) => {
      const body = answer.body as { errors?: unknown } | undefined;
      return answer.status < 300 ? (body?.errors ?? 'answered') : codeOf(answer);
    });
    expect(outcomes).toEqual(answers.map(() => 'answered'));
  } finally {
    await gateway.close();
  }
});

it('each statement names its organization first, so that it counts toward that share', async () => {
  const gateway = await startGateway();
  const { database } = gateway;
  try {
    const [id = 0, other = 0] = await gateway.addActions([10, 10], { organization: 2 });
    database.statements.length = 0;
    await approve(gateway, 101, id);
    await approve(gateway, 104, id);
    await gateway.rest('POST', '/api/v1/actions/bulk-reject', {
      ...{ user: 101, body: { action_ids: [other, 22345] }, headers: { 'idempotency-key': 'k' } },
    });
    await gateway.rest('GET', '/api/admin/audit-logs/export?format=bundle', { user: 101 });
    const answer = await gateway.graphql(
      `{ viewer { id } users(first: 3) { edges { node { id } } } apiKeys(first: 3) { edges { node { id } } } approvalPolicy { warnings { code } } action(id: ${String(id)}) { votes { votedAt }
        auditLogs(first: 2) { edges { node { actor { id } } } } } actions(filter: {search: "a"}) { totalCount }
        auditSummary(groupBy: DAY) { key } }`,
      { user: 101 },
    );
    expect(answer.body).not.toHaveProperty('errors');
    const own = ['begin', 'commit', 'rollback', 'begin_snapshot', 'wait_for_reader', 'search_timeout'];
    const shareless = ['reviewer_by_identity', 'api_keys_by_prefix', 'takes_writes', 'seal_backlog'];
    const of = database.statements.filter(({ name }) => ![...own, ...shareless].includes(name));
    expect(of.length).toBeGreaterThan(10);
    expect(of.filter(({ values }) => values[0] !== 2).map(({ name }) => name)).toEqual([]);
  } finally {
    await gateway.close();
  }
});

it('a request that needs more connections than there are is served once some are free', async () => {
  const clone = await cloneDatabase();
  const database = await new Database({
    ...{ url: clone.ownerUrl, poolSize: 2, tls: false as const, preparedStatements: false },
  }).connect();
  try {
    const rows = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        database.query<{ n: number }>({ name: 'n', text: 'SELECT $1::integer AS n' }, [n]),
      ),
    );
    expect(rows.flat().map(({ n }) => n)).toEqual(Array.from({ length: 50 }, (_, n) => n));
  } finally {
    await database.close();
    await clone.drop();
  }
});
