import { statusOf, type Action } from '../domain/action';
import type { DecisionBatch, DecisionStore, DecisionWrites, WriteOutcome } from '../use-cases/decision-store';
import { AUDIT_RECORD_COLUMNS, auditRecord, momentAfter, WRITE_AUDIT_ENTRIES } from './audit-entries';
import type { Database, Sql, Statement } from './database';
import { effectiveStatusSql } from './expiry';
import { sharedGateSql } from './gate';
import { recordRefusals } from './refusals.store';

/**
 * The decision, whole, in one statement: lock in id order, compare-and-swap, votes, audit entries, seal queue.
 * $1 organization, $2 reviewer, $3 their version, $4 policy version, $5 verdict, $6 reason, $7 correlation id,
 * $8 the status that the verdict leads to, $9 ids, $10 candidates as JSON.
 *
 * Why this form: the lock comes before the look, or a loser would still see the action pending and two votes would
 * each count themselves the first; locks are taken in id order, or two bulks in opposite order would deadlock. The
 * reviewer and the policy are share-locked, so that neither changes between this check and the commit; the gate before
 * them keeps an endless stream of decisions from shutting a change of either out. Every locked row is returned, so that
 * a loser gets the facts as they stand now.
 */
const DECIDE: Statement = {
  name: 'decide',
  text: `
WITH gate AS MATERIALIZED (SELECT ${sharedGateSql('$1')}),
  authority AS MATERIALIZED (
    SELECT o.policy_version = $4 AND u.version = $3 AND u.active AS stands
    FROM organizations o JOIN users u ON u.organization_id = o.id
    WHERE EXISTS (SELECT FROM gate) AND o.id = $1 AND u.id = $2 FOR SHARE OF o, u
  ),
  stored AS MATERIALIZED (
    SELECT a.id, a.status, a.version, a.approvals, a.decided_by, a.decided_at, a.expires_at
    FROM actions a WHERE EXISTS (SELECT FROM gate) AND a.organization_id = $1 AND a.id = ANY($9::bigint[])
    ORDER BY a.id FOR UPDATE
  ),
  ${momentAfter('authority', 'stored')},
  locked AS MATERIALIZED (
    SELECT id, version, approvals, decided_by, decided_at, ${effectiveStatusSql('stored', 'at')} AS status
    FROM stored CROSS JOIN moment
  ),
  candidate AS MATERIALIZED (
    SELECT * FROM json_to_recordset($10::json)
      AS c(position integer, id bigint, version integer, approvals_required integer, decided json, voted json)
  ),
  still_open AS MATERIALIZED (
    SELECT c.*, locked.approvals + CASE $5 WHEN 'approve' THEN 1 ELSE 0 END AS approvals
    FROM locked JOIN candidate c ON c.id = locked.id AND c.version = locked.version CROSS JOIN authority
    WHERE authority.stands AND locked.status = 'pending_approval'
  ),
  voted AS (
    INSERT INTO votes (organization_id, action_id, user_id, verdict, reason, policy_version, voted_at)
    SELECT $1, id, $2, $5, $6, $4, at FROM still_open CROSS JOIN moment
    ON CONFLICT (organization_id, action_id, user_id) DO NOTHING
    RETURNING action_id
  ),
  effect AS MATERIALIZED (
    SELECT o.*, at, $5 = 'reject' OR o.approvals >= o.approvals_required AS decides
    FROM still_open o JOIN voted ON voted.action_id = o.id CROSS JOIN moment
  ),
  changed AS (
    UPDATE actions a SET
      approvals = e.approvals,
      updated_at = e.at,
      version = a.version + CASE WHEN e.decides THEN 1 ELSE 0 END,
      status = CASE WHEN e.decides THEN $8 ELSE a.status END,
      decided_by_kind = CASE WHEN e.decides THEN 'user' END,
      decided_by = CASE WHEN e.decides THEN $2::bigint END,
      decided_at = CASE WHEN e.decides THEN e.at END,
      reason = CASE WHEN e.decides THEN $6 END,
      correlation_id = CASE WHEN e.decides THEN $7 END
    FROM effect e WHERE a.organization_id = $1 AND a.id = e.id
    RETURNING a.id
  ),
  chosen AS (
    SELECT e.position, e.approvals AS approvals_received, r.*
    FROM effect e CROSS JOIN json_to_record(CASE WHEN e.decides THEN e.decided ELSE e.voted END)
      AS r(${AUDIT_RECORD_COLUMNS})
  ),
  ${WRITE_AUDIT_ENTRIES}
SELECT c.id AS "actionId", locked.status AS "statusBefore", locked.decided_by AS "decidedById",
  locked.decided_at AS "decidedAt", locked.approvals AS "approvalsBefore", authority.stands AND locked.version = c.version AS "isAsAuthorized",
  effect.at, effect.decides, effect.approvals, written.id AS "auditId", written.leaf_hash AS "leafHash"
FROM candidate c
  LEFT JOIN locked ON locked.id = c.id
  LEFT JOIN effect ON effect.id = c.id
  LEFT JOIN written ON written.action_id = c.id
  LEFT JOIN authority ON true
ORDER BY c.position`,
};

