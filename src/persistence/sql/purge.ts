import type { QueryResultRow } from 'pg';
import type { Sql, Statement } from './sql';
import { statement } from './statement';

/** Maximum number of rows that are deleted at a time, so that no statement holds its locks for long. */
const PURGE_BATCH = 1000;

/** How a table's outdated rows are found and deleted. */
export interface OutdatedRows {
  readonly find: Statement;
  readonly remove: Statement;
  readonly keyColumns: readonly string[];
}

interface OutdatedOptions {
  readonly table: string;
  /** The columns of the primary key besides the organization, with their types. */
  readonly key: Readonly<Record<string, string>>;
  /** SQL for whether a row is outdated. */
  readonly isOutdated: string;
  /** The column that tells a row's age; the oldest rows go first. */
  readonly age: string;
  /** Whether rows that another process deletes at the moment are left out, which needs the right to update some column. */
  readonly skipsLocked?: true;
  /** What is returned of each deleted row. */
  readonly returning?: string;
}

/**
 * Returns the statements for a table's outdated rows. One finds the oldest of all organizations, the other deletes those
 * of one organization, by key.
 */
export function outdatedRows({
  table,
  key,
  isOutdated,
  age,
  skipsLocked,
  returning = '1',
}: OutdatedOptions): OutdatedRows {
  const keyColumns = Object.keys(key);
  const columns = keyColumns.join(', ');
  const lists = Object.values(key).map((type, index) => `$${String(index + 2)}::${type}[]`);
  return {
    keyColumns,
    find: statement({
      name: `find_outdated_${table}`,
      share: 'system',
      text: `SELECT organization_id AS "organizationId", ${columns} FROM ${table} WHERE ${isOutdated}
        ORDER BY ${age} LIMIT ${String(PURGE_BATCH)}`,
    }),
    remove: statement({
      name: `remove_outdated_${table}`,
      share: 'system',
      text: `DELETE FROM ${table} WHERE organization_id = $1 AND (${columns}) IN (
          SELECT ${columns} FROM ${table} WHERE organization_id = $1 AND ${isOutdated}
            AND (${columns}) IN (SELECT * FROM unnest(${lists.join(', ')}))${skipsLocked === true ? ' FOR UPDATE SKIP LOCKED' : ''})
        RETURNING ${returning}`,
    }),
  };
}

/**
 * Deletes a batch of outdated rows, one organization after another.
 * @returns what is returned of the deleted rows, and whether there may be more
 */
export async function removeOutdated(
  sql: Sql,
  { find, remove, keyColumns }: OutdatedRows,
): Promise<{ readonly removed: readonly QueryResultRow[]; readonly isMore: boolean }> {
  const found = await sql.query<{ organizationId: number } & QueryResultRow>(find, []);
  const removed: QueryResultRow[] = [];
  for (const organizationId of new Set(found.map((row) => row.organizationId))) {
    const own = found.filter((row) => row.organizationId === organizationId);
    const values = keyColumns.map((column) => own.map((row) => row[column] as unknown));
    removed.push(...(await sql.query(remove, [organizationId, ...values])));
  }
  return { removed, isMore: found.length === PURGE_BATCH && removed.length > 0 };
}

/** Deletes outdated rows in batches, until none are left or the process stops. */
export async function purge(sql: Sql, rows: OutdatedRows, signal: AbortSignal): Promise<void> {
  for (let isMore = true; isMore && !signal.aborted;) ({ isMore } = await removeOutdated(sql, rows));
}
