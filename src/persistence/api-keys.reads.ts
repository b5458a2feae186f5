import type { ApiKey } from '../domain/api-key-grant';
import type { Page, PageRequest } from '../domain/page';
import type { Tenant } from '../domain/principal';
import type { KeysetOrder } from './cursor';
import type { Sql, Statement } from './database';
import { Conditions, keysetPage } from './keyset';
import { API_KEYS } from './tables/api-key.table';

/** What a list of API keys can be narrowed to. */
export interface ApiKeyFilter {
  readonly ownerId?: readonly number[] | null;
  readonly revoked?: boolean | null;
  /** Text that stands anywhere in the name or the prefix, in either case. */
  readonly search?: string | null;
}

const ALL_API_KEYS: Statement = {
  name: 'all_api_keys',
  share: 'read',
  text: `SELECT ${API_KEYS.select('t')} FROM api_keys t WHERE t.organization_id = $1 ORDER BY t.id`,
};

const NEWEST_FIRST: KeysetOrder<ApiKey> = { property: 'id', type: 'bigint', direction: 'desc' };

/** Reads of API keys, each within one organization: what can be shown of them, never a key. */
export class ApiKeyReads {
  constructor(private readonly sql: Sql) {}

  /** One page of the tenant's keys, newest first. One statement, and one more if the page is asked for its count. */
  async page(
    tenant: Tenant,
    filter: ApiKeyFilter,
    request: PageRequest,
    maxSize: number,
  ): Promise<Page<ApiKey>> {
    const conditions = new Conditions()
      .add(tenant.organizationId, (p) => `t.organization_id = ${p}`)
      .addAnyOf('t.owner_id', 'bigint', filter.ownerId)
      .add(filter.revoked, (p) => `(t.revoked_at IS NOT NULL) = ${p}`)
      .addSearch(['t.name', 't.prefix'], filter.search);
    return keysetPage<ApiKey & Record<string, unknown>>(this.sql, {
      table: API_KEYS,
      conditions,
      order: NEWEST_FIRST,
      request,
      maxSize,
    });
  }

  /** All of the tenant's keys, in the order in which they were made. One statement. */
  async all(tenant: Tenant): Promise<readonly ApiKey[]> {
    return this.sql.query<ApiKey & Record<string, unknown>>(ALL_API_KEYS, [tenant.organizationId]);
  }
}
