import type { Sql } from '../sql/sql';
import { statement } from '../sql/statement';

/** The pending actions of all organizations. */
export interface Queue {
  /** At most 10,000. */
  readonly pending: number;
  /** Age of the oldest pending action, in seconds; 0 where there is none. */
  readonly oldestSeconds: number;
}

/** Both parts walk each organization's index by status, and the count stops at its limit. */
const QUEUE = statement({
  name: 'queue_size_and_age',
  share: 'system',
  text: `SELECT
      (SELECT count(*) FROM (SELECT 1 FROM organizations o CROSS JOIN LATERAL
        (SELECT 1 FROM actions a WHERE a.organization_id = o.id AND a.status = 'pending_approval' LIMIT 10000) p
        LIMIT 10000) c) AS pending,
      (SELECT coalesce(extract(epoch FROM statement_timestamp() - min(f.submitted_at)), 0)::double precision
        FROM organizations o CROSS JOIN LATERAL
          (SELECT a.submitted_at FROM actions a WHERE a.organization_id = o.id AND a.status = 'pending_approval'
            ORDER BY a.submitted_at, a.id LIMIT 1) f) AS "oldestSeconds"`,
});

/** Reads the size and age of the approval queue, for operators. */
export class QueueReads {
  constructor(private readonly sql: Sql) {}

  /** Returns the queue's current size and age. One statement. */
  async now(): Promise<Queue> {
    const [row] = await this.sql.query<Queue & Record<string, unknown>>(QUEUE, []);
    return row ?? { pending: 0, oldestSeconds: 0 };
  }
}
