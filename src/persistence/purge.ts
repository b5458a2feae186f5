import type { Sql, Statement } from './database';

/** How many rows one purging statement deletes at most, so that none holds its locks for long. */
export const PURGE_BATCH = 1000;

/**
 * Deletes what is too old, a batch at a time, until nothing is left of it or the process stops.
 * @param statement deletes at most `PURGE_BATCH` rows and says how many as `deleted`
 */
export async function purge(sql: Sql, statement: Statement, signal: AbortSignal): Promise<void> {
  for (let isMore = true; isMore && !signal.aborted;) {
    const [row] = await sql.query<{ deleted: number }>(statement, []);
    isMore = (row?.deleted ?? 0) === PURGE_BATCH;
  }
}
