import type { Sql, Statement } from '../sql/sql';
import type { CommittedEntry } from './write-guard';
import type { FencedSequence } from '../sql/sql';
import { statement } from '../sql/statement';

/** The state of a database that is compared with marks kept outside of it. */
export interface DatabaseState {
  /** Null for a database that was never migrated this far. */
  readonly database: string;
  /** Changes with every start of the server, failover and restore. */
  readonly instance: string;
  /** Number of accepted rollbacks. */
  readonly generation: number;
  /** The last drawn ids; 0 before the first. */
  readonly drawn: Readonly<Record<FencedSequence, number>>;
  /** How many of the remembered entries are missing. */
  readonly missing: number;
  /** Whether a process reported, in this generation, that the database was rolled back. */
  readonly isReported: boolean;
}

/**
 * $1 organizations, $2 audit ids, $3 leaf hashes of remembered entries. Each is looked up separately, and the statement
 * is planned on every execution, so that it never scans the log, whatever the statistics. The right to draw from a
 * sequence suffices to read its last value.
 */
const STATE = statement({
  name: 'database_state',
  share: 'system',
  deadlineMs: 5_000,
  isOneOff: true,
  text: `SELECT (SELECT id::text FROM database_identity) AS database, server_instance() AS instance,
      latest.generation,
      EXISTS (SELECT FROM rollback_report r WHERE r.generation = latest.generation) AS "isReported",
      coalesce(pg_sequence_last_value('action_id_seq'), 0) AS action,
      coalesce(pg_sequence_last_value('audit_log_id_seq'), 0) AS audit,
      (SELECT count(*) FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS known(organization_id, id, leaf_hash)
        WHERE (SELECT l.leaf_hash FROM audit_log l WHERE l.organization_id = known.organization_id AND l.id = known.id)
          IS DISTINCT FROM known.leaf_hash) AS missing
    FROM (SELECT coalesce(max(generation), 0) AS generation FROM audit_generation) AS latest`,
});

const REPORT = statement({
  name: 'report_rollback',
  share: 'system',
  deadlineMs: 5_000,
  text: 'INSERT INTO rollback_report (generation) VALUES ($1) ON CONFLICT (generation) DO NOTHING',
});

/** Draws ids until the last is $1 or more. Concurrent draws only move the sequence further, never back. */
const ADVANCE: Readonly<Record<FencedSequence, Statement>> = {
  action: advance('action_id_seq'),
  audit: advance('audit_log_id_seq'),
};

function advance(sequence: string): Statement {
  return statement({
    name: `advance_${sequence}`,
    share: 'system',
    isOneOff: true,
    text: `SELECT max(nextval('${sequence}')) AS drawn
      FROM generate_series(coalesce(pg_sequence_last_value('${sequence}'), 0) + 1, $1::bigint)`,
  });
}

/**
 * Reads a database's state. One statement.
 * @param remembered entries that the database has to contain
 */
export async function readState(sql: Sql, remembered: readonly CommittedEntry[]): Promise<DatabaseState> {
  interface Row extends Omit<DatabaseState, 'drawn'> {
    readonly action: number;
    readonly audit: number;
  }
  const [row] = await sql.query<Row & Record<string, unknown>>(STATE, [
    remembered.map(({ organizationId }) => organizationId),
    remembered.map(({ auditId }) => auditId),
    remembered.map(({ leafHash }) => leafHash),
  ]);
  if (row === undefined) throw new Error('The database gave no state');
  const { action, audit, ...state } = row;
  return { ...state, drawn: { action, audit } };
}

/**
 * Tells every other process that the database was rolled back.
 * @param generation the generation whose entries are missing
 */
export async function reportRollback(sql: Sql, generation: number): Promise<void> {
  await sql.query(REPORT, [generation]);
}

/**
 * Moves a sequence to an id; a sequence that is further already stays.
 * @param to the last id to count as used
 */
export async function advanceSequence(sql: Sql, sequence: FencedSequence, to: number): Promise<void> {
  await sql.query(ADVANCE[sequence], [to]);
}
