import type { Sql } from '../sql/sql';
import { PROBE_DEADLINE } from '../sql/readiness';
import { statement } from '../sql/statement';

/** The unsealed entries. */
export interface SealBacklog {
  /** At most 100,000. */
  readonly entries: number;
  /** Age of the oldest unsealed entry, in seconds; 0 where there is none. */
  readonly lagSeconds: number;
}

const BACKLOG = statement({
  name: 'seal_backlog',
  share: 'system',
  deadlineMs: PROBE_DEADLINE,
  text: `SELECT count(*) AS entries,
      coalesce(extract(epoch FROM statement_timestamp() - min(l."timestamp")), 0)::double precision AS "lagSeconds"
    FROM (SELECT organization_id, audit_id FROM audit_pending LIMIT 100000) p
      JOIN audit_log l ON l.organization_id = p.organization_id AND l.id = p.audit_id`,
});

/** Reads the sealer's queue of all organizations, for operators. */
export class SealBacklogReads {
  constructor(private readonly sql: Sql) {}

  /** Returns the current backlog. One statement. */
  async now(): Promise<SealBacklog> {
    const [row] = await this.sql.query<SealBacklog & Record<string, unknown>>(BACKLOG, []);
    return row ?? { entries: 0, lagSeconds: 0 };
  }
}
