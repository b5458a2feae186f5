import { momentAfter, writeAuditEntries } from '../audit/audit-entries';
import { isOverdueSql } from '../actions/expiry';
import type { OnLocked } from '../decisions/decide.statement';
import { claimSql, outcomeTimeSql } from '../decisions/idempotency-records.store';
import { sharedAuthorityLockSql } from '../people/authority-lock';
import type { Statement } from '../sql/sql';
import { statement } from '../sql/statement';

/** The columns of a submission's content, with their types. */
const CONTENT = `id bigint, agent_id text, agent_name text, action_type text, description text, tool_name text,
  target_system text, target_resource text, parameters jsonb, context jsonb, risk_indicators jsonb,
  risk_score double precision, status text, api_key_created_by bigint, decided_by_kind text, reason text, correlation_id text, time_to_live integer`;

/** SQL for whether a submission has no idempotency key, or holds it. */
const IS_FREE = `coalesce(claim, 'held') = 'held'`;

/**
 * Stores submissions of one organization in one statement: the actions, their audit entries and their places in the
 * sealer's queue.
 * $1 organization, $2 submitting users, $3 their API keys, $4 submissions as JSON, $5 their contents as JSON, $6 their
 * audit entries as JSON, $7 limit of a submitter's pending actions, null for no limit. For the submission at position n,
 * 2n is its entry, 2n + 1 the entry of its automatic approval.
 *
 * As in a decision, the policy, the people and their keys are share-locked after the authority lock. None of them
 * changes between this check and the commit, and no replaced policy scores or approves anything. A submission with an
 * idempotency key claims the key before anything waits; of several with the same key only the first can hold it. The
 * limit counts the stored actions and the earlier submissions of this statement. Concurrent statements do not count
 * each other.
 *
 * The contents are a parameter of their own, because only the INSERT reads them: passing large values through more steps
 * of the plan costs more than reading them.
 */
