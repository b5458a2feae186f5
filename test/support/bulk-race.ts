import { decideBulk, type Bulk } from './bulk';
import { APIS, type Verdict } from './apis';
import type { Gateway } from './gateway';

/** A reviewer who sends a bulk, atomic by default. */
export interface Entrant {
  readonly user: number;
  readonly verdict: Verdict;
  readonly ids: readonly number[];
  readonly mode?: 'atomic' | 'best_effort';
}

/** A stored action, with its number of votes. */
export interface Row {
  readonly id: number;
  readonly status: string;
  readonly by: number | null;
  readonly at: Date | null;
  readonly approvals: number;
  readonly votes: number;
}

/** Takes turns between two. */
export const pick = <T>(choices: readonly [T, T], n: number): T => choices[n % 2 === 0 ? 0 : 1];

/** The status after a verdict. */
export const statusOf = (verdict: Verdict): string => (verdict === 'approve' ? 'approved' : 'denied');

/** All of them at once, in turn over two gateways and both APIs; another round has the APIs the other way. */
export function race(
  gateways: readonly [Gateway, Gateway],
  entrants: readonly Entrant[],
  round = 0,
): Promise<Bulk[]> {
  return Promise.all(
    entrants.map(({ user, verdict, ids, mode = 'atomic' }, n) =>
      decideBulk(pick(gateways, n), pick(APIS, (n >> 1) + round), verdict, ids, { user, mode }),
    ),
  );
}

/** These actions as they are stored, in this order. */
export async function rowsOf({ database }: Gateway, ids: readonly number[]): Promise<Row[]> {
  return database.sql<Row & Record<string, unknown>>(
    `SELECT id, status, decided_by AS by, decided_at AS at, approvals,
       (SELECT count(*) FROM votes v WHERE v.action_id = a.id) AS votes
     FROM actions a WHERE id = ANY ($1) ORDER BY array_position($1, id)`,
    [ids],
  );
}

/**
 * Compares what everybody was told with what is stored and recorded: all or nothing for each atomic bulk, one winner of
 * each decided action, and the true facts for each loser.
 * @returns those who decided all of theirs
 */
export async function winnersOf(
  gateway: Gateway,
  entrants: readonly Entrant[],
  bulks: readonly Bulk[],
): Promise<Entrant[]> {
  const all = [...new Set(entrants.flatMap(({ ids }) => ids))];
  const rows = new Map((await rowsOf(gateway, all)).map((row) => [row.id, row]));
  const winners: Entrant[] = [];
  for (const [n, bulk] of bulks.entries()) {
    const entrant = entrants[n] ?? missing();
    await expectTrue(gateway, entrant, bulk, rows);
    const outcomes = bulk.items.map(({ code }) => code);
    if (outcomes.every((code) => code === null)) winners.push(entrant);
    else if (entrant.mode !== 'best_effort') {
      expect(outcomes).toContain('INVALID_STATE');
      expect(outcomes.filter((code) => code !== 'INVALID_STATE' && code !== 'NOT_ATTEMPTED')).toEqual([]);
    }
  }
  const won = bulks.flatMap(({ items }) => items.filter(({ code }) => code === null).map(({ id }) => id));
  const decided = all.filter((id) => rows.get(id)?.status !== 'pending_approval');
  expect(won.sort()).toEqual(decided.sort());
  for (const id of all)
    if (!decided.includes(id)) expect(rows.get(id)).toMatchObject({ approvals: 0, votes: 0 });
  return winners;
}

/** What a reviewer was told of each action is what is stored of it and recorded of the request. */
async function expectTrue(
  { database }: Gateway,
  { user, verdict, ids }: Entrant,
  { items, correlationId }: Bulk,
  rows: ReadonlyMap<number, Row>,
): Promise<void> {
  const status = statusOf(verdict);
  const won = items.filter(({ code }) => code === null);
  const lost = items.filter(({ code }) => code === 'INVALID_STATE');
  expect(items.map(({ id }) => id)).toEqual(ids);
  for (const { id } of won) expect(rows.get(id)).toMatchObject({ status, by: user, votes: 1 });
  for (const { id, facts } of lost) {
    const { status: current_status, by, at } = rows.get(id) ?? missing();
    const decided_at = `${at?.toISOString().slice(0, 19) ?? ''}Z`;
    expect(facts).toEqual({ current_status, decided_by: by, decided_at });
  }
  const entries = await database.sql<{ entry: unknown }>(
    `SELECT json_build_array(action_type, action_id, refusal_code) AS entry FROM audit_log
     WHERE correlation_id = $1 ORDER BY array_position($2, action_id)`,
    [correlationId, ids],
  );
  const told = items.filter(({ code }) => code === null || code === 'INVALID_STATE');
  expect(entries.map(({ entry }) => entry)).toEqual(
    told.map(({ id, code }) => [code === null ? `action_${status}` : 'decision_refused', id, code]),
  );
}

function missing(): never {
  throw new Error('An answer or a row is missing');
}
