import { cloneDatabase, type TestDatabase } from '../../support/database';
import {
  addOverdue,
  expireIn,
  makeOverdue,
  storedStatuses,
  sweep,
  waiting,
  wronglyMarked,
} from '../../support/expiry';
import { startGateway, type Gateway } from '../../support/gateway';
import { decideOverGraphql, decideOverRest, REVIEWERS, startRace, type Attempt } from '../../support/racing';
import { keptLogger } from '../../support/run-log';

/**
 * Running gateways that sweep by themselves, while people decide and while they are closed
 * (docs/approval-policy.md#expiry).
 */
const ACME = 1;

let race: Awaited<ReturnType<typeof startRace>>;

beforeAll(async () => {
  race = await startRace();
});
afterAll(() => race.close());

it('while people decide actions that sweeps mark, each action is decided or expires, never both', async () => {
  const { gateways } = race;
  const [gateway] = gateways;
  const { database } = gateway;
  const added = await gateway.addActions(Array.from({ length: 120 }, (_, n) => n % 40));
  const [overdue, future] = [added.slice(0, 30), added.slice(30, 60)];
  await makeOverdue(database, overdue);
  await expireIn(database, 3600, future);
  // These expire one after the other while they are being decided, unless they are decided before.
  for (const [n, id] of added.slice(60).entries()) await expireIn(database, n * 0.02, [id]);

  const isOver = new AbortController();
  const sweepOn = async (): Promise<void> => {
    while (!isOver.signal.aborted) await sweep(database.application);
  };
  const decideAll = async (user: number, n: number): Promise<Attempt[]> => {
    const decide = (n >> 1) % 2 === 0 ? decideOverRest : decideOverGraphql;
    const mine = n % 3 === 0 ? [...added].reverse() : added;
    const bulks = Array.from({ length: 4 }, (_, part) => mine.slice(part * 30, (part + 1) * 30));
    const attempts: Attempt[][] = [];
    for (const ids of bulks)
      attempts.push(await decide(gateways[n % 2] ?? gateway, user, n % 4 === 0 ? 'reject' : 'approve', ids));
    return attempts.flat();
  };
  const deciding = Promise.all(REVIEWERS.slice(0, 20).map(decideAll)).finally(() => {
    isOver.abort();
  });
  const attempts = (await Promise.all([deciding, sweepOn()]))[0].flat();
  while ((await sweep(database.application)) > 0);

  expect(new Set(attempts.map(({ code }) => code))).toEqual(new Set([null, 'INVALID_STATE']));
  const rows = await database.sql<{
    id: number;
    status: string;
    votes: number;
    decided: number;
    in_time: boolean;
  }>(
    `SELECT a.id, a.status, (SELECT count(*) FROM votes v WHERE v.action_id = a.id) AS votes,
       (SELECT count(*) FROM audit_log l
        WHERE l.action_id = a.id AND action_type IN ('action_approved', 'action_denied')) AS decided,
       coalesce(decided_at < expires_at, true) AS in_time
     FROM actions a WHERE a.id = ANY ($1)`,
    [added],
  );
  const expired = new Set(rows.filter(({ status }) => status === 'expired').map(({ id }) => id));
  const winners = attempts.filter(({ code }) => code === null).map(({ actionId }) => actionId);
  expect(winners.sort()).toEqual(added.filter((id) => !expired.has(id)).sort());
  for (const { id, ...row } of rows) {
    const count = expired.has(id) ? 0 : 1;
    expect(row).toMatchObject({ votes: count, decided: count, in_time: true });
  }
  expect(overdue.filter((id) => !expired.has(id))).toEqual([]);
  expect(future.filter((id) => expired.has(id))).toEqual([]);
  expect(await wronglyMarked(database)).toEqual([]);
});

describe('a running gateway', () => {
  let gateway: Gateway;
  let database: TestDatabase;
  const log: string[] = [];

  beforeAll(async () => {
    database = await cloneDatabase();
    const logger = keptLogger('warn', (entry) => log.push(entry));
    gateway = await startGateway({ database, log: logger, sweepEveryMs: 100 });
  });
  afterAll(async () => {
    await gateway.close();
    await database.drop();
  });

  it('marks overdue actions by itself, with an entry that everybody can read', async () => {
    const [action = 0] = await gateway.addActions([39.5]);
    await makeOverdue(database, [action]);
    const query = `query ($id: ID!) { action(id: $id) { expiresAt auditLogs { edges { node {
      actionType actorKind actorId actor { id } action { id status } details riskScore approvalsReceived verdict
      refusalCode ipAddress userAgent correlationId clientCorrelationId data } } } } }`;
    while ((await storedStatuses(database, [action]))[0] !== 'expired');
    const { body } = await gateway.graphql(query, { user: 2, variables: { id: action } });
    const expiresAt = String(body.data.action.expiresAt);
    const correlationId = expect.stringMatching(/^action_\d{8}_\d{6}_[0-9a-f]{16}$/) as string;
    const entry = {
      actionType: 'action_expired',
      actorKind: 'SYSTEM',
      actorId: null,
      actor: null,
      action: { id: String(action), status: 'EXPIRED' },
      details: `Action ${String(action)} expired at ${expiresAt} without a decision`,
      riskScore: 39.5,
      approvalsReceived: 0,
      verdict: null,
      refusalCode: null,
      ipAddress: null,
      userAgent: null,
      correlationId,
      clientCorrelationId: null,
      data: { expires_at: expiresAt },
    };
    expect(body.data.action.auditLogs.edges).toEqual([{ node: entry }]);

    const path = `/api/admin/audit-logs?action_type=action_expired&action_id=${String(action)}`;
    const { logs } = (await gateway.rest('GET', path, { user: 2 })).body;
    expect(logs).toHaveLength(1);
    expect(logs[0]).toMatchObject({
      action_type: 'action_expired',
      user_id: null,
      details: entry.details,
      action_id: action,
      refusal_code: null,
    });
  });

  it('that is closed during a sweep ends the current batch first, and nothing fails', async () => {
    let ids: readonly number[] = [];
    const closed = await database.owner.transaction(async (sql) => {
      // The sweep has to wait for this.
      await sql.query({ name: 'hold', text: 'LOCK TABLE audit_pending IN SHARE MODE' }, []);
      ids = await addOverdue(database, ACME, 501);
      while ((await waiting(database)).length === 0);
      let isClosed = false;
      const closing = gateway
        .close()
        .then(() => (isClosed = true))
        .then(() => database.application.close());
      // Time enough for a gateway that does not wait.
      for (let n = 0; n < 200; n += 1) await database.sql('SELECT 1');
      expect(isClosed).toBe(false);
      return { closing };
    });
    await closed.closing;
    const marked = (await storedStatuses(database, ids)).filter((status) => status === 'expired');
    expect(marked.length).toBeGreaterThanOrEqual(500);
    expect(await wronglyMarked(database)).toEqual([]);
    expect(log).toEqual([]);
  });
});
