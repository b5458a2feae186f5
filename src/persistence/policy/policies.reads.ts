import type { AnswerBudget } from '../../domain/answer-budget';
import type { Page, PageRequest } from '../../domain/page';
import type { PolicyVersion } from '../../domain/policy';
import type { PeopleAlike } from '../../domain/policy-warnings';
import type { Tenant } from '../../domain/principal';
import type { KeysetOrder } from '../lists/cursor';
import type { Sql } from '../sql/sql';
import { keysetPage } from '../lists/keyset';
import { Conditions } from '../lists/list-source';
import { readPolicy } from './stored-policy';
import { POLICIES, type StoredPolicy } from './policy.table';
import { statement } from '../sql/statement';

const CURRENT_POLICY_VERSION = statement({
  name: 'current_policy_version',
  text: `SELECT ${POLICIES.select('t')} FROM organizations o
    JOIN approval_policies t ON t.organization_id = $1 AND t.version = o.policy_version WHERE o.id = $1`,
});

const ACTIVE_PEOPLE = statement({
  name: 'active_people',
  share: 'read',
  text: `SELECT role, approval_level AS "approvalLevel", max_risk_score AS "maxRiskScore", count(*) AS count
    FROM users WHERE organization_id = $1 AND active AND role <> 'user' GROUP BY role, approval_level, max_risk_score`,
});

const NEWEST_FIRST: KeysetOrder<StoredPolicy> = { property: 'id', type: 'bigint', direction: 'desc' };

/** Reads approval policies, each of one organization. */
export class PolicyReads {
  constructor(private readonly sql: Sql) {}

  /**
   * Returns the policy in force. One statement.
   * @throws {Error} where the organization has none
   */
  async current({ organizationId }: Tenant): Promise<PolicyVersion> {
    const [row] = await this.sql.query<StoredPolicy & Record<string, unknown>>(CURRENT_POLICY_VERSION, [
      organizationId,
    ]);
    if (row === undefined) throw new Error(`Organization ${String(organizationId)} has no policy`);
    return toVersion(row);
  }

  /** Returns one page of all policy versions, newest first. One statement, and one more for the count. */
  async history(
    { organizationId }: Tenant,
    request: PageRequest,
    maxSize: number,
    budget: AnswerBudget,
  ): Promise<Page<PolicyVersion & { readonly id: number }>> {
    const conditions = new Conditions().add(organizationId, (p) => `t.organization_id = ${p}`);
    const query = { table: POLICIES, conditions, order: NEWEST_FIRST, request, maxSize, budget };
    const page = await keysetPage<StoredPolicy & Record<string, unknown>>(this.sql, query);
    return {
      ...page,
      edges: page.edges.map(({ node, cursor }) => ({ cursor, node: { id: node.id, ...toVersion(node) } })),
    };
  }

  /** Counts the active people who can decide, grouped by role, level and limit. One statement. */
  async activePeople({ organizationId }: Tenant): Promise<readonly PeopleAlike[]> {
    return this.sql.query<PeopleAlike & Record<string, unknown>>(ACTIVE_PEOPLE, [organizationId]);
  }
}

function toVersion({ id, document, changedById, reason, changedAt }: StoredPolicy): PolicyVersion {
  return { ...readPolicy(id, document), changedById, reason, changedAt };
}
