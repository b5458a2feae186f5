import type { ApiKey } from '../../domain/api-key-grant';
import type { Page, PageRequest } from '../../domain/page';
import type { Principal, Tenant } from '../../domain/principal';
import type { KeysetOrder } from '../lists/cursor';
import type { Sql } from '../sql/sql';
import { keysetPage } from '../lists/keyset';
import { Conditions } from '../lists/list-source';
import { API_KEYS } from './api-key.table';
import type { TextSearches } from '../lists/text-search';
import { statement } from '../sql/statement';

/** Filters for a list of API keys. */
export interface ApiKeyFilter {
  readonly ownerId?: readonly number[] | null;
  readonly revoked?: boolean | null;
  /** Text to find anywhere in the name or the prefix, ignoring case. */
  readonly search?: string | null;
}

const ALL_API_KEYS = statement({
  name: 'all_api_keys',
  share: 'read',
  text: `SELECT ${API_KEYS.select('t')} FROM api_keys t WHERE t.organization_id = $1 ORDER BY t.id`,
});

const NEWEST_FIRST: KeysetOrder<ApiKey> = { property: 'id', type: 'bigint', direction: 'desc' };

/** Reads API keys, each within one organization. It returns what can be shown, never a key. */
export class ApiKeyReads {
  /** @param searches runs text searches; without it none can be requested */
  constructor(
    private readonly sql: Sql,
    private readonly searches: TextSearches | null = null,
  ) {}

  /** Returns one page of API keys in the viewer's organization, newest first. One statement, one more for the count. */
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

  /** Returns all of the tenant's keys, oldest first. One statement. */
  async all(tenant: Tenant): Promise<readonly ApiKey[]> {
    return this.sql.query<ApiKey & Record<string, unknown>>(ALL_API_KEYS, [tenant.organizationId]);
  }
}
