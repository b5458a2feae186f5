import type { Vote } from '../domain/action';
import type { Tenant } from '../domain/principal';
import type { Sql, Statement } from './database';

const VOTES_OF_ACTIONS: Statement = {
  name: 'votes_of_actions',
  text: `SELECT action_id AS "actionId", user_id AS "userId", verdict, reason, policy_version AS "policyVersion",
      voted_at AS "votedAt"
    FROM votes WHERE organization_id = $1 AND action_id = ANY($2::bigint[]) ORDER BY action_id, voted_at, user_id, is_second`,
};

/** Reads of votes, each within one organization. */
export class VoteReads {
  constructor(private readonly sql: Sql) {}

  /** The votes on these actions, those on one action in the order in which they were given. One statement. */
  async ofActions(tenant: Tenant, actionIds: readonly number[]): Promise<readonly Vote[]> {
    return this.sql.query<Vote & Record<string, unknown>>(VOTES_OF_ACTIONS, [
      tenant.organizationId,
      actionIds,
    ]);
  }
}