function submitSql(onLocked: OnLocked): string {
  const skip = onLocked === 'skip' ? 'SKIP LOCKED' : '';
  return `
WITH claimed AS MATERIALIZED (
    SELECT s.*, ${claimSql('$1', 's.principal_kind', 's.principal_id', 's.retry_key')} AS claim_alone,
      row_number() OVER (PARTITION BY s.principal_kind, s.principal_id, s.retry_key ORDER BY s.position) AS turn
    FROM json_to_recordset($4::json) AS s(position integer, action_id bigint, user_id bigint, key_id bigint,
      policy_version integer, is_pending boolean, principal_kind text, principal_id bigint, retry_key text,
      retry_hash text, outcome jsonb)
  ),
  given AS MATERIALIZED (
    SELECT *, CASE WHEN claim_alone = 'held' AND turn > 1 THEN 'busy' ELSE claim_alone END AS claim FROM claimed
  ),
  gate AS MATERIALIZED (
    SELECT ${sharedAuthorityLockSql('$1')} FROM organizations o
      CROSS JOIN (SELECT count(*) AS count FROM given WHERE ${IS_FREE}) AS free
    WHERE o.id = $1 AND count > 0
  ),
  authority AS MATERIALIZED (
    SELECT u.id, u.active, o.policy_version
    FROM organizations o JOIN users u ON u.organization_id = $1
    WHERE EXISTS (SELECT FROM gate) AND o.id = $1 AND u.id = ANY($2::bigint[])
    ORDER BY u.id FOR SHARE OF o, u ${skip}
  ),
  credential AS MATERIALIZED (
    SELECT k.id, k.revoked_at, k.expires_at FROM api_keys k
    WHERE EXISTS (SELECT FROM gate) AND k.organization_id = $1 AND k.id = ANY($3::bigint[])
    ORDER BY k.id FOR SHARE ${skip}
  ),
  ${momentAfter('authority', 'credential')},
  standing AS MATERIALIZED (
    SELECT g.position, g.action_id, g.user_id, g.key_id, g.is_pending, a.policy_version = g.policy_version AS is_same_policy,
      a.id IS NULL OR (g.key_id IS NOT NULL AND c.id IS NULL) AS is_absent,
      a.active AND (g.key_id IS NULL OR (c.id IS NOT NULL AND c.revoked_at IS NULL
        AND (c.expires_at IS NULL OR c.expires_at > moment.at))) AS is_known
    FROM given g CROSS JOIN moment LEFT JOIN authority a ON a.id = g.user_id LEFT JOIN credential c ON c.id = g.key_id
    WHERE ${IS_FREE}
  ),
  waiting AS MATERIALIZED (
    SELECT s.user_id, s.key_id, (SELECT count(*) FROM (
        SELECT FROM actions a WHERE a.organization_id = $1 AND a.submitted_by = s.user_id
          AND coalesce(a.submitted_by_api_key, 0) = s.key_id AND a.status = 'pending_approval'
          AND NOT ${isOverdueSql('a')} LIMIT $7::integer) AS stored) AS count
    FROM (SELECT DISTINCT user_id, coalesce(key_id, 0) AS key_id FROM standing
      WHERE is_known AND is_same_policy AND is_pending AND $7::integer IS NOT NULL) AS s
  ),
  room AS MATERIALIZED (
    SELECT s.*, w.count IS NULL OR NOT s.is_pending OR w.count + row_number() OVER (
        PARTITION BY s.user_id, s.key_id, s.is_pending, s.is_known, s.is_same_policy ORDER BY s.position) <= $7::integer AS is_free
    FROM standing s LEFT JOIN waiting w ON w.user_id = s.user_id AND w.key_id = coalesce(s.key_id, 0)
  ),
  added AS (
    INSERT INTO actions (organization_id, id, agent_id, agent_name, action_type, description, tool_name, target_system,
      target_resource, parameters, context, risk_indicators, risk_score, status, submitted_by, submitted_by_api_key,
      api_key_created_by, submitted_at, updated_at, expires_at, decided_by_kind, decided_at, reason, correlation_id)
    SELECT $1, c.id, agent_id, agent_name, action_type, description, tool_name, target_system, target_resource, parameters,
      context, risk_indicators, risk_score, status, user_id, key_id, api_key_created_by, at, at,
      at + make_interval(secs => time_to_live), decided_by_kind, CASE WHEN decided_by_kind IS NOT NULL THEN at END, reason,
      correlation_id
    FROM json_to_recordset($5::json) AS c(${CONTENT}) JOIN room ON room.action_id = c.id CROSS JOIN moment
    WHERE is_known AND is_same_policy AND is_free
    RETURNING id, expires_at
  ),
  chosen AS (
    SELECT 2 * position AS position, NULL::integer AS approvals_received FROM room JOIN added ON added.id = action_id
    UNION ALL SELECT 2 * position + 1, NULL FROM room JOIN added ON added.id = action_id WHERE NOT is_pending
  ),
  ${writeAuditEntries('$6', '$8, $9')},
  remembered AS (
    INSERT INTO idempotency_keys (organization_id, principal_kind, principal_id, key, request_hash, outcome, created_at)
    SELECT $1, principal_kind, principal_id, retry_key, retry_hash,
      outcome || jsonb_build_object('submitted_at', ${outcomeTimeSql('at')}, 'expires_at', ${outcomeTimeSql('expires_at')}), at
    FROM given JOIN added ON added.id = action_id CROSS JOIN moment WHERE retry_key IS NOT NULL
  )
SELECT g.action_id AS "actionId", g.claim, r.is_absent AS "isAbsent", r.is_known AS "isKnown",
  r.is_same_policy AS "isSamePolicy", added.id IS NOT NULL AS "isAdded", moment.at, added.expires_at AS "expiresAt",
  CASE WHEN g.claim = 'used' THEN (
    SELECT json_build_object('requestHash', k.request_hash, 'outcome', k.outcome) FROM idempotency_keys k
    WHERE k.organization_id = $1 AND k.principal_kind = g.principal_kind AND k.principal_id = g.principal_id
      AND k.key = g.retry_key) END AS known,
  w.id AS "auditId", w.leaf_hash AS "leafHash"
FROM given g CROSS JOIN moment
  LEFT JOIN room r ON r.position = g.position
  LEFT JOIN added ON added.id = g.action_id
  LEFT JOIN (SELECT id, leaf_hash FROM written ORDER BY id LIMIT 1) w ON true
ORDER BY g.position`;
}

/** The statement, by what it does about locked rows. */
export const SUBMIT: Readonly<Record<OnLocked, Statement>> = {
  skip: statement({ name: 'submit', text: submitSql('skip'), fenced: 'audit' }),
  wait: statement({ name: 'submit_waiting', text: submitSql('wait'), fenced: 'audit' }),
};
