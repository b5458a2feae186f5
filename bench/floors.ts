import { newCorrelationId } from '../src/domain/correlation';
import type { World } from './world';

/**
 * The floor of a decision: one statement that updates one action and inserts its audit entry. No authority, no vote, no
 * queue and no serialization; the entry's bytes are given and only hashed.
 */
export const DECIDE_FLOOR = {
  name: 'decide_floor',
  text: `WITH changed AS (
      UPDATE actions SET status = 'approved', version = version + 1, approvals = 1, updated_at = now(),
        decided_by_kind = 'user', decided_by = $3, decided_at = now(), reason = $4, correlation_id = $5
      WHERE organization_id = $1 AND id = $2 AND status = 'pending_approval' RETURNING id, risk_score
    )
    INSERT INTO audit_log (organization_id, action_type, "timestamp", actor_kind, actor_id, action_id, verdict, reason,
      risk_score, policy_version, details, correlation_id, canonical, leaf_hash)
    SELECT $1, 'action_approved', now(), 'user', $3, id, 'approve', $4, risk_score, 1, $6, $5, $7, sha256($7) FROM changed
    RETURNING id`,
};

/** Returns the values of a floor decision on each of these actions, by the world's reviewers in turn. */
export function floorDecisions(
  { organizationId, reviewers }: World,
  actionIds: readonly number[],
): readonly (readonly unknown[])[] {
  return actionIds.map((id, index) => {
    const userId = reviewers[index % reviewers.length]?.userId;
    const details = `Action ${String(id)} approved by user ${String(userId)}`;
    const correlationId = newCorrelationId(new Date());
    const canonical = Buffer.from(
      JSON.stringify({ v: 1, action_id: id, details, correlationId, padding: 'x'.repeat(500) }),
    );
    return [organizationId, id, userId, 'Reviewed and approved', correlationId, details, canonical];
  });
}

/** The floor of the list workload: it reads the same columns of an action, and no more. */
export const LIST_FLOOR = {
  actions: {
    name: 'list_floor_actions',
    text: `SELECT id, agent_name AS "agentName", action_type AS "actionType", description, status, risk_score AS "riskScore",
        submitted_at AS "submittedAt", decided_by AS "decidedBy", decided_at AS "decidedAt"
      FROM actions WHERE organization_id = $1 AND submitted_at < $2 ORDER BY submitted_at DESC, id DESC LIMIT 50`,
  },
  users: {
    name: 'list_floor_users',
    text: `SELECT id, name, role FROM users WHERE organization_id = $1 AND id = ANY($2::bigint[])`,
  },
  entries: {
    name: 'list_floor_entries',
    text: `SELECT e.action_id AS "actionId", e.id, e.action_type AS "actionType", e.timestamp, e.details
      FROM unnest($2::bigint[]) AS a(id) CROSS JOIN LATERAL (
        SELECT * FROM audit_log l WHERE l.organization_id = $1 AND l.action_id = a.id
        ORDER BY l.timestamp DESC, l.id DESC LIMIT 5
      ) e`,
  },
};
