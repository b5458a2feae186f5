import { claimOf, type Database } from '../sql/database';
import type { Sql } from '../sql/sql';
import { statement } from '../sql/statement';

/**
 * Reads that follow an index in the list's order, whatever the statistics say. With stale statistics the planner takes
 * a long queue for a short one and sorts all of it for each page.
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

/** Set for this transaction only, so that it also works behind a pooler. */
const FOLLOW_INDEXES = statement({
  name: 'follow_indexes',
  text: `SELECT ${['sort', 'bitmapscan', 'hashjoin', 'mergejoin', 'seqscan']
    .map((way) => `set_config('enable_${way}', 'off', true)`)
    .join(', ')}`,
});
