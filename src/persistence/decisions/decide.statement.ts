import { momentAfter, writeAuditEntries } from '../audit/audit-entries';
import type { Statement } from '../sql/sql';
import { effectiveStatusSql } from '../actions/expiry';
import { sharedAuthorityLockSql } from '../people/authority-lock';
import { claimSql, outcomeTimeSql } from './idempotency-records.store';
import { statement } from '../sql/statement';

/** What to do about rows that another transaction has locked: wait for them, or leave them out of the statement. */
export type OnLocked = 'wait' | 'skip';

/**
 * Decides, in one statement, for any number of reviewers of one organization: locks in id order, compare-and-swap,
 * votes, audit entries, seal queue.
 * $1 organization, $2 reviewers, $3 candidates as JSON, each action at most once, $4 their audit entries as JSON. For
 * the candidate at position n, 2n is the entry to write if it decides, 2n + 1 the entry to write if it is a vote and
 * more are required.
 *
 * Why this form: rows are locked before they are read, or a loser would still see the action pending and two votes
 * would each count themselves as the first. Locks are taken in id order, or two bulks in opposite order would deadlock.
 * The reviewers and the policy are share-locked, so that neither changes between this check and the commit. The
 * authority lock comes before them, so that a constant stream of decisions cannot starve a change of either. Every
 * locked row is returned, so that a loser gets the current facts. A candidate with an idempotency key claims the key
 * before anything waits, and its outcome is stored under the key; a candidate whose key is taken is left untouched. A
 * reviewer who has voted can confirm with a second vote where the existing approvals already meet the quorum: it
 * decides, and counts nobody twice.
 */
