import type { Database } from '../sql/database';
import type { Session } from '../sql/sql';
import { statement } from '../sql/statement';

/** The timeouts that a login needs, by the name of PostgreSQL's setting. */
export type Timeouts = Readonly<
  Record<'statement_timeout' | 'lock_timeout' | 'idle_in_transaction_session_timeout', string>
>;

/**
 * Timeouts of the application login. A request is answered within them even if an abandoned session holds a lock, and a
 * gateway that freezes in a transaction does not hold its own locks longer.
 */
export const APPLICATION_TIMEOUTS: Timeouts = {
  statement_timeout: '15s',
  lock_timeout: '10s',
  idle_in_transaction_session_timeout: '15s',
};

/** Timeouts of the owner login, whose migrations fill and rewrite tables. */
export const OWNER_TIMEOUTS: Timeouts = {
  statement_timeout: '15min',
  lock_timeout: '1min',
  idle_in_transaction_session_timeout: '5min',
};

/**
 * Returns SQL that gives a role these timeouts.
 * @param role as SQL names it, with or without `IN DATABASE`
 */
export function timeoutsSql(role: string, timeouts: Partial<Timeouts>): string {
  return Object.entries(timeouts)
    .map(([name, value]) => `ALTER ROLE ${role} SET ${name} = '${value}';`)
    .join(' ');
}

const UNBOUNDED = statement({
  name: 'unbounded_settings',
  share: 'system',
  text: `SELECT name FROM pg_settings WHERE name = ANY($1::text[]) AND setting = '0'`,
});

const WHO = statement({
  name: 'who_and_where',
  share: 'system',
  text: 'SELECT quote_ident(current_user) AS role, quote_ident(current_database()) AS "database"',
});

/**
 * Ensures that a login has timeouts for statements, lock waits and idle transactions. Settings of an operator stay. For
 * missing ones the login alters its own settings in this database, which PostgreSQL allows every role and which takes
 * effect through any pooler. A new connection verifies the result; what is still missing becomes a warning with the
 * command to run.
 * @param say called with the warning, a line
 */
export async function ensureTimeouts(
  database: Database,
  timeouts: Timeouts,
  say: (line: string) => void,
): Promise<void> {
  const missing = await unbounded(database, timeouts);
  if (Object.keys(missing).length === 0) return;
  const [who] = await database.query<{ role: string; database: string }>(WHO, []);
  if (who === undefined) throw new Error('The database does not say who is logged in');
  const role = `${who.role} IN DATABASE ${who.database}`;
  const text = timeoutsSql(role, missing);
  // If several processes start at once, PostgreSQL refuses all but one. Only the final state counts.
  await database
    .query({ name: 'set_timeouts', share: 'system', isOneOff: true, text: asOne(text) }, [])
    .catch(() => undefined);
  database.renewConnections();
  const left = await unbounded(database, timeouts);
  if (Object.keys(left).length > 0)
    say(
      `warning: the database login ${who.role} has no ${Object.keys(left).join(', ')}, so a lost connection can hold ` +
        `its locks indefinitely. Run as an administrator: ${timeoutsSql(role, left)} and, behind PgBouncer, RECONNECT`,
    );
}

async function unbounded(database: Database, timeouts: Timeouts): Promise<Partial<Timeouts>> {
  const rows = await database.query<{ name: string }>(UNBOUNDED, [Object.keys(timeouts)]);
  const names = new Set(rows.map(({ name }) => name));
  return Object.fromEntries(Object.entries(timeouts).filter(([name]) => names.has(name)));
}

/** Combines several commands into the one statement that the protocol allows. */
function asOne(commands: string): string {
  return `DO $commands$ BEGIN ${commands} END $commands$`;
}

/** How long the sealer waits for an answer before it gives up its connection, in milliseconds. */
export const SEALER_ANSWER_TIMEOUT = 20_000;

const GUARD = statement({
  name: 'guard_session',
  share: 'system',
  text: `SELECT set_config('statement_timeout', '15s', false), set_config('lock_timeout', '10s', false),
    set_config('idle_in_transaction_session_timeout', '15s', false), set_config('idle_session_timeout', '30s', false)`,
});

/**
 * Limits a session that holds a lock and is never idle for long. If its process or network freezes, the server ends the
 * session within half a minute, and with it the lock. For a direct connection.
 */
export async function guardSession(session: Session): Promise<void> {
  await session.query(GUARD, []);
}
