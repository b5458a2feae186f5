import type { Client } from 'pg';

/** The size of an organization's history. */
export interface Size {
  /** The number of actions. Those that are not decided are pending. */
  readonly actions: number;
  readonly auditRows: number;
}

/** The audit entries of each decided action: one submission, three denied attempts, one approval. */
export const ENTRIES_PER_ACTION = 5;

/**
 * Generates an organization's history over the past 90 days: decided actions with five audit entries each, then pending
 * actions. Generated in SQL. Entries hold canonical bytes and hash as the gateway writes them, but are not put into the
 * sealer's queue: history counts as sealed long ago and must not slow down sealing.
 * @param superuser a superuser's connection, which skips the foreign key checks that hold by construction
 * @param people the reviewers who decided, in turn, and the submitter
 */
export async function addHistory(
  superuser: Client,
  organizationId: number,
  people: { readonly reviewers: readonly number[]; readonly submitter: number },
  { actions, auditRows }: Size,
): Promise<void> {
  const decided = Math.min(actions, Math.floor(auditRows / ENTRIES_PER_ACTION));
  const values = [organizationId, decided, actions, people.reviewers, people.submitter];
  await superuser.query('SET session_replication_role = replica');
  await superuser.query(ACTIONS, values);
  await superuser.query(AUDIT_ENTRIES, [organizationId, people.reviewers, people.submitter]);
  await superuser.query('RESET session_replication_role');
  await superuser.query('VACUUM (ANALYZE)');
  await superuser.query('CHECKPOINT');
}

/** $1 organization, $2 how many decided, $3 how many in all, $4 reviewers, $5 submitter. */
const ACTIONS = `
INSERT INTO actions (organization_id, agent_id, agent_name, action_type, description, tool_name, target_system,
  target_resource, parameters, risk_score, submitted_by, submitted_at, updated_at, status, version, approvals,
  decided_by_kind, decided_by, decided_at, reason, correlation_id)
SELECT $1, 'agent-' || n % 50, 'Agent ' || n % 50, (ARRAY['database_write', 'send_email', 'deploy'])[n % 3 + 1],
  'Change number ' || n || ' of the nightly run', 'tool-' || n % 9, 'system-' || n % 7, 'resource-' || n,
  jsonb_build_object('rows', n % 1000, 'dry_run', false), (n * 37) % 101, $5, submitted_at,
  CASE WHEN is_decided THEN submitted_at + interval '5 minutes' ELSE submitted_at END,
  CASE WHEN is_decided THEN 'approved' ELSE 'pending_approval' END, CASE WHEN is_decided THEN 2 ELSE 1 END, is_decided::integer,
  CASE WHEN is_decided THEN 'user' END, CASE WHEN is_decided THEN ($4::bigint[])[n % cardinality($4) + 1] END,
  CASE WHEN is_decided THEN submitted_at + interval '5 minutes' END, CASE WHEN is_decided THEN 'Reviewed and approved' END,
  CASE WHEN is_decided THEN 'action_20260120_143500_' || lpad(to_hex(n), 16, '0') END
FROM generate_series(1, $3::integer) AS n
  CROSS JOIN LATERAL (SELECT n <= $2::integer AS is_decided,
    date_trunc('milliseconds', now()) - interval '90 days' * (1 - n::double precision / ($3 + 1)) AS submitted_at) AS s`;

/** $1 organization, $2 reviewers, $3 submitter. */
const AUDIT_ENTRIES = `
WITH entry AS (
  SELECT a.id AS action_id, a.risk_score, a.decided_by, k.*,
    a.submitted_at + interval '1 minute' * k.minute AS at,
    CASE k.type WHEN 'decision_refused' THEN ($2::bigint[])[(a.id + k.minute) % cardinality($2) + 1]
      WHEN 'action_approved' THEN a.decided_by ELSE $3 END AS actor,
    a.correlation_id, nextval('audit_log_id_seq') AS id
  FROM actions a CROSS JOIN (VALUES
      (0, 'action_submitted', NULL, NULL, 'Action %s submitted by user %s'),
      (2, 'decision_refused', 'approve', 'APPROVAL_LEVEL_REQUIRED', 'Approval of action %s by user %s refused'),
      (3, 'decision_refused', 'approve', 'RISK_LIMIT_EXCEEDED', 'Approval of action %s by user %s refused'),
      (4, 'decision_refused', 'reject', 'APPROVAL_LEVEL_REQUIRED', 'Rejection of action %s by user %s refused'),
      (5, 'action_approved', 'approve', NULL, 'Action %s approved by user %s')
    ) AS k(minute, type, verdict, refusal_code, details)
  WHERE a.organization_id = $1 AND a.status = 'approved' ORDER BY a.submitted_at, a.id, k.minute
),
rendered AS (
  SELECT e.*, format(e.details, e.action_id, e.actor) AS text, convert_to(format(
    '{"v":1,"audit_id":%s,"organization_id":%s,"action_type":"%s","timestamp":"%s","actor_kind":"user","actor_id":%s,' ||
    '"on_behalf_of":null,"action_id":%s,"verdict":%s,"reason":null,"refusal_code":%s,"risk_score":%s,"required_level":null,' ||
    '"held_level":null,"policy_version":1,"approvals_received":null,"approvals_required":null,"details":"%s",' ||
    '"correlation_id":"%s","client_correlation_id":null,"ip_commitment":null,"user_agent_commitment":null,"data":null}',
    e.id, $1, e.type, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), e.actor, e.action_id,
    coalesce('"' || e.verdict || '"', 'null'), coalesce('"' || e.refusal_code || '"', 'null'), e.risk_score,
    format(e.details, e.action_id, e.actor), e.correlation_id), 'UTF8') AS canonical
  FROM entry e
)
INSERT INTO audit_log (organization_id, id, action_type, "timestamp", actor_kind, actor_id, action_id, verdict, refusal_code,
  risk_score, policy_version, details, correlation_id, canonical, leaf_hash)
SELECT $1, id, type, at, 'user', actor, action_id, verdict, refusal_code, risk_score, 1, text, correlation_id, canonical,
  sha256(decode('00', 'hex') || canonical)
FROM rendered`;
