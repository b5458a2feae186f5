import type { Action } from '../../domain/action';
import type { ApprovalPolicy } from '../../domain/policy';
import type { Principal, Tenant } from '../../domain/principal';
import type { IdempotencyRecord, IdempotencyKey } from '../../domain/idempotency';
import type {
  NewAction,
  SubmissionOutcome,
  SubmissionStore,
} from '../../use-cases/submissions/submission-store';
import { auditRecordKeysSql, auditRecords, momentAfter, writeAuditEntries } from '../audit/audit-entries';
import type { Sql } from '../sql/sql';
import { isOverdueSql } from './expiry';
import { sharedAuthorityLockSql } from '../people/authority-lock';
import {
  claimSql,
  findRecord,
  isKeyTaken,
  outcomeTimeSql,
  type Claim,
} from '../decisions/idempotency-records.store';
import { PolicyReads } from '../policy/policies.reads';
import { statement } from '../sql/statement';

/**
 * Draws the id first, since the audit entries contain it. $1 organization, $2 users to leave out, $3 and $4 for
 * `next_fenced_id`.
 */
const PREPARE = statement({
  name: 'prepare_submission',
  fenced: 'action',
  text: `SELECT next_fenced_id('action_id_seq', $3, $4) AS id, coalesce((SELECT json_agg(others) FROM (
      SELECT role, approval_level AS "approvalLevel", max_risk_score AS "maxRiskScore", count(*) AS count
      FROM users WHERE organization_id = $1 AND active AND role <> 'user' AND id <> ALL($2::bigint[])
      GROUP BY role, approval_level, max_risk_score) others), '[]') AS others`,
});

/** The columns of a submitted action, with their types. */
const GIVEN = `id bigint, agent_id text, agent_name text, action_type text, description text, tool_name text,
  target_system text, target_resource text, parameters jsonb, context jsonb, risk_indicators jsonb,
  risk_score double precision, status text, api_key_created_by bigint, decided_by_kind text, reason text, correlation_id text, time_to_live integer`;

/**
 * Stores a submission in one statement: the action, its audit entries and their places in the sealer's queue.
 * $1 organization, $2 submitting user, $3 their API key, $4 policy version, $5 action as JSON, $6 drafts as JSON, $7
 * kind of principal and $8 its id, $9 idempotency key and $10 request hash, $11 outcome to store as JSON, $12 limit of
 * the submitter's pending actions, null for no limit. Concurrent submissions do not count each other.
 *
 * As in a decision, the policy, the person and their key are share-locked after the authority lock. None of them
 * changes between this check and the commit, and no replaced policy scores or approves anything.
 */
