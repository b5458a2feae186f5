import type { AnswerBudget } from '../../domain/answer-budget';
import type { Vote } from '../../domain/action';
import type { Tenant } from '../../domain/principal';
import type { Sql } from '../sql/sql';
import { readWeighed } from '../lists/weighed-rows';

const VOTES_OF_ACTIONS = `SELECT action_id AS "actionId", user_id AS "userId", verdict, reason, policy_version AS "policyVersion",
      voted_at AS "votedAt"
    FROM votes WHERE organization_id = $1 AND action_id = ANY($2::bigint[]) ORDER BY action_id, voted_at, user_id, is_second`;
const WEIGHED = { heavy: ['reason'], size: Infinity };

/** Reads votes, each within one organization. */
export class VoteReads {
  constructor(private readonly sql: Sql) {}

  /**
   * Returns the votes on these actions, oldest first per action, up to the budget. One statement.
   * @throws {RefusedError} VALIDATION_ERROR where the budget is used up
   */
  async ofActions(
    tenant: Tenant,
    actionIds: readonly number[],
    budget: AnswerBudget,
  ): Promise<readonly Vote[]> {
    const statement = { text: VOTES_OF_ACTIONS, values: [tenant.organizationId, actionIds] };
    return budget.spend((left) =>
      readWeighed<Vote & Record<string, unknown>>(this.sql, statement, WEIGHED, left),
    );
  }
}
