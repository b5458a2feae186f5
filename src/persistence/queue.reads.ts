import type { Sql, Statement } from './database';

/** What waits for a decision, in all organizations. */
export interface Queue {
  /** Counted up to 10,000. */
  readonly pending: number;
  /** How long the oldest of them has waited, in seconds; 0 where none waits. */
  readonly oldestSeconds: number;
}

/** Both parts walk the index by status of each organization, and the count ends at its bound. */
const QUEUE: Statement = {
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
};

/** Reads the size and age of the approval queue: what operators watch. */
export class QueueReads {
  constructor(private readonly sql: Sql) {}

  /** The queue now. One statement. */
  async now(): Promise<Queue> {
    const [row] = await this.sql.query<Queue & Record<string, unknown>>(QUEUE, []);
    return row ?? { pending: 0, oldestSeconds: 0 };
  }
}