function decideSql(onLocked: OnLocked): string {
  const skip = onLocked === 'skip' ? 'SKIP LOCKED' : '';
  return `
WITH given AS MATERIALIZED (
    SELECT c.*, ${claimSql('$1', `'user'`, 'c.actor_id', 'c.retry_key')} AS claim
    FROM json_to_recordset($3::json) AS c(position integer, action_id bigint, version integer, actor_id bigint,
      reviewer_version integer, policy_version integer, verdict text, verdict_status text, reason text,
      approvals_required integer, correlation_id text, retry_key text, retry_hash text)
  ),
  gate AS MATERIALIZED (
    SELECT ids, ${sharedAuthorityLockSql('$1')} FROM organizations o
      CROSS JOIN (SELECT array_agg(action_id) AS ids FROM given WHERE ${IS_FREE}) AS free
    WHERE o.id = $1 AND ids IS NOT NULL
  ),
  authority AS MATERIALIZED (
    SELECT u.id AS reviewer, u.version, u.active, o.policy_version
    FROM organizations o JOIN users u ON u.organization_id = $1 AND u.id = ANY($2::bigint[])
    WHERE EXISTS (SELECT FROM gate) AND o.id = $1
    ORDER BY u.id FOR SHARE OF o, u ${skip}
  ),
  stored AS MATERIALIZED (
    SELECT a.id, a.status, a.version, a.approvals, a.decided_by, a.decided_at, a.expires_at
    FROM actions a WHERE a.organization_id = $1 AND a.id = ANY((SELECT ids FROM gate)::bigint[])
    ORDER BY a.id FOR UPDATE ${skip}
  ),
  ${momentAfter('authority', 'stored')},
  candidate AS MATERIALIZED (
    SELECT c.position, c.action_id, c.actor_id, c.verdict, c.verdict_status, c.reason, c.policy_version,
      c.approvals_required, c.correlation_id, c.claim, stored.id IS NULL OR authority.reviewer IS NULL AS is_absent,
      stored.version = c.version AND authority.active AND authority.version = c.reviewer_version
        AND authority.policy_version = c.policy_version AS is_as_authorized,
      ${effectiveStatusSql('stored', 'at')} AS status, stored.approvals AS approvals_before,
      stored.decided_by, stored.decided_at, counted.approvals,
      c.verdict = 'reject' OR counted.approvals >= c.approvals_required AS decides
    FROM given c CROSS JOIN moment
      LEFT JOIN stored ON stored.id = c.action_id
      LEFT JOIN authority ON authority.reviewer = c.actor_id
      CROSS JOIN LATERAL (SELECT stored.approvals + CASE c.verdict WHEN 'approve' THEN 1 ELSE 0 END AS approvals) AS counted
  ),
  voted AS (
    INSERT INTO votes (organization_id, action_id, user_id, verdict, reason, policy_version, voted_at)
    SELECT $1, action_id, actor_id, verdict, reason, policy_version, at FROM candidate CROSS JOIN moment
    WHERE is_as_authorized AND status = 'pending_approval' AND ${IS_FREE}
    ON CONFLICT (organization_id, action_id, user_id, is_second) DO NOTHING
    RETURNING action_id
  ),
  voted_again AS (
    INSERT INTO votes (organization_id, action_id, user_id, verdict, reason, policy_version, voted_at, is_second)
    SELECT $1, action_id, actor_id, verdict, reason, policy_version, at, true FROM candidate CROSS JOIN moment
    WHERE is_as_authorized AND status = 'pending_approval' AND ${IS_FREE}
      AND approvals_before >= approvals_required AND action_id NOT IN (SELECT action_id FROM voted)
    ON CONFLICT (organization_id, action_id, user_id, is_second) DO NOTHING
    RETURNING action_id
  ),
  taken AS (
    SELECT action_id, approvals FROM voted JOIN candidate USING (action_id)
    UNION ALL SELECT action_id, approvals_before FROM voted_again JOIN candidate USING (action_id)
  ),
  changed AS (
    UPDATE actions a SET
      approvals = taken.approvals,
      updated_at = moment.at,
      version = a.version + CASE WHEN c.decides THEN 1 ELSE 0 END,
      status = CASE WHEN c.decides THEN c.verdict_status ELSE a.status END,
      decided_by_kind = CASE WHEN c.decides THEN 'user' END,
      decided_by = CASE WHEN c.decides THEN c.actor_id END,
      decided_at = CASE WHEN c.decides THEN moment.at END,
      reason = CASE WHEN c.decides THEN c.reason END,
      correlation_id = CASE WHEN c.decides THEN c.correlation_id END
    FROM taken JOIN candidate c ON c.action_id = taken.action_id CROSS JOIN moment
    WHERE a.organization_id = $1 AND a.id = c.action_id
    RETURNING a.id AS action_id, c.position, c.decides, a.approvals, a.status
  ),
  chosen AS (
    SELECT 2 * position + CASE WHEN decides THEN 0 ELSE 1 END AS position, approvals AS approvals_received FROM changed
  ),
  ${writeAuditEntries('$4', '$5, $6')},
  remembered AS (
    INSERT INTO idempotency_keys (organization_id, principal_kind, principal_id, key, request_hash, outcome, created_at)
    SELECT $1, 'user', g.actor_id, g.retry_key, g.retry_hash, jsonb_build_object('correlation_id', g.correlation_id,
      'results', jsonb_build_array(jsonb_build_object('action_id', g.action_id,
        'status', changed.status, 'decided_at', ${outcomeTimeSql('moment.at')},
        'approvals_received', changed.approvals, 'approvals_required', g.approvals_required,
        'audit_id', written.id, 'leaf_hash', encode(written.leaf_hash, 'base64')))), moment.at
    FROM given g JOIN changed ON changed.position = g.position JOIN written ON written.action_id = g.action_id
      CROSS JOIN moment WHERE g.retry_key IS NOT NULL
  )
SELECT c.action_id AS "actionId", c.status AS "statusBefore", c.decided_by AS "decidedById", c.decided_at AS "decidedAt",
  c.approvals_before AS "approvalsBefore", c.is_absent AS "isAbsent", c.is_as_authorized AS "isAsAuthorized", c.claim,
  moment.at, c.decides, changed.approvals, written.id AS "auditId", written.leaf_hash AS "leafHash"
FROM candidate c CROSS JOIN moment
  LEFT JOIN changed ON changed.action_id = c.action_id
  LEFT JOIN written ON written.action_id = c.action_id
ORDER BY c.position`;
}

/** SQL for whether a candidate has no idempotency key, or holds it. */
const IS_FREE = `coalesce(claim, 'held') = 'held'`;

/** The statement, by what it does about locked rows. */
export const DECIDE: Readonly<Record<OnLocked, Statement>> = {
  wait: statement({ name: 'decide', text: decideSql('wait'), fenced: 'audit' }),
  skip: statement({ name: 'decide_unlocked', text: decideSql('skip'), fenced: 'audit' }),
};
