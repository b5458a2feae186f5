import type { Database, Session, Statement } from './database';

/** The bounds that a login needs, by PostgreSQL's name of the setting. */
export type Timeouts = Readonly<
  Record<'statement_timeout' | 'lock_timeout' | 'idle_in_transaction_session_timeout', string>
>;

/**
 * Of the application: a request is answered within these, even where somebody holds a lock and leaves, and a gateway that
 * freezes in a transaction holds its own locks no longer.
 */
export const APPLICATION_TIMEOUTS: Timeouts = {
  statement_timeout: '15s',
  lock_timeout: '10s',
  idle_in_transaction_session_timeout: '15s',
};

/** Of the owner: its commands fill and rewrite tables, which takes its time. */
export const OWNER_TIMEOUTS: Timeouts = {
  statement_timeout: '15min',
  lock_timeout: '1min',
  idle_in_transaction_session_timeout: '5min',
};

/** SQL that gives a role these bounds. @param role as SQL names it, with or without `IN DATABASE` */
export function timeoutsSql(role: string, timeouts: Partial<Timeouts>): string {
  return Object.entries(timeouts)
    .map(([name, value]) => `ALTER ROLE ${role} SET ${name} = '${value}';`)
    .join(' ');
}

const UNBOUNDED: Statement = {
  name: 'unbounded_settings',
  share: 'system',
  text: `SELECT name FROM pg_settings WHERE name = ANY($1::text[]) AND setting = '0'`,
};

const WHO: Statement = {
  name: 'who_and_where',
  share: 'system',
  text: 'SELECT quote_ident(current_user) AS role, quote_ident(current_database()) AS "database"',
};

/**
 * Sees to it that a login's statements, waits for locks and idle transactions are bounded. What an operator has set
 * stands. What nobody has set the login sets for itself in this database, which PostgreSQL lets every role do, and which
 * reaches it through any pooler. Checked on a new connection; what is unbounded still is a warning with what to run.
 * @param say told the warning, a line
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
  // Several processes may start at once, of which PostgreSQL refuses all but one: what counts is what holds afterwards.
  await database
    .query({ name: 'set_timeouts', share: 'system', isOneOff: true, text: asOne(text) }, [])
    .catch(() => undefined);
  database.renewConnections();
  const left = await unbounded(database, timeouts);
  if (Object.keys(left).length > 0)
    say(
      `warning: the database login ${who.role} has no ${Object.keys(left).join(', ')}, so that a lost connection can hold ` +
        `its locks for ever. Run as an administrator: ${timeoutsSql(role, left)} and, behind PgBouncer, RECONNECT`,
    );
}

async function unbounded(database: Database, timeouts: Timeouts): Promise<Partial<Timeouts>> {
  const rows = await database.query<{ name: string }>(UNBOUNDED, [Object.keys(timeouts)]);
  const names = new Set(rows.map(({ name }) => name));
  return Object.fromEntries(Object.entries(timeouts).filter(([name]) => names.has(name)));
}

/** Several commands as the one statement that the protocol takes. */
function asOne(commands: string): string {
  return `DO $commands$ BEGIN ${commands} END $commands$`;
}

/** How long the sealer waits for an answer before it gives its connection up, in milliseconds. */
export const SEALER_ANSWER_TIMEOUT = 20_000;

const GUARD: Statement = {
  name: 'guard_session',
  share: 'system',
  text: `SELECT set_config('statement_timeout', '15s', false), set_config('lock_timeout', '10s', false),
    set_config('idle_in_transaction_session_timeout', '15s', false), set_config('idle_session_timeout', '30s', false)`,
};

/**
 * Bounds a session that holds a lock of its own and is never idle for long: should its process or the way to it freeze,
 * the server ends it within half a minute, and with it the lock. For a direct connection.
 */
export async function guardSession(session: Session): Promise<void> {
  await session.query(GUARD, []);
}
