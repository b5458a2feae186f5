import type { Tenant, User } from '../domain/principal';
import type { Sql, Statement } from './database';
import { USERS } from './tables/user.table';

const USERS_BY_ID: Statement = {
  name: 'users_by_id',
  text: `SELECT ${USERS.select('t')} FROM users t WHERE t.organization_id = $1 AND t.id = ANY($2::bigint[])`,
};

/** Reads of users, each within one organization. */
export class UserReads {
  constructor(private readonly sql: Sql) {}

  /** The users of these ids that the tenant has, in no particular order. One statement. */
  async byIds(tenant: Tenant, ids: readonly number[]): Promise<readonly User[]> {
    return this.sql.query<User>(USERS_BY_ID, [tenant.organizationId, ids]);
  }
}
