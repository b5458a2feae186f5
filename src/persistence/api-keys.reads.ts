import type { ApiKey } from '../domain/api-key-grant';
import type { Page, PageRequest } from '../domain/page';
import type { Principal, Tenant } from '../domain/principal';
import type { KeysetOrder } from './cursor';
import type { Sql, Statement } from './database';
import { keysetPage } from './keyset';
import { Conditions } from './list-source';
import { API_KEYS } from './tables/api-key.table';
import type { TextSearches } from './text-search';

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
  /** @param searches what runs text searches; none can be asked for, if not given */
  constructor(
    private readonly sql: Sql,
    private readonly searches: TextSearches | null = null,
  ) {}

  /** One page of the viewer's organization's keys, newest first. One statement, and one more if the page is asked for its count. */
  async page(
    viewer: Principal,
    filter: ApiKeyFilter,
    request: PageRequest,
    maxSize: number,
  ): Promise<Page<ApiKey>> {
    const conditions = new Conditions()
      .add(viewer.organizationId, (p) => `t.organization_id = ${p}`)
      .addAnyOf('t.owner_id', 'bigint', filter.ownerId)
      .add(filter.revoked, (p) => `(t.revoked_at IS NOT NULL) = ${p}`)
      .addSearch(['t.name', 't.prefix'], filter.search);
    return keysetPage<ApiKey & Record<string, unknown>>(this.sql, {
      table: API_KEYS,
      conditions,
      order: NEWEST_FIRST,
      request,
      maxSize,
      searcher: this.searches?.of(viewer) ?? null,
    });
  }

  /** All of the tenant's keys, in the order in which they were made. One statement. */
  async all(tenant: Tenant): Promise<readonly ApiKey[]> {
    return this.sql.query<ApiKey & Record<string, unknown>>(ALL_API_KEYS, [tenant.organizationId]);
  }
}
