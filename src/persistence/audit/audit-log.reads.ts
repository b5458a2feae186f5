import type { AuditLogEntry } from '../../domain/audit-entry';
import type { AnswerBudget } from '../../domain/answer-budget';
import type { Direction, Page, PageRequest } from '../../domain/page';
import type { Principal } from '../../domain/principal';
import type { Role } from '../../domain/role';
import type { Sql, Statement } from '../sql/sql';
import type { KeysetOrder } from '../lists/cursor';
import { keysetPage, keysetPagesOfGroups } from '../lists/keyset';
import { Conditions } from '../lists/list-source';
import { AUDIT_LOG } from './audit-log.table';
import type { TextIndex, TextSearches } from '../lists/text-search';
import { statement } from '../sql/statement';

/** Filters for a list of audit entries. A list matches any of its members. */
export interface AuditLogFilter {
  readonly actionType?: readonly string[] | null;
  /** Ids of users: entries of their own acts. */
  readonly actorId?: readonly number[] | null;
  readonly actionId?: readonly number[] | null;
  readonly correlationId?: readonly string[] | null;
  /** Inclusive. */
  readonly from?: Date | null;
  /** Exclusive. */
  readonly to?: Date | null;
  /** Text to find anywhere in the details or the reason, ignoring case. */
  readonly search?: string | null;
}

const SEARCHED = ['t.details', 't.reason'];
const SEARCH_INDEX: TextIndex = {
  name: 'audit_log_by_text',
  table: 'audit_log',
  id: 'x.id',
  columns: ['x.details', 'x.reason'],
};

/** The roles that see a request's origin (docs/authentication.md#who-reads-what). For others it is not read. */
const SEES_ORIGINS: readonly Role[] = ['admin', 'security_manager'];
const ORIGINS: readonly string[] = ['ipAddress', 'userAgent'];
const WITHOUT_ORIGINS = withoutOrigins(AUDIT_LOG.properties);

function entriesById(name: string, wanted?: ReadonlySet<string>): Statement {
  const columns = AUDIT_LOG.select('t', wanted);
  return statement({
    name,
    text: `SELECT ${columns} FROM audit_log t WHERE t.organization_id = $1 AND t.id = ANY($2::bigint[])`,
  });
}
const ENTRIES_BY_ID = entriesById('audit_log_by_id');
const ENTRIES_BY_ID_WITHOUT_ORIGINS = entriesById('audit_log_by_id_without_origins', WITHOUT_ORIGINS);

/** Page size of a full read: small enough for V8 to free pages in the young generation, before they pile up. */
const WHOLE_PAGE = 200;

/**
 * Reads the audit log. The first argument is the viewer; columns that the viewer may not see are not read. `wanted`
 * names the only properties to read; all of them by default.
 */
export class AuditLogReads {
  /** @param searches runs text searches; without it none can be requested */
  constructor(
    private readonly sql: Sql,
    private readonly searches: TextSearches | null = null,
  ) {}

  /** Returns the entries of the viewer's organization with these ids, in no particular order. One statement. */
  async byIds(viewer: Principal, ids: readonly number[]): Promise<readonly AuditLogEntry[]> {
    const statement = seesOrigins(viewer) ? ENTRIES_BY_ID : ENTRIES_BY_ID_WITHOUT_ORIGINS;
    return this.sql.query<AuditLogEntry>(statement, [viewer.organizationId, ids]);
  }

  /** Returns one page of the entries in the viewer's organization. One statement, and one more for the count. */
  async page(
    viewer: Principal,
    filter: AuditLogFilter,
    direction: Direction,
    request: PageRequest,
    maxSize: number,
    wanted?: ReadonlySet<string>,
    budget: AnswerBudget | null = null,
  ): Promise<Page<AuditLogEntry>> {
    const conditions = new Conditions()
      .add(viewer.organizationId, (p) => `t.organization_id = ${p}`)
      .addAnyOf('t.correlation_id', 'text', filter.correlationId)
      .addAnyOf('t.action_id', 'bigint', filter.actionId, true)
      .addAnyOf('t.actor_id', 'bigint', filter.actorId, true)
      .addAnyOf('t.action_type', 'text', filter.actionType, true)
      .add(filter.from, (p) => `t."timestamp" >= ${p}`)
      .add(filter.to, (p) => `t."timestamp" < ${p}`)
      .addSearch(SEARCHED, filter.search, SEARCH_INDEX);
    if (filter.actorId !== undefined && filter.actorId !== null) conditions.addRaw(`t.actor_kind = 'user'`);
    const order = byTime(direction);
    return keysetPage(this.sql, {
      table: AUDIT_LOG,
      conditions,
      order,
      request,
      maxSize,
      wanted: visibleTo(viewer, wanted),
      searcher: this.searches?.of(viewer) ?? null,
      budget,
    });
  }

  /** Yields every matching entry of the viewer's organization, oldest first, with one page in memory. */
  async *all(viewer: Principal, filter: AuditLogFilter): AsyncIterable<AuditLogEntry> {
    let after: string | null = null;
    do {
      const request: PageRequest = { first: WHOLE_PAGE, after };
      const page: Page<AuditLogEntry> = await this.page(viewer, filter, 'asc', request, WHOLE_PAGE);
      for (const { node } of page.edges) yield node;
      after = page.hasNextPage ? (page.edges.at(-1)?.cursor ?? null) : null;
    } while (after !== null);
  }

  /** Returns one page of entries per action, newest first, in the order of the ids. One statement. */
  async pagesOfActions(
    viewer: Principal,
    actionIds: readonly number[],
    request: PageRequest,
    maxSize: number,
    wanted: ReadonlySet<string> | undefined,
    budget: AnswerBudget,
  ): Promise<readonly Page<AuditLogEntry>[]> {
    const conditions = new Conditions().add(viewer.organizationId, (p) => `t.organization_id = ${p}`);
    const groups = { column: 'action_id', ids: actionIds };
    const order = byTime('desc');
    const query = {
      table: AUDIT_LOG,
      conditions,
      order,
      request,
      maxSize,
      wanted: visibleTo(viewer, wanted),
      budget,
    };
    return keysetPagesOfGroups(this.sql, query, groups);
  }
}

function seesOrigins(viewer: Principal): boolean {
  return viewer.kind === 'user' && SEES_ORIGINS.includes(viewer.user.role);
}

function visibleTo(
  viewer: Principal,
  wanted: ReadonlySet<string> | undefined,
): ReadonlySet<string> | undefined {
  if (seesOrigins(viewer)) return wanted;
  return wanted === undefined ? WITHOUT_ORIGINS : withoutOrigins(wanted);
}

function withoutOrigins(names: Iterable<string>): ReadonlySet<string> {
  return new Set([...names].filter((name) => !ORIGINS.includes(name)));
}

function byTime(direction: Direction): KeysetOrder<AuditLogEntry> {
  return { property: 'timestamp', type: 'timestamptz', direction };
}
