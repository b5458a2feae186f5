import { newCorrelationId } from '../../src/domain/correlation';
import type { Database } from '../../src/persistence/sql/database';
import { ExpiredActionsStore } from '../../src/persistence/actions/expired-actions.store';
import { seedActions } from '../../src/persistence/install/seed';
import { makeExpireActions } from '../../src/use-cases/expire-actions';
import type { TestDatabase } from './database';
import type { Gateway } from './gateway';

/** Sweeps once, as a gateway does every few seconds. Returns how many actions were marked. */
export function sweep(database: Database, signal?: AbortSignal): Promise<number> {
  return makeExpireActions(new ExpiredActionsStore(database), () => newCorrelationId(new Date()))(signal);
}

/** New pending actions of an organization, without a gateway; their ids. */
export async function addPending(
  database: TestDatabase,
  organization: number,
  count: number,
): Promise<number[]> {
  const added = await seedActions(database.owner, organization, count);
  if (added === null) throw new Error('Nobody could submit them');
  return Array.from({ length: count }, (_, n) => added.first + n);
}

/** The same, and overdue. */
export async function addOverdue(
  database: TestDatabase,
  organization: number,
  count: number,
): Promise<number[]> {
  const ids = await addPending(database, organization, count);
  await makeOverdue(database, ids);
  return ids;
}

/**
 * The actions that are marked without their one entry or have one and are not marked, whose entry does not wait for the
 * sealer, or whose bytes and leaf are wrong.
 */
export async function wronglyMarked(database: TestDatabase): Promise<unknown[]> {
  return database.sql(
    `SELECT a.id, a.status, count(l.id) AS entries, count(p.audit_id) AS queued FROM actions a
       LEFT JOIN audit_log l ON (l.organization_id, l.action_id) = (a.organization_id, a.id)
         AND l.action_type = 'action_expired'
       LEFT JOIN audit_pending p ON (p.organization_id, p.audit_id) = (l.organization_id, l.id)
       LEFT JOIN LATERAL (SELECT convert_from(canonical, 'UTF8')::json AS e) c ON true
     GROUP BY a.organization_id, a.id, a.status
     HAVING count(l.id) <> CASE a.status WHEN 'expired' THEN 1 ELSE 0 END OR count(l.id) <> count(p.audit_id)
       OR NOT bool_and(leaf_hash = sha256('\\x00'::bytea || canonical))
       OR NOT bool_and((e ->> 'audit_id')::bigint = l.id AND (e ->> 'action_id')::bigint = a.id
         AND (e ->> 'organization_id')::bigint = a.organization_id AND e ->> 'details' = details)`,
  );
}

/** Moves these actions' expiry an hour into the past; they were decided in time. */
export async function makeOverdue(database: TestDatabase, ids: readonly number[]): Promise<void> {
  await database.sql(
    `UPDATE actions SET submitted_at = now() - interval '2 hours', expires_at = now() - interval '1 hour',
       updated_at = now() - interval '90 minutes',
       decided_at = CASE WHEN decided_at IS NOT NULL THEN now() - interval '90 minutes' END
     WHERE id = ANY ($1)`,
    [ids],
  );
}

/** Gives these actions so many seconds from now on, by the database's clock. */
export async function expireIn(
  database: TestDatabase,
  seconds: number,
  ids: readonly number[],
): Promise<void> {
  await database.sql(
    'UPDATE actions SET expires_at = clock_timestamp() + make_interval(secs => $1) WHERE id = ANY ($2)',
    [seconds, ids],
  );
}

/** Waits until the database's clock has passed the expiry of all of these. */
export async function untilOver(database: TestDatabase, ids: readonly number[]): Promise<void> {
  const isOver = 'SELECT FROM actions WHERE id = ANY ($1) HAVING bool_and(expires_at < clock_timestamp())';
  const rest = 'SELECT pg_sleep_until(max(expires_at)) FROM actions WHERE id = ANY ($1)';
  while ((await database.sql(isOver, [ids])).length === 0) await database.sql(rest, [ids]);
}

/**
 * Lets no sweep mark anything any more, not even a gateway's own, so that overdue actions stay unmarked as long as a
 * test reads them.
 */
export async function holdBackSweeps(database: TestDatabase): Promise<void> {
  await database.sql(`CREATE OR REPLACE FUNCTION leave_it() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RETURN NULL; END $$`);
  await database.sql(`CREATE TRIGGER hold_back_sweeps BEFORE UPDATE ON actions FOR EACH ROW
    WHEN (NEW.status = 'expired' AND OLD.status <> 'expired') EXECUTE FUNCTION leave_it()`);
}

/** Marks overdue actions after all, once. */
export async function sweepAfterAll(database: TestDatabase): Promise<void> {
  await database.sql('DROP TRIGGER hold_back_sweeps ON actions');
  await sweep(database.application);
  await holdBackSweeps(database);
}

/** The statuses as they are stored, in the order of the ids. */
export async function storedStatuses(database: TestDatabase, ids: readonly number[]): Promise<string[]> {
  const rows = await database.sql<{ status: string }>(
    'SELECT status FROM actions WHERE id = ANY ($1) ORDER BY array_position($1::bigint[], id)',
    [ids],
  );
  return rows.map(({ status }) => status);
}

/** The process ids of the sessions that wait for a lock. */
export async function waiting(database: TestDatabase): Promise<number[]> {
  const rows = await database.sql<{ pid: number }>(
    `SELECT DISTINCT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE NOT granted AND datname = current_database()`,
  );
  return rows.map(({ pid }) => pid);
}

/** Does something with an action that is about to expire; where it is too late (null), again with more time. */
export async function inTime<T>(gateway: Gateway, work: (action: number) => Promise<T | null>): Promise<T> {
  for (let seconds = 0.2; seconds < 30; seconds *= 2) {
    const [action = 0] = await gateway.addActions([35]);
    await expireIn(gateway.database, seconds, [action]);
    const done = await work(action);
    if (done !== null) return done;
  }
  throw new Error('Nothing came in time');
}

/** Everything that deciding these could write, denial records apart. */
export async function writtenOf(database: TestDatabase, ids: readonly number[]): Promise<unknown> {
  const [row] = await database.sql(
    `SELECT (SELECT json_agg(a ORDER BY id) FROM actions a WHERE id = ANY ($1)) AS actions,
       (SELECT json_agg(v ORDER BY v.action_id, user_id) FROM votes v WHERE v.action_id = ANY ($1)) AS votes,
       (SELECT json_agg(l.id ORDER BY id) FROM audit_log l
        WHERE l.action_id = ANY ($1) AND action_type <> 'decision_refused') AS entries`,
    [ids],
  );
  return row;
}

/** The denial records of these: action, who, verdict, code and score. */
export async function denialRecordsOf(database: TestDatabase, ids: readonly number[]): Promise<unknown[]> {
  const rows = await database.sql<{ record: unknown }>(
    `SELECT json_build_array(action_id, actor_kind, actor_id, verdict, refusal_code, risk_score) AS record
     FROM audit_log WHERE action_type = 'decision_refused' AND action_id = ANY ($1) ORDER BY id`,
    [ids],
  );
  return rows.map(({ record }) => record);
}
