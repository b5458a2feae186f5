import type { Action } from '../domain/action';
import type { ApprovalPolicy } from '../domain/policy';
import type { Tenant } from '../domain/principal';
import type { KnownRequest, RetryKey } from '../domain/retry';
import type { NewAction, SubmissionOutcome, SubmissionStore } from '../use-cases/submission-store';
import { auditRecordKeysSql, auditRecords, momentAfter, writeAuditEntries } from './audit-entries';
import type { Sql, Statement } from './database';
import { sharedGateSql } from './gate';
import { claimSql, findKnown, isKeyTaken, outcomeTimeSql, type Claim } from './known-requests.store';
import { PolicyReads } from './policies.reads';

/** The id is told in the entries' bytes, which are written before the row is. */
const NEW_ACTION_ID: Statement = {
  name: 'new_action_id',
  text: `SELECT next_fenced_id('action_id_seq', $1, $2) AS id`,
  fenced: 'action',
};

/** What an action brings, by column. */
const GIVEN = `id bigint, agent_id text, agent_name text, action_type text, description text, tool_name text,
  target_system text, target_resource text, parameters jsonb, context jsonb, risk_indicators jsonb,
  risk_score double precision, status text, decided_by_kind text, reason text, correlation_id text, time_to_live integer`;

/**
 * A submission, whole, in one statement: the action, its audit entries and their places in the sealer's queue.
 * $1 organization, $2 submitting user, $3 their API key, $4 policy version, $5 action as JSON, $6 drafts as JSON,
 * $7 the kind of principal and $8 its id, $9 the request's key and $10 its hash, $11 what to remember of it as JSON.
 *
 * As in a decision, the policy, the person and their key are share-locked behind the gate, so that none changes between this
 * check and the commit, and nothing is scored or approved by a policy that was replaced before.
 */
const SUBMIT: Statement = {
  name: 'submit',
  fenced: 'audit',
  text: `
WITH claimed AS MATERIALIZED (SELECT ${claimSql('$1', '$7::text', '$8::bigint', '$9::text')} AS claim),
  gate AS MATERIALIZED (SELECT ${sharedGateSql('$1')} FROM claimed WHERE coalesce(claim, 'held') = 'held'),
  authority AS MATERIALIZED (
    SELECT o.policy_version, u.active
    FROM organizations o JOIN users u ON u.organization_id = o.id
    WHERE EXISTS (SELECT FROM gate) AND o.id = $1 AND u.id = $2 FOR SHARE OF o, u
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
  added AS (
    INSERT INTO actions (organization_id, id, agent_id, agent_name, action_type, description, tool_name, target_system,
      target_resource, parameters, context, risk_indicators, risk_score, status, submitted_by, submitted_by_api_key,
      submitted_at, updated_at, expires_at, decided_by_kind, decided_at, reason, correlation_id)
    SELECT $1, g.id, agent_id, agent_name, action_type, description, tool_name, target_system, target_resource, parameters,
      context, risk_indicators, risk_score, status, $2, $3, at, at, at + make_interval(secs => time_to_live),
      decided_by_kind, CASE WHEN decided_by_kind IS NOT NULL THEN at END, reason, correlation_id
    FROM json_to_record($5::json) AS g(${GIVEN}) CROSS JOIN standing CROSS JOIN moment
    WHERE is_same_policy AND is_known
    RETURNING id, expires_at
  ),
  chosen AS (
    SELECT position, NULL::integer AS approvals_received FROM ${auditRecordKeysSql('$6')} JOIN added ON added.id = d.action_id
  ),
  ${writeAuditEntries('$6', '$12, $13')},
  remembered AS (
    INSERT INTO idempotency_keys (organization_id, principal_kind, principal_id, key, request_hash, outcome, created_at)
    SELECT $1, $7, $8, $9, $10, $11::jsonb || jsonb_build_object('submitted_at', ${outcomeTimeSql('at')},
      'expires_at', ${outcomeTimeSql('expires_at')}), at
    FROM added CROSS JOIN moment WHERE $9::text IS NOT NULL
  )
SELECT claim, is_known AS "isKnown", added.id IS NOT NULL AS "isAdded", moment.at, added.expires_at AS "expiresAt",
  k.request_hash AS "requestHash", k.outcome, w.id AS "auditId", w.leaf_hash AS "leafHash"
FROM claimed CROSS JOIN moment LEFT JOIN standing ON true LEFT JOIN added ON true
  LEFT JOIN idempotency_keys k ON claim = 'used' AND k.organization_id = $1 AND k.principal_kind = $7
    AND k.principal_id = $8 AND k.key = $9
  LEFT JOIN (SELECT id, leaf_hash FROM written ORDER BY id LIMIT 1) w ON true`,
};

interface SubmitRow {
  readonly claim: Claim | null;
  readonly requestHash: string | null;
  readonly outcome: unknown;
  readonly isKnown: boolean | null;
  readonly isAdded: boolean;
  readonly at: Date;
  readonly expiresAt: Date | null;
}

/** Stores what is submitted. */
export class SubmissionsStore implements SubmissionStore {
  constructor(private readonly sql: Sql) {}

  async newActionId(): Promise<number> {
    const [row] = await this.sql.query<{ id: number }>(NEW_ACTION_ID, []);
    if (row === undefined) throw new Error('The sequence gave no id');
    return row.id;
  }

  policyNow(tenant: Tenant): Promise<ApprovalPolicy> {
    return new PolicyReads(this.sql).current(tenant);
  }

  findKnown(retry: RetryKey): Promise<KnownRequest | null> {
    return findKnown(this.sql, retry);
  }

  async add(added: NewAction): Promise<SubmissionOutcome> {
    const { submitter, policyVersion, submitted, approved, retry, outcome } = added;
    const values = [
      submitter.organizationId,
      submittingUser(added),
      submittingKey(added),
      policyVersion,
      JSON.stringify(givenOf(added)),
      auditRecords(approved === null ? [submitted] : [submitted, approved]),
      submitter.kind,
      submitter.kind === 'user' ? submitter.user.id : submitter.apiKeyId,
      retry?.key ?? null,
      retry?.requestHash ?? null,
      JSON.stringify(outcome),
    ];
    const [row] = await this.sql
      .query<SubmitRow & Record<string, unknown>>(SUBMIT, values)
      .catch((error: unknown) => {
        if (!isKeyTaken(error)) throw error;
        return [];
      });
    // Taken at the last moment: whoever took it has committed, so that the next look finds it.
    if (row === undefined || row.claim === 'busy') return { kind: 'busy' };
    if (row.claim === 'used' && row.requestHash !== null)
      return { kind: 'known', known: { requestHash: row.requestHash, outcome: row.outcome } };
    // An operator's own SQL can have removed the person meanwhile.
    if (row.isKnown !== true) return { kind: 'gone' };
    return row.isAdded ? { kind: 'written', action: actionOf(added, row) } : { kind: 'moved' };
  }
}

function submittingUser({ submitter }: NewAction): number {
  return submitter.kind === 'user' ? submitter.user.id : submitter.ownerId;
}

function submittingKey({ submitter }: NewAction): number | null {
  return submitter.kind === 'api_key' ? submitter.apiKeyId : null;
}

function givenOf({ id, submission, riskScore, timeToLive, approved }: NewAction): object {
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
    decided_by_kind: approved === null ? null : 'policy',
    reason: approved?.reason ?? null,
    correlation_id: approved?.origin.correlationId ?? null,
    time_to_live: timeToLive,
  };
}

/** The action as the statement stored it. */
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
