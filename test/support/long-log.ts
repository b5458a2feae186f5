import { seedActions } from '../../src/persistence/install/seed';
import type { TestDatabase } from './database';

/** Of a long log, one entry in so many submits an action; the others are refusals. */
const PER_ACTION = 5;

/**
 * Gives organization 1 so many entries and the pending actions that they are about, made in SQL with their bytes and
 * hashes, in the sealer's queue. They are as the verifier expects them.
 */
export async function addLongLog(database: TestDatabase, entries: number): Promise<void> {
  const seeded = await seedActions(database.owner, 1, Math.ceil(entries / PER_ACTION));
  await database.sql(ADD_ENTRIES, [1, 4, entries, PER_ACTION, seeded?.first]);
}

/** $1 organization, $2 user, $3 how many, $4 entries per action, $5 the first action. */
const ADD_ENTRIES = `
WITH numbered AS (
  SELECT nextval('audit_log_id_seq') AS id, date_trunc('milliseconds', now()) AS at, n % $4::integer = 0 AS submits,
    $5::bigint + n / $4::integer AS action_id
  FROM generate_series(0, $3::integer - 1) AS n
),
told AS (
  SELECT e.id, e.at, e.action_id, a.risk_score,
    CASE WHEN e.submits THEN 'action_submitted' ELSE 'decision_refused' END AS type,
    CASE WHEN e.submits THEN NULL ELSE 'approve' END AS verdict,
    CASE WHEN e.submits THEN NULL ELSE 'INSUFFICIENT_PERMISSIONS' END AS code,
    CASE WHEN e.submits THEN format('{"agent_id":"%s","action_type":"%s","tool_name":"%s","target_system":"%s",' ||
      '"submission_sha256":"%s","risk_score_source":"engine","scoring_rule":null}', a.agent_id, a.action_type, a.tool_name,
      a.target_system, repeat('5e', 32)) END AS data
  FROM numbered e JOIN actions a ON a.organization_id = $1 AND a.id = e.action_id
),
rendered AS (
  SELECT *, convert_to(format(
    '{"v":1,"audit_id":%s,"organization_id":%s,"action_type":"%s","timestamp":"%s","actor_kind":"user","actor_id":%s,' ||
    '"on_behalf_of":null,"action_id":%s,"verdict":%s,"reason":null,"refusal_code":%s,"risk_score":%s,"required_level":null,' ||
    '"held_level":null,"policy_version":1,"approvals_received":null,"approvals_required":null,"details":"Made",' ||
    '"correlation_id":"made","client_correlation_id":null,"ip_commitment":null,"user_agent_commitment":null,"data":%s}',
    id, $1::bigint, type, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), $2::bigint, action_id,
    coalesce(to_json(verdict)::text, 'null'), coalesce(to_json(code)::text, 'null'), risk_score,
    coalesce(data, 'null')), 'UTF8') AS canonical
  FROM told
),
written AS (
  INSERT INTO audit_log (organization_id, id, action_type, "timestamp", actor_kind, actor_id, action_id, verdict, refusal_code,
    risk_score, policy_version, details, correlation_id, data, canonical, leaf_hash)
  SELECT $1, id, type, at, 'user', $2, action_id, verdict, code, risk_score, 1, 'Made', 'made', data::jsonb, canonical,
    sha256(decode('00', 'hex') || canonical)
  FROM rendered ORDER BY id
  RETURNING organization_id, id
)
INSERT INTO audit_pending (organization_id, audit_id) SELECT organization_id, id FROM written`;
