import type { Sql, Statement } from './database';
import { PROBE_DEADLINE } from './readiness';

/** What waits to be sealed. */
export interface SealBacklog {
  /** Counted up to 100,000. */
  readonly entries: number;
  /** The age of the oldest of them, in seconds; 0 where none waits. */
  readonly lagSeconds: number;
}

const BACKLOG: Statement = {
  name: 'seal_backlog',
  share: 'system',
  deadlineMs: PROBE_DEADLINE,
  text: `SELECT count(*) AS entries,
      coalesce(extract(epoch FROM statement_timestamp() - min(l."timestamp")), 0)::double precision AS "lagSeconds"
    FROM (SELECT organization_id, audit_id FROM audit_pending LIMIT 100000) p
      JOIN audit_log l ON l.organization_id = p.organization_id AND l.id = p.audit_id`,
};

/** Reads the sealer's queue, of all organizations: what operators watch. */
export class SealBacklogReads {
  constructor(private readonly sql: Sql) {}

  /** What waits now. One statement. */
  async now(): Promise<SealBacklog> {
    const [row] = await this.sql.query<SealBacklog & Record<string, unknown>>(BACKLOG, []);
    return row ?? { entries: 0, lagSeconds: 0 };
  }
}
