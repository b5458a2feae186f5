import type { Page, PageRequest } from '../../domain/page';
import type { Principal, Tenant, User } from '../../domain/principal';
import type { Role } from '../../domain/role';
import type { KeysetOrder } from '../lists/cursor';
import type { Sql } from '../sql/sql';
import { keysetPage } from '../lists/keyset';
import { Conditions } from '../lists/list-source';
import { USERS } from './user.table';
import type { TextSearches } from '../lists/text-search';
import { statement } from '../sql/statement';

/** Filters for a list of users. */
export interface UserFilter {
  readonly role?: readonly Role[] | null;
  readonly active?: boolean | null;
  /** Text to find anywhere in the name, ignoring case. */
  readonly search?: string | null;
}

const USERS_BY_ID = statement({
  name: 'users_by_id',
  text: `SELECT ${USERS.select('t')} FROM users t WHERE t.organization_id = $1 AND t.id = ANY($2::bigint[])`,
});

const BY_ID: KeysetOrder<User> = { property: 'id', type: 'bigint', direction: 'asc' };

/** Reads users, each within one organization. */
export class UserReads {
  /** @param searches runs text searches; without it none can be requested */
  constructor(
    private readonly sql: Sql,
    private readonly searches: TextSearches | null = null,
  ) {}

  /** Returns the tenant's users with these ids, in no particular order. One statement. */
  async byIds(tenant: Tenant, ids: readonly number[]): Promise<readonly User[]> {
    return this.sql.query<User>(USERS_BY_ID, [tenant.organizationId, ids]);
  }

  /** Returns one page of the users in the viewer's organization, by id. One statement, and one more for the count. */
  async page(
    viewer: Principal,
    filter: UserFilter,
    request: PageRequest,
    maxSize: number,
  ): Promise<Page<User>> {
    const conditions = new Conditions()
      .add(viewer.organizationId, (p) => `t.organization_id = ${p}`)
      .addAnyOf('t.role', 'text', filter.role)
      .add(filter.active, (p) => `t.active = ${p}`)
      .addSearch(['t.name'], filter.search);
    const searcher = this.searches?.of(viewer) ?? null;
    return keysetPage(this.sql, { table: USERS, conditions, order: BY_ID, request, maxSize, searcher });
  }
}
