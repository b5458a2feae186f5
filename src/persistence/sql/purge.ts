import type { Sql, Statement } from './sql';

/** Maximum number of rows that one purge statement deletes, so that none holds its locks for long. */
export const PURGE_BATCH = 1000;

/**
 * Deletes outdated rows in batches, until none are left or the process stops.
 * @param statement deletes at most `PURGE_BATCH` rows and returns their number as `deleted`
 */
export async function purge(sql: Sql, statement: Statement, signal: AbortSignal): Promise<void> {
  for (let isMore = true; isMore && !signal.aborted;) {
    const [row] = await sql.query<{ deleted: number }>(statement, []);
    isMore = (row?.deleted ?? 0) === PURGE_BATCH;
  }
}
