import type { Gateway } from '../../support/gateway';
import {
  decideOverGraphql,
  decideOverRest,
  APIS,
  REVIEWERS,
  startRace,
  type Attempt,
} from '../../support/racing';
import { cases } from '../../support/runs';
import { QUEUED_OR_SEALED } from '../../support/sealed-log';

/**
 * Exactly one decision per action, ever, and every loser learns the truth about it
 * (docs/approval-policy.md#one-decision-per-action).
 */
let gateways: readonly [Gateway, Gateway];
let gateway: Gateway;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ gateways, close } = await startRace());
  [gateway] = gateways;
});
afterAll(() => close());

describe.each(APIS)('a bulk over %s', (_api, decide) => {
  it('decides what it may, whatever is wrong with the other items', async () => {
    const [done = 0, first = 0, high = 0, last = 0] = await gateway.addActions([1, 1, 90, 1]);
    const [own = 0] = await gateway.addActions([1], { submitter: 42 });
    await decide(gateway, 1, 'reject', done);
    const ids = [done, 22345, first, 8_000_000_000, high, own, last];
    const attempts = await decide(gateway, 42, 'approve', ids);
    expect(attempts.map(({ actionId, code }) => [actionId, code])).toEqual([
      [done, 'INVALID_STATE'],
      [22345, 'ACTION_NOT_FOUND'],
      [first, null],
      [8_000_000_000, 'ACTION_NOT_FOUND'],
      [high, 'APPROVAL_LEVEL_REQUIRED'],
      [own, 'SELF_APPROVAL_FORBIDDEN'],
      [last, null],
    ]);
    const statuses = await statusesOf([done, first, high, own, last, 22345]);
    const pending = 'pending_approval';
    expect(statuses).toEqual(['denied', 'approved', pending, pending, 'approved', pending]);
  });

  it.each(['refusal_throttle', 'audit_log', 'audit_pending', 'votes'])(
    'leaves nothing behind where the database fails in the middle of it, at %s, and shows no more than that',
    async (table) => {
      const [fine = 0, done = 0] = await gateway.addActions([1, 1]);
      await decide(gateway, 1, 'approve', done);
      const before = await everything();
      const attempts = await whileFailing(table, () => decide(gateway, 42, 'approve', [fine, done]));
      expect(attempts.map(({ code }) => code)).toEqual(['INTERNAL_ERROR', 'INTERNAL_ERROR']);
      expect(await everything()).toEqual(before);
      expect((await decide(gateway, 42, 'approve', fine))[0]?.code).toBeNull();
    },
  );
});

it('a client sees 500 INTERNAL_ERROR of a failing database and none of its words', async () => {
  const [fine = 0] = await gateway.addActions([1]);
  const answer = await whileFailing('audit_log', () =>
    gateway.rest('POST', '/api/v1/actions/bulk-approve', { user: 42, body: { action_ids: [fine] } }),
  );
  expect(answer.status).toBe(500);
  expect(answer.body).toMatchObject({ error_code: 'INTERNAL_ERROR', detail: 'An internal error occurred' });
  expect(answer.text).not.toMatch(/secret|audit_log|trigger/);
});

