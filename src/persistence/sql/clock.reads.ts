import type { Sql } from './sql';
import { statement } from './statement';

const NOW = statement({
  name: 'database_clock',
  share: 'system',
  text: 'SELECT clock_timestamp() AS now',
});

/** Returns the database's time, which all stored times are based on. One statement. */
export async function databaseTime(sql: Sql): Promise<Date> {
  const [row] = await sql.query<{ now: Date }>(NOW, []);
  if (row === undefined) throw new Error('The database has no time');
  return row.now;
}
