import type { Database } from './database';

import { statement } from './statement';

/** How long a probe waits for the database, in milliseconds, so that it answers within two seconds in any case. */
export const PROBE_DEADLINE = 1_500;

/** Locks nothing. A standby, or any other server that accepts no writes, refuses it (25006). */
const TAKES_WRITES = statement({
  name: 'takes_writes',
  share: 'system',
  deadlineMs: PROBE_DEADLINE,
  text: 'SELECT FROM organizations WHERE false FOR SHARE',
});

/**
 * Checks that the database is reachable and accepts writes. A full disk shows only on a write, so a recent failure of a
 * write counts as well.
 * @throws {DatabaseUnavailableError} where it does not, with the reason
 */
export async function checkWrites(database: Database): Promise<void> {
  if (database.exhaustion !== null) throw database.exhaustion;
  await database.query(TAKES_WRITES, []);
}