/** In bulks of forty. */
const RACED = cases(120, 200);
describe(`50 approvers racing on each of ${String(RACED)} actions, over two gateways, both APIs, one by one and in bulk`, () => {
  let ids: readonly number[];
  let attempts: readonly Attempt[];
  let rows: ReadonlyMap<number, { status: string; by: number; at: Date; version: number; approvals: number }>;

  beforeAll(async () => {
    ids = await gateway.addActions(Array.from({ length: RACED }, (_, n) => n % 40));
    attempts = (await Promise.all(REVIEWERS.slice(0, 50).map(race))).flat();
    const decided = await gateway.database.sql<{
      id: number;
      status: string;
      by: number;
      at: Date;
      version: number;
      approvals: number;
    }>(
      'SELECT id, status, decided_by AS by, decided_at AS at, version, approvals FROM actions WHERE id = ANY ($1)',
      [ids],
    );
    rows = new Map(decided.map(({ id, ...row }) => [id, row]));
  });

  /** Every tenth decides one by one at first, the others in bulks; in opposite orders, with opposite verdicts. */
  async function race(user: number, n: number): Promise<Attempt[]> {
    const through = gateways[(n >> 2) % 2] ?? gateway;
    const decide = (n >> 1) % 2 === 0 ? decideOverRest : decideOverGraphql;
    const verdict = n % 3 === 0 ? 'reject' : 'approve';
    const mine = n % 7 < 3 ? [...ids] : [...ids].reverse();
    const bulks = Array.from({ length: RACED / 40 }, (_, part) => mine.slice(part * 40, (part + 1) * 40));
    const alone = bulks.slice(0, cases(1, 5)).flat();
    const oneByOne = [...alone, ...bulks.slice(alone.length / 40)];
    const answers: Attempt[][] = [];
    for (const part of n % 10 === 7 ? oneByOne : bulks)
      answers.push(await decide(through, user, verdict, part));
    return answers.flat();
  }

  it('get an answer about every action: a decision, or INVALID_STATE', () => {
    expect(attempts).toHaveLength(50 * RACED);
    expect(new Set(attempts.map(({ code }) => code))).toEqual(new Set([null, 'INVALID_STATE']));
  });

  it('leave one winner on each action, whose verdict it has', () => {
    const winners = attempts.filter(({ code }) => code === null);
    expect(winners.map(({ actionId }) => actionId).sort()).toEqual([...ids].sort());
    for (const { actionId, user, verdict } of winners)
      expect(rows.get(actionId)).toMatchObject({
        status: verdict === 'approve' ? 'approved' : 'denied',
        by: user,
        version: 2,
        approvals: verdict === 'approve' ? 1 : 0,
      });
  });

  it('learn the same true facts, the winner and every loser: who, what and when', () => {
    const untrue = attempts.filter(({ actionId, told }) => {
      const row = rows.get(actionId);
      const exact = row?.at.toISOString() ?? '';
      const at = told.at.includes('.') ? exact : `${exact.slice(0, 19)}Z`;
      return told.status !== row?.status || told.by !== row.by || told.at !== at;
    });
    expect(untrue).toEqual([]);
  });

  it('leave one decided entry and one vote for each action, and a denial record or a count for every lost attempt', async () => {
    const [left] = await gateway.database.sql(
      `SELECT count(*) FILTER (WHERE l.action_type IN ('action_approved', 'action_denied')) AS decided,
         count(DISTINCT l.action_id) FILTER (WHERE l.actor_id = a.decided_by AND l.timestamp = a.decided_at
           AND l.correlation_id = a.correlation_id AND l.action_type = 'action_' || a.status) AS true_to_their_action,
         count(DISTINCT (l.action_id, l.actor_id)) FILTER (WHERE l.refusal_code = 'INVALID_STATE')
           + (SELECT sum(omitted) FROM refusal_windows) AS refused,
         count(*) FILTER (WHERE l.refusal_code IS NULL) AS entries, (SELECT count(*) FROM votes WHERE action_id = ANY ($1)) AS votes
       FROM audit_log l JOIN actions a ON a.id = l.action_id WHERE l.action_id = ANY ($1)`,
      [ids],
    );
    expect(left).toEqual({
      decided: RACED,
      true_to_their_action: RACED,
      refused: 49 * RACED,
      entries: RACED,
      votes: RACED,
    });
  });
});

async function statusesOf(ids: readonly number[]): Promise<unknown[]> {
  const rows = await gateway.database.sql(
    'SELECT status FROM actions WHERE id = ANY ($1) ORDER BY array_position($1, id)',
    [ids],
  );
  return rows.map(({ status }) => status);
}

/** The rows of every table that a decision writes; the queue together with what a sealer has taken from it. */
async function everything(): Promise<unknown> {
  const tables = ['actions', 'votes', 'audit_log', 'queued', 'refusal_throttle'];
  const digest = (table: string): string =>
    `(SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM ${table} t) AS ${table}`;
  return gateway.database.sql(`WITH queued AS (${QUEUED_OR_SEALED}) SELECT ${tables.map(digest).join(', ')}`);
}

/** Lets every INSERT into a table fail meanwhile. */
async function whileFailing<T>(table: string, work: () => Promise<T>): Promise<T> {
  const sql = (text: string): Promise<unknown> => gateway.database.sql(text);
  await sql(`CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'a secret of the database'; END $$`);
  await sql(`CREATE TRIGGER fail BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION fail()`);
  try {
    return await work();
  } finally {
    await sql(`DROP TRIGGER fail ON ${table}`);
  }
}
