import type { Reviewer } from '../domain/principal';
import type { Sql, Statement } from './database';

const VOTED_ACTIONS: Statement = {
  name: 'voted_actions',
  text: `SELECT action_id AS "actionId" FROM votes
    WHERE organization_id = $1 AND user_id = $2 AND action_id = ANY($3::bigint[])`,
};

/** Reads of votes, each of one reviewer. */
export class VoteReads {
  constructor(private readonly sql: Sql) {}

  /** Which of these actions the reviewer has voted on. One statement. */
  async votedOn(reviewer: Reviewer, actionIds: readonly number[]): Promise<ReadonlySet<number>> {
    const values = [reviewer.organizationId, reviewer.user.id, actionIds];
    const rows = await this.sql.query<{ actionId: number }>(VOTED_ACTIONS, values);
    return new Set(rows.map(({ actionId }) => actionId));
  }
}
