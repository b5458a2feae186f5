import { claimOf, type Database, type Sql, type Statement } from './database';

/**
 * Reads that follow an index in the list's order, whatever the statistics say. With stale ones the planner takes a long
 * queue for a short one, and sorts all of it for each page.
 */
export class OrderedReads implements Sql {
  constructor(private readonly database: Pick<Database, 'transaction'>) {}

  query: Sql['query'] = (statement, values) =>
    this.database.transaction(
      async (sql) => {
        await sql.query(FOLLOW_INDEXES, []);
        return sql.query(statement, values);
      },
      claimOf(statement, values),
    );
}

/** Of this transaction alone, so that it holds behind a pooler as well. */
const FOLLOW_INDEXES: Statement = {
  name: 'follow_indexes',
  text: `SELECT ${['sort', 'bitmapscan', 'hashjoin', 'mergejoin', 'seqscan']
    .map((way) => `set_config('enable_${way}', 'off', true)`)
    .join(', ')}`,
};