const SUBMIT = statement({
  name: 'submit',
  fenced: 'audit',
  text: `
WITH claimed AS MATERIALIZED (SELECT ${claimSql('$1', '$7::text', '$8::bigint', '$9::text')} AS claim),
  gate AS MATERIALIZED (SELECT ${sharedAuthorityLockSql('$1')} FROM claimed WHERE coalesce(claim, 'held') = 'held'),
  authority AS MATERIALIZED (
    SELECT o.policy_version, u.active
    FROM organizations o JOIN users u ON u.organization_id = $1 AND u.id = $2
    WHERE EXISTS (SELECT FROM gate) AND o.id = $1 FOR SHARE OF o, u
  ),
  credential AS MATERIALIZED (
    SELECT k.revoked_at, k.expires_at FROM api_keys k
    WHERE EXISTS (SELECT FROM gate) AND k.organization_id = $1 AND k.id = $3 FOR SHARE
  ),
  ${momentAfter('authority', 'credential')},
  standing AS MATERIALIZED (
    SELECT policy_version = $4 AS is_same_policy, active AND ($3::bigint IS NULL OR EXISTS (
      SELECT FROM credential WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > moment.at))) AS is_known
    FROM authority CROSS JOIN moment
  ),
  room AS MATERIALIZED (
    SELECT $12::integer IS NULL OR g.status <> 'pending_approval' OR NOT EXISTS (
      SELECT FROM actions a WHERE a.organization_id = $1 AND a.submitted_by = $2
        AND coalesce(a.submitted_by_api_key, 0) = coalesce($3::bigint, 0) AND a.status = 'pending_approval'
        AND NOT ${isOverdueSql('a')} OFFSET greatest($12::integer, 1) - 1) AS is_free
    FROM json_to_record($5::json) AS g(status text) CROSS JOIN standing
  ),
  added AS (
    INSERT INTO actions (organization_id, id, agent_id, agent_name, action_type, description, tool_name, target_system,
      target_resource, parameters, context, risk_indicators, risk_score, status, submitted_by, submitted_by_api_key,
      api_key_created_by, submitted_at, updated_at, expires_at, decided_by_kind, decided_at, reason, correlation_id)
    SELECT $1, g.id, agent_id, agent_name, action_type, description, tool_name, target_system, target_resource, parameters,
      context, risk_indicators, risk_score, status, $2, $3, api_key_created_by, at, at, at + make_interval(secs => time_to_live),
      decided_by_kind, CASE WHEN decided_by_kind IS NOT NULL THEN at END, reason, correlation_id
    FROM json_to_record($5::json) AS g(${GIVEN}) CROSS JOIN standing CROSS JOIN room CROSS JOIN moment
    WHERE is_same_policy AND is_known AND is_free
    RETURNING id, expires_at
  ),
  chosen AS (
    SELECT position, NULL::integer AS approvals_received FROM ${auditRecordKeysSql('$6')} JOIN added ON added.id = d.action_id
  ),
  ${writeAuditEntries('$6', '$13, $14')},
  remembered AS (
    INSERT INTO idempotency_keys (organization_id, principal_kind, principal_id, key, request_hash, outcome, created_at)
    SELECT $1, $7, $8, $9, $10, $11::jsonb || jsonb_build_object('submitted_at', ${outcomeTimeSql('at')},
      'expires_at', ${outcomeTimeSql('expires_at')}), at
    FROM added CROSS JOIN moment WHERE $9::text IS NOT NULL
  )
SELECT claim, is_known AS "isKnown", is_free AS "isFree", added.id IS NOT NULL AS "isAdded", moment.at, added.expires_at AS "expiresAt",
  k.request_hash AS "requestHash", k.outcome, w.id AS "auditId", w.leaf_hash AS "leafHash"
FROM claimed CROSS JOIN moment LEFT JOIN standing ON true LEFT JOIN room ON true LEFT JOIN added ON true
  LEFT JOIN idempotency_keys k ON claim = 'used' AND k.organization_id = $1 AND k.principal_kind = $7
    AND k.principal_id = $8 AND k.key = $9
  LEFT JOIN (SELECT id, leaf_hash FROM written ORDER BY id LIMIT 1) w ON true`,
});

type Prepared = Awaited<ReturnType<SubmissionStore['prepare']>>;

interface SubmitRow {
  readonly claim: Claim | null;
  readonly requestHash: string | null;
  readonly outcome: unknown;
  readonly isKnown: boolean | null;
  readonly isFree: boolean | null;
  readonly isAdded: boolean;
  readonly at: Date;
  readonly expiresAt: Date | null;
}

/** Stores submitted actions. */
export class SubmissionsStore implements SubmissionStore {
  /** @param mostPending limit of pending actions per submitter; null for no limit */
  constructor(
    private readonly sql: Sql,
    private readonly mostPending: number | null,
  ) {}

  async prepare({ organizationId }: Tenant, submitters: readonly number[]): Promise<Prepared> {
    const [row] = await this.sql.query<Prepared & Record<string, unknown>>(PREPARE, [
      organizationId,
      submitters,
    ]);
    if (row === undefined) throw new Error('The sequence gave no id');
    return row;
  }

