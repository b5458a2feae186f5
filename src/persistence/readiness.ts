import type { Database, Statement } from './database';

/** How long a probe waits for the database, in milliseconds: it answers within two seconds, whatever the database does. */
export const PROBE_DEADLINE = 1_500;

/** Locks nothing, and is refused (25006) by a standby and by whatever else takes no writes. */
const TAKES_WRITES: Statement = {
  name: 'takes_writes',
  share: 'system',
  deadlineMs: PROBE_DEADLINE,
  text: 'SELECT FROM organizations WHERE false FOR SHARE',
};

/**
 * Checks that the database can be reached and takes writes. A full disk shows only where something is written, so that
 * what a write met a moment ago counts too.
 * @throws {DatabaseUnavailableError} where it does not, with the reason
 */
export async function checkWrites(database: Database): Promise<void> {
  if (database.exhaustion !== null) throw database.exhaustion;
  await database.query(TAKES_WRITES, []);
}
