import { Database } from '../../../src/persistence/sql/database';
import { asSuperuser, cloneDatabase, isPooled, type TestDatabase } from '../../support/database';
import { startGateway, type Answer, type Gateway } from '../../support/gateway';
import { makeLine, type Line } from '../../support/line';
import { keptLogger } from '../../support/run-log';
import { codeOf, graphqlBody, graphqlCodeOf, restError } from '../../support/refusals';

/** What operators and clients are told while all is well, while the database is away, and after an unexpected error. */
let database: TestDatabase;
let line: Line;
let gateway: Gateway;
const log: string[] = [];

beforeAll(async () => {
  const clone = await cloneDatabase();
  line = await makeLine(clone.applicationUrl);
  const application = await new Database({
    ...{ url: line.url, poolSize: 4, tls: false as const, preparedStatements: !isPooled() },
  }).connect();
  database = { ...clone, application };
  gateway = await startGateway({
    database,
    log: keptLogger('warn', (entry) => log.push(entry)),
  });
});
afterAll(async () => {
  await gateway.close();
  await database.application.close();
  await line.cut();
  await database.drop();
});

/** What no client may see: SQL, names of tables, stacks, paths. */
const INSIDE =
  /select|insert|\brelation\b|votes|audit_log|postgres|ECONN|\.[jt]s:|node_modules|stack|at \w+ \(/i;

function expectUnavailable(answer: Answer): void {
  expect(codeOf(answer)).toBe('503 SERVICE_UNAVAILABLE');
  expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  expect(answer.text).not.toMatch(INSIDE);
}

describe('an operator', () => {
  it('asks without a credential whether the process is alive and ready, and for its metrics', async () => {
    const health = await gateway.rest('GET', '/health');
    expect([health.status, typeof health.body]).toEqual([200, 'object']);
    expect((await gateway.rest('GET', '/readyz')).status).toBe(200);
    const metrics = await gateway.rest('GET', '/metrics');
    expect(metrics.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(metrics.text).toMatch(/^process_cpu_seconds_total \d/m);
  });

  it('gets no traffic to a gateway while its database is away, and does again once it is back', async () => {
    await line.cut();
    try {
      for (let n = 0; n < 6; n += 1) expectUnavailable(await gateway.rest('GET', '/readyz'));
      expect((await gateway.rest('GET', '/health')).status).toBe(200);
      expect((await gateway.rest('GET', '/metrics')).status).toBe(200);
    } finally {
      await line.mend();
    }
    expect((await gateway.rest('GET', '/readyz')).status).toBe(200);
  });
});

describe('a reviewer, while the database is away,', () => {
  beforeAll(() => line.cut());
  afterAll(() => line.mend());

  it.each([
    ['POST', '/api/v1/actions/12345/approve'],
    ['POST', '/api/v1/actions/12345/reject'],
    ['POST', '/api/v1/actions/bulk-approve'],
    ['GET', '/api/v1/actions/12345'],
    ['GET', '/api/v1/actions'],
    ['GET', '/api/admin/audit-logs'],
  ])('is told to try again by %s %s', async (method, path) => {
    const body = path.includes('bulk') ? { action_ids: [12345, 12346] } : undefined;
    expectUnavailable(await gateway.rest(method, path, { user: 42, ...(body && { body }) }));
  });

  it('is told to try again over GraphQL', async () => {
    for (const query of ['{ viewer { id } }', 'mutation { approveAction(actionId: 12345) { actionId } }']) {
      const answer = await gateway.graphql(query, { user: 42 });
      expect(graphqlCodeOf(answer)).toBe('SERVICE_UNAVAILABLE');
      expect(answer.text).not.toMatch(INSIDE);
    }
  });

  it('causes an entry in the log that names the cause and the request', async () => {
    log.length = 0;
    const answer = await gateway.rest('GET', '/api/v1/actions/12345', { user: 42 });
    const entries = log.filter((entry) => entry.includes('database unavailable'));
    expect(entries).toHaveLength(1);
    expect(entries[0]).toContain(answer.body.correlation_id);
    expect(entries[0]).toMatch(/ECONN|terminated|timeout/);
  });

  it('is told of a missing or forged credential all the same', async () => {
    expect(codeOf(await gateway.rest('GET', '/api/v1/actions/12345'))).toBe('401 MISSING_AUTH');
    const headers = { authorization: 'Bearer a.b.c' };
    expect(codeOf(await gateway.rest('GET', '/api/v1/actions/12345', { headers }))).toBe('401 INVALID_TOKEN');
  });
});

it('a reviewer decides once the database is back, and nothing was decided before', async () => {
  expect(await database.sql(`SELECT id FROM actions WHERE status <> 'pending_approval'`)).toEqual([]);
  expect((await gateway.rest('POST', '/api/v1/actions/12345/approve', { user: 42 })).status).toBe(200);
});

it('an operator whose database no longer exists sees a 503 too, as do reviewers', async () => {
  const clone = await cloneDatabase();
  const other = await startGateway({ database: clone });
  try {
    const name = new URL(clone.applicationUrl).pathname.slice(1);
    await asSuperuser(`DROP DATABASE ${name} WITH (FORCE)`);
    expectUnavailable(await other.rest('GET', '/readyz'));
    expectUnavailable(await other.rest('GET', '/api/v1/actions/12345', { user: 42 }));
    expectUnavailable(await other.rest('POST', '/api/v1/actions/12345/approve', { user: 42 }));
  } finally {
    await other.close();
    await clone.application.close();
    await clone.owner.close();
  }
});

describe('when an unexpected error occurs', () => {
  beforeAll(() => database.sql('ALTER TABLE votes RENAME TO votes_elsewhere'));
  afterAll(() => database.sql('ALTER TABLE votes_elsewhere RENAME TO votes'));

  /** The one log entry of a request, by its correlation id. */
  const logged = (correlationId: string) => log.filter((entry) => entry.includes(correlationId));

  it('a reviewer over REST gets a correlation id and no internals, and the log has the rest', async () => {
    for (const [path, body] of [
      ['/api/v1/actions/12346/approve', {}],
      ['/api/v1/actions/bulk-reject', { action_ids: [12346, 12347] }],
    ] as const) {
      const answer = await gateway.rest('POST', path, { user: 42, body });
      expect(codeOf(answer)).toBe('500 INTERNAL_ERROR');
      expect(Object.keys(restError(answer))).toEqual([
        ...['detail', 'error_code', 'status', 'correlation_id', 'timestamp'],
      ]);
      expect(answer.text).not.toMatch(INSIDE);
      const entries = logged(restError(answer).correlation_id);
      expect(entries).toHaveLength(1);
      expect(entries.join()).toContain('relation');
      expect(entries.join()).not.toContain(gateway.token(42));
    }
  });

  it('a reviewer over GraphQL gets the same, and the rest of what they asked for', async () => {
    const mutation = await gateway.graphql('mutation { approveAction(actionId: 12346) { actionId } }', {
      user: 42,
    });
    expect(mutation.status).toBe(200);
    expect(mutation.text).not.toMatch(INSIDE);
    const [error] = graphqlBody(mutation).errors ?? [];
    expect(error?.extensions).toMatchObject({ code: 'INTERNAL_ERROR', status: 500 });
    expect(error?.extensions.correlationId).toMatch(/^action_\d{8}_\d{6}_[0-9a-f]{16}$/);
    expect(logged(error?.extensions.correlationId ?? '').join()).toContain('relation');
    await database.sql('ALTER TABLE audit_log RENAME TO log_elsewhere');
    try {
      const read = await gateway.graphql('{ viewer { id } auditLog(id: 1) { id } }', { user: 42 });
      expect(graphqlBody(read).data).toEqual({ viewer: { id: '42' }, auditLog: null });
      expect(graphqlCodeOf(read)).toBe('INTERNAL_ERROR');
      expect(read.text).not.toMatch(/\brelation\b|audit_log|select/i);
    } finally {
      await database.sql('ALTER TABLE log_elsewhere RENAME TO audit_log');
    }
  });

  it('nothing is decided', async () => {
    const ids = [12346, 12347];
    const rows = await database.sql(
      `SELECT id FROM actions WHERE id = ANY($1) AND status <> 'pending_approval'
       UNION ALL SELECT id FROM audit_log WHERE action_id = ANY($1)`,
      [ids],
    );
    expect(rows).toEqual([]);
  });
});