  policyNow(tenant: Tenant): Promise<ApprovalPolicy> {
    return new PolicyReads(this.sql).current(tenant);
  }

  findRecord(idempotencyKey: IdempotencyKey): Promise<IdempotencyRecord | null> {
    return findRecord(this.sql, idempotencyKey);
  }

  async add(added: NewAction): Promise<SubmissionOutcome> {
    const { submitter, policyVersion, submitted, approved, idempotencyKey, outcome } = added;
    const values = [
      submitter.organizationId,
      submittingUser(added),
      submittingKey(added),
      policyVersion,
      JSON.stringify(givenOf(added)),
      auditRecords(approved === null ? [submitted] : [submitted, approved]),
      submitter.kind,
      submitter.kind === 'user' ? submitter.user.id : submitter.apiKeyId,
      idempotencyKey?.key ?? null,
      idempotencyKey?.requestHash ?? null,
      JSON.stringify(outcome),
      this.mostPending,
    ];
    const [row] = await this.sql
      .query<SubmitRow & Record<string, unknown>>(SUBMIT, values)
      .catch((error: unknown) => {
        if (!isKeyTaken(error)) throw error;
        return [];
      });
    // The key was taken at the last moment. Its holder has committed, so the next lookup finds the record.
    if (row === undefined || row.claim === 'busy') return { kind: 'busy' };
    if (row.claim === 'used' && row.requestHash !== null)
      return { kind: 'known', known: { requestHash: row.requestHash, outcome: row.outcome } };
    // No row: an operator's own SQL can have deleted the person.
    if (row.isKnown !== true) return { kind: 'gone' };
    if (row.isFree === false && this.mostPending !== null) return { kind: 'full', most: this.mostPending };
    return row.isAdded ? { kind: 'written', action: actionOf(added, row) } : { kind: 'stale' };
  }
}

function submittingUser({ submitter }: NewAction): number {
  return submitter.kind === 'user' ? submitter.user.id : submitter.ownerId;
}

function submittingKey({ submitter }: NewAction): number | null {
  return submitter.kind === 'api_key' ? submitter.apiKeyId : null;
}

function keyCreator(submitter: Principal): number | null {
  return submitter.kind === 'api_key' ? submitter.createdById : null;
}

function givenOf({ id, submitter, submission, riskScore, timeToLive, approved }: NewAction): object {
  return {
    id,
    agent_id: submission.agentId,
    agent_name: submission.agentName,
    action_type: submission.actionType,
    description: submission.description,
    tool_name: submission.toolName,
    target_system: submission.targetSystem,
    target_resource: submission.targetResource,
    parameters: submission.parameters,
    context: submission.context,
    risk_indicators: submission.riskIndicators,
    risk_score: riskScore,
    status: approved === null ? 'pending_approval' : 'approved',
    api_key_created_by: keyCreator(submitter),
    decided_by_kind: approved === null ? null : 'policy',
    reason: approved?.reason ?? null,
    correlation_id: approved?.origin.correlationId ?? null,
    time_to_live: timeToLive,
  };
}

/** Returns the action as the statement stored it. */
function actionOf(added: NewAction, { at, expiresAt }: SubmitRow): Action {
  const { id, submitter, submission, riskScore, approved } = added;
  const isApproved = approved !== null;
  return {
    ...submission,
    organizationId: submitter.organizationId,
    id,
    riskScore,
    status: isApproved ? 'approved' : 'pending_approval',
    version: 1,
    approvals: 0,
    submittedById: submittingUser(added),
    submittedByApiKeyId: submittingKey(added),
    apiKeyCreatedById: keyCreator(submitter),
    submittedAt: at,
    updatedAt: at,
    expiresAt,
    decidedByKind: isApproved ? 'policy' : null,
    decidedById: null,
    decidedAt: isApproved ? at : null,
    reason: approved?.reason ?? null,
    correlationId: approved?.origin.correlationId ?? null,
  };
}
