import type { Database } from '../sql/database';

import { expiresAtSql } from '../actions/expiry';
import { statement } from '../sql/statement';

/** Scores cycle through 0 to 100 in steps of 37, so that any number of actions is spread over all risk levels. */
const SEED_ACTIONS = statement({
  name: 'seed_actions',
  text: `WITH submitter AS (
      SELECT id FROM users WHERE organization_id = $1 ORDER BY (role = 'user') DESC, id LIMIT 1
    ),
    policy AS (
      SELECT p.document -> 'timeToLiveSeconds' AS time_to_live
      FROM organizations o JOIN approval_policies p ON p.organization_id = o.id AND p.version = o.policy_version
      WHERE o.id = $1
    ),
    seeded AS (
      INSERT INTO actions (organization_id, agent_id, agent_name, action_type, description, tool_name, target_system,
        target_resource, risk_score, submitted_by, expires_at)
      SELECT $1, 'seed-agent-' || n % 10, 'Seed agent ' || n % 10, (ARRAY['database_write', 'send_email', 'deploy'])[n % 3 + 1],
        'Seeded action ' || n, 'seed', 'system-' || n % 7, 'resource-' || n, score, submitter.id,
        ${expiresAtSql('score', 'time_to_live')}
      FROM generate_series(1, $2::integer) AS n CROSS JOIN LATERAL (SELECT (n * 37) % 101 AS score) s
        CROSS JOIN submitter CROSS JOIN policy
      RETURNING id
    )
    SELECT min(id) AS first, max(id) AS last, count(*) AS count FROM seeded`,
});

/**
 * Adds pending actions to an organization, submitted by its first user who may not decide; if there is none, by its
 * first user.
 * @param count 1 or more
 * @returns the first and the last id, or null if the organization has no users
 */
export async function seedActions(
  owner: Database,
  organizationId: number,
  count: number,
): Promise<{ first: number; last: number } | null> {
  const [row] = await owner.query<{ first: number | null; last: number | null }>(SEED_ACTIONS, [
    organizationId,
    count,
  ]);
  if (row === undefined || row.first === null || row.last === null) return null;
  // Otherwise lists would be planned with outdated statistics.
  await owner.query({ name: 'analyze_actions', text: 'ANALYZE actions, action_texts' }, []);
  return { first: row.first, last: row.last };
}