interface DecideRow {
  readonly actionId: number;
  readonly statusBefore: Action['status'] | null;
  readonly decidedById: number | null;
  readonly decidedAt: Date | null;
  readonly approvalsBefore: number | null;
  readonly isAsAuthorized: boolean | null;
  readonly at: Date | null;
  readonly decides: boolean | null;
  readonly approvals: number | null;
  readonly auditId: number | null;
  readonly leafHash: Buffer | null;
}

/** Writes decisions and refused tries. */
export class DecisionsStore implements DecisionStore {
  readonly alone: DecisionWrites;

  /** @param onThrottled told how many refusals were not recorded because the same one had just been */
  constructor(
    private readonly database: Database,
    private readonly onThrottled: (count: number) => void,
  ) {
    this.alone = this.writesIn(database);
  }

  together<T>(work: (writes: DecisionWrites) => Promise<T>): Promise<T> {
    return this.database.transaction((sql) => work(this.writesIn(sql)));
  }

  async allOrNone(batch: DecisionBatch): Promise<readonly WriteOutcome[]> {
    return this.database.transactionIf(
      (sql) => decide(sql, batch),
      (outcomes) => outcomes.every(({ kind }) => kind === 'written'),
    );
  }

  private writesIn(sql: Sql): DecisionWrites {
    return {
      decide: (batch) => decide(sql, batch),
      refuse: async (drafts) => {
        this.onThrottled(drafts.length - (await recordRefusals(sql, drafts)));
      },
    };
  }
}

async function decide(sql: Sql, batch: DecisionBatch): Promise<readonly WriteOutcome[]> {
  const { reviewer, verdict, reason, correlationId, candidates } = batch;
  const rows = await sql.query<DecideRow & Record<string, unknown>>(DECIDE, [
    reviewer.organizationId,
    reviewer.user.id,
    reviewer.user.version,
    reviewer.policy.version,
    verdict,
    reason,
    correlationId,
    statusOf(verdict),
    candidates.map(({ action }) => action.id),
    JSON.stringify(
      candidates.map(({ action, approvalsRequired, decided, voted }, position) => ({
        position,
        id: action.id,
        version: action.version,
        approvals_required: approvalsRequired,
        decided: auditRecord(decided),
        voted: voted && auditRecord(voted),
      })),
    ),
  ]);
  return candidates.map(({ action, approvalsRequired }, index) => {
    const row = rows[index];
    if (row?.actionId !== action.id) throw new Error('The decision gave no row for a candidate');
    return outcomeOf(row, action, approvalsRequired, batch);
  });
}

function outcomeOf(
  row: DecideRow,
  before: Action,
  approvalsRequired: number,
  batch: DecisionBatch,
): WriteOutcome {
  const { actionId, statusBefore, at, auditId, leafHash, approvals } = row;
  if (auditId !== null) {
    if (at === null || approvals === null || leafHash === null)
      throw new Error('A decision was written without its time, count or leaf');
    const counted: Action = { ...before, approvals, updatedAt: at };
    const action = row.decides === true ? decided(counted, at, batch) : counted;
    return { actionId, kind: 'written', auditId, leafHash, approvalsRequired, action };
  }
  if (statusBefore !== null && statusBefore !== 'pending_approval') {
    const { decidedById, decidedAt } = row;
    return { actionId, kind: 'not_pending', facts: { status: statusBefore, decidedById, decidedAt } };
  }
  if (row.isAsAuthorized !== true) return { actionId, kind: 'moved' };
  return { actionId, kind: 'already_voted', approvals: row.approvalsBefore ?? 0, approvalsRequired };
}

/** The action as the statement left it: nothing else of it can have changed, or its version would have moved. */
function decided(
  action: Action,
  at: Date,
  { reviewer, verdict, reason, correlationId }: DecisionBatch,
): Action {
  return {
    ...action,
    status: statusOf(verdict),
    version: action.version + 1,
    decidedByKind: 'user',
    decidedById: reviewer.user.id,
    decidedAt: at,
    reason,
    correlationId,
  };
}
