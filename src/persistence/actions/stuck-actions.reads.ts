import { decidableScope, type DecidableScope } from '../../domain/approval-policy';
import type { ApprovalPolicy } from '../../domain/policy';
import type { Tenant, User } from '../../domain/principal';
import { RISK_LEVELS } from '../../domain/risk';
import type { Sql } from '../sql/sql';
import { inScopeSql, pendingSql } from './decidable';
import { riskLevelSql } from './risk-level.sql';
import { statement } from '../sql/statement';

/** Maximum number of pending actions to examine, newest first. */
const MOST_LOOKED_AT = 10_000;
/**
 * How many people of the same authority can matter: an action excludes its submitter, the creator of its key and its
 * voters, who are fewer than the highest quorum.
 */
const MOST_ALIKE = 13;

/** $1 organization. */
const REVIEWERS = statement({
  name: 'reviewers_alike',
  share: 'read',
  text: `SELECT id, role, approval_level AS "approvalLevel", max_risk_score AS "maxRiskScore" FROM (
      SELECT *, row_number() OVER (PARTITION BY role, approval_level, max_risk_score ORDER BY id) AS place
      FROM users WHERE organization_id = $1 AND active AND role <> 'user'
    ) u WHERE place <= ${String(MOST_ALIKE)}`,
});

/**
 * $1 organization, $2 scopes as JSON, $3 the quorum of each risk level as JSON. 100 and 0 replace nulls: no score is
 * above 100, and no user has the id 0.
 */
const COUNT_STUCK = statement({
  name: 'count_stuck_actions',
  share: 'read',
  text: `SELECT count(*) AS looked, count(*) FILTER (WHERE NOT EXISTS (
      SELECT FROM json_to_recordset($2::json) AS s("riskLevels" text[], "maxRiskScore" double precision,
        "notSubmittedBy" bigint, "notVotedBy" bigint)
      WHERE ${inScopeSql('t', {
        isOfRiskLevel: `${riskLevelSql('t.risk_score')} = ANY(s."riskLevels")`,
        maxRiskScore: 'coalesce(s."maxRiskScore", 100)',
        notSubmittedBy: 'coalesce(s."notSubmittedBy", 0)',
        notVotedBy: 's."notVotedBy"',
        quorum: `($3::json ->> (${riskLevelSql('t.risk_score')}))::integer`,
      })}
    )) AS stuck
    FROM (
      SELECT organization_id, id, risk_score, submitted_by, api_key_created_by, approvals FROM actions a
      WHERE organization_id = $1 AND ${pendingSql('a')}
      ORDER BY submitted_at DESC, id DESC LIMIT ${String(MOST_LOOKED_AT)}
    ) t`,
});

/** Counts pending actions that nobody may decide. */
export class StuckActionsReads {
  constructor(private readonly sql: Sql) {}

  /**
   * Counts the pending actions that no active person may decide under a policy, among the newest ten thousand. Two
   * statements.
   * @returns the count, and whether there may be more pending actions than were examined
   */
  async count(
    { organizationId }: Tenant,
    policy: ApprovalPolicy,
  ): Promise<{ readonly stuck: number; readonly isMore: boolean }> {
    const people = await this.sql.query<Reviewing & Record<string, unknown>>(REVIEWERS, [organizationId]);
    const scopes = people.flatMap((person) => scopeOf(person, organizationId, policy) ?? []);
    const [row] = await this.sql.query<{ looked: number; stuck: number }>(COUNT_STUCK, [
      organizationId,
      JSON.stringify(furthestReaching(scopes)),
      JSON.stringify(policy.quorum),
    ]);
    return { stuck: row?.stuck ?? 0, isMore: row?.looked === MOST_LOOKED_AT };
  }
}

type Reviewing = Pick<User, 'id' | 'role' | 'approvalLevel' | 'maxRiskScore'>;

function scopeOf(person: Reviewing, organizationId: number, policy: ApprovalPolicy): DecidableScope | null {
  const user = { ...person, organizationId, name: '', active: true, version: 0 };
  return decidableScope({ kind: 'user', organizationId, user, policy }, policy);
}

/**
 * Returns the scopes with the highest limits per risk level: whatever other people may decide, enough of these may too.
 */
function furthestReaching(scopes: readonly DecidableScope[]): readonly DecidableScope[] {
  const reach = ({ maxRiskScore }: DecidableScope): number => maxRiskScore ?? Infinity;
  const sorted = scopes.toSorted((one, other) =>
    reach(one) === reach(other) ? 0 : reach(other) - reach(one),
  );
  const furthest = RISK_LEVELS.flatMap((level) =>
    sorted.filter(({ riskLevels }) => riskLevels.includes(level)).slice(0, MOST_ALIKE),
  );
  return [...new Set(furthest)];
}
