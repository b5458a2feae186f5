import { createHash } from 'node:crypto';
import { cloneDatabase, type TestDatabase } from '../../support/database';
import {
  addOverdue,
  addPending,
  expireIn,
  makeOverdue,
  storedStatuses,
  sweep,
  wronglyMarked,
} from '../../support/expiry';

/** The sweep that marks overdue actions, without a gateway beside it (docs/approval-policy.md#expiry). */
const ACME = 1;
const GLOBEX = 2;
let database: TestDatabase;

beforeEach(async () => {
  database = await cloneDatabase();
});
afterEach(() => database.drop());

interface Entry {
  readonly id: number;
  readonly action_id: number;
  readonly timestamp: Date;
  readonly canonical: Buffer;
  readonly leaf_hash: Buffer;
  readonly correlation_id: string;
  readonly [column: string]: unknown;
}

/** The audit entries of expired actions. */
function expired(): Promise<Entry[]> {
  return database.sql<Entry>(`SELECT * FROM audit_log WHERE action_type = 'action_expired' ORDER BY id`);
}

function timesRun(name: string): number {
  return database.statements.filter((statement) => statement.name === name).length;
}

const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

describe('a sweep', () => {
  it('marks all overdue actions of every organization, at most 500 in a batch, the longest overdue first', async () => {
    const [acme, globex] = [await addOverdue(database, ACME, 880), await addOverdue(database, GLOBEX, 220)];
    // Every fifth is Globex's, so that each batch of 500 holds 400 of Acme's and 100 of Globex's.
    await database.sql(
      `UPDATE actions a SET expires_at = now() - interval '1 hour' + n * interval '1 millisecond'
       FROM unnest($1::bigint[], $2::integer[]) AS o(id, n) WHERE a.id = o.id`,
      [
        [...acme, ...globex],
        [...acme.map((_id, n) => n + Math.floor(n / 4)), ...globex.map((_id, n) => 5 * n + 4)],
      ],
    );
    database.statements.length = 0;
    expect(await sweep(database.application)).toBe(1100);
    expect(sorted((await expired()).map(({ action_id }) => action_id))).toEqual(sorted([...acme, ...globex]));
    expect(await wronglyMarked(database)).toEqual([]);
    expect([timesRun('overdue_actions'), timesRun('expire_actions')]).toEqual([3, 6]);

    const batches = await database.sql(
      `SELECT count(*) AS marked, l.organization_id AS organization,
         count(DISTINCT l.timestamp) AS moments, max(a.expires_at) < lead(min(a.expires_at), 2) OVER (ORDER BY min(l.id)) AS in_order
       FROM audit_log l JOIN actions a ON (a.organization_id, a.id) = (l.organization_id, l.action_id)
       WHERE l.action_type = 'action_expired' GROUP BY l.correlation_id, l.organization_id ORDER BY min(l.id)`,
    );
    const batch = (organization: number, marked: number, in_order: boolean | null) => ({
      organization,
      marked,
      moments: 1,
      in_order,
    });
    expect(batches).toEqual([
      batch(ACME, 400, true),
      batch(GLOBEX, 100, true),
      batch(ACME, 400, true),
      batch(GLOBEX, 100, true),
      batch(ACME, 80, null),
      batch(GLOBEX, 20, null),
    ]);
  });

  it.each([
    [0, 1, 0],
    [1, 1, 1],
    [499, 1, 1],
    [500, 2, 1],
    [501, 2, 2],
  ])('of %d overdue actions searches %d times and marks in %d statements', async (count, looks, marks) => {
    // It ignores what has an hour left.
    await expireIn(database, 3600, await addPending(database, ACME, 1));
    const ids = count === 0 ? [] : await addOverdue(database, ACME, count);
    database.statements.length = 0;
    expect(await sweep(database.application)).toBe(count);
    expect([timesRun('overdue_actions'), timesRun('expire_actions')]).toEqual([looks, marks]);
    expect(new Set(await storedStatuses(database, ids))).toEqual(new Set(count === 0 ? [] : ['expired']));
  });

  it('marks the action and writes one entry of the system, complete, byte for byte', async () => {
    const ids = await addOverdue(database, ACME, 2);
    const [plain = 0, voted = 0] = ids;
    await database.sql('UPDATE actions SET risk_score = 39.5, approvals = 2 WHERE id = $1', [voted]);
    await sweep(database.application);

    const actions = await database.sql(
      `SELECT status, version, approvals, updated_at = expires_at AS updated, decided_by_kind, decided_by, decided_at,
         reason, correlation_id FROM actions WHERE id = ANY ($1) ORDER BY id`,
      [ids],
    );
    const undecided = { decided_by_kind: null, decided_by: null, decided_at: null, reason: null };
    const marked = { status: 'expired', version: 2, updated: true, correlation_id: null, ...undecided };
    expect(actions).toEqual([
      { ...marked, approvals: 0 },
      { ...marked, approvals: 2 },
    ]);

    const entries = await expired();
    expect(entries.map(({ action_id }) => action_id)).toEqual([plain, voted]);
    const [times] = await database.sql<{ at: Date; now: Date }>(
      'SELECT expires_at AS at, clock_timestamp() AS now FROM actions WHERE id = $1',
      [voted],
    );
    const { at, now } = times ?? { at: new Date(NaN), now: new Date(NaN) };
    for (const { timestamp } of entries) {
      expect(timestamp.getTime()).toBeGreaterThan(at.getTime());
      expect(timestamp.getTime()).toBeLessThanOrEqual(now.getTime());
    }
    const scores = new Map([
      [plain, [37, 0]],
      [voted, [39.5, 2]],
    ]);
    for (const { id, action_id, timestamp, correlation_id, canonical, leaf_hash, ...columns } of entries) {
      const [risk_score = 0, approvals_received = 0] = scores.get(action_id) ?? [];
      expect(correlation_id).toMatch(/^action_\d{8}_\d{6}_[0-9a-f]{16}$/);
      const told = {
        actor_kind: 'system',
        actor_id: null,
        on_behalf_of: null,
        verdict: null,
        reason: null,
        refusal_code: null,
        risk_score,
        required_level: null,
        held_level: null,
        policy_version: null,
        approvals_received,
        approvals_required: null,
        details: `Action ${String(action_id)} expired at ${at.toISOString()} without a decision`,
        client_correlation_id: null,
        data: { expires_at: at.toISOString() },
      };
      expect(columns).toEqual({
        organization_id: ACME,
        action_type: 'action_expired',
        ...told,
        ip_address: null,
        ip_salt: null,
        user_agent: null,
        user_agent_salt: null,
      });
      const { actor_kind, actor_id, on_behalf_of, details, client_correlation_id, data, ...middle } = told;
      const bytes = JSON.stringify({
        v: 1,
        audit_id: id,
        organization_id: ACME,
        action_type: 'action_expired',
        timestamp: timestamp.toISOString(),
        ...{ actor_kind, actor_id, on_behalf_of, action_id, ...middle },
        ...{ details, correlation_id, client_correlation_id },
        ...{ ip_commitment: null, user_agent_commitment: null, data },
      });
      expect(canonical.toString('utf8')).toBe(bytes);
      expect(leaf_hash.toString('hex')).toBe(
        createHash('sha256')
          .update(Buffer.from([0]))
          .update(bytes, 'utf8')
          .digest('hex'),
      );
    }
    expect(await wronglyMarked(database)).toEqual([]);
  });

  it("never changes another organization's action of the same number", async () => {
    const [acme = 0] = await addOverdue(database, ACME, 1);
    await database.sql(`SELECT setval(pg_get_serial_sequence('actions', 'id'), $1, false)`, [acme]);
    expect(await addPending(database, GLOBEX, 1)).toEqual([acme]);
    await database.sql(
      `UPDATE actions SET expires_at = now() + interval '1 hour' WHERE organization_id = $1 AND id = $2`,
      [GLOBEX, acme],
    );
    expect(await sweep(database.application)).toBe(1);
    const rows = await database.sql(
      'SELECT organization_id AS organization, status, version FROM actions WHERE id = $1 ORDER BY 1',
      [acme],
    );
    expect(rows).toEqual([
      { organization: ACME, status: 'expired', version: 2 },
      { organization: GLOBEX, status: 'pending_approval', version: 1 },
    ]);
    expect(await wronglyMarked(database)).toEqual([]);
  });

  it('never changes an action that has time left, has no end, is decided or is marked already', async () => {
    const [future = 0, approved = 0, denied = 0, overdue = 0] = await addPending(database, ACME, 4);
    await makeOverdue(database, [approved, denied, overdue]);
    for (const [id, status] of [
      [approved, 'approved'],
      [denied, 'denied'],
    ])
      await database.sql(
        `UPDATE actions SET status = $2, decided_by_kind = 'user', decided_by = 1, correlation_id = 'action_1',
           decided_at = expires_at - interval '1 second' WHERE id = $1`,
        [id, status],
      );
    await database.sql(`UPDATE actions SET expires_at = now() + interval '1 hour' WHERE id = $1`, [future]);
    const all = (): Promise<unknown[]> =>
      database.sql('SELECT * FROM actions WHERE id <> $1 ORDER BY id', [overdue]);
    const before = await all();
    expect(before.length).toBeGreaterThan(50);
    expect(await sweep(database.application)).toBe(1);
    expect(await all()).toEqual(before);

    const marked = await database.sql('SELECT * FROM actions WHERE id = $1', [overdue]);
    expect(await sweep(database.application)).toBe(0);
    expect(await database.sql('SELECT * FROM actions WHERE id = $1', [overdue])).toEqual(marked);
    expect((await expired()).map(({ action_id }) => action_id)).toEqual([overdue]);
  });
});
