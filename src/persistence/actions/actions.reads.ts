import type { Action, ActionStatus } from '../../domain/action';
import type { Direction, Page, PageRequest } from '../../domain/page';
import type { AnswerBudget } from '../../domain/answer-budget';
import { decidableScope, type DecidableScope } from '../../domain/approval-policy';
import type { Principal, Tenant } from '../../domain/principal';
import type { RiskLevel } from '../../domain/risk';
import type { Sql } from '../sql/sql';
import { inScopeSql, pendingSql } from './decidable';
import type { KeysetOrder } from '../lists/cursor';
import { isOverdueSql } from './expiry';
import { Batcher } from '../sql/batcher';
import { keysetPage } from '../lists/keyset';
import { Conditions } from '../lists/list-source';
import { byRiskLevelSql, inRiskLevelsSql } from './risk-level.sql';
import { ACTIONS } from './action.table';
import type { TextIndex, TextSearches } from '../lists/text-search';
import { readWeighed } from '../lists/weighed-rows';
import { statement } from '../sql/statement';

/** Filters for a list of actions. Lists match any of their members; ranges are from inclusive, to exclusive. */
export interface ActionFilter {
  readonly status?: readonly ActionStatus[] | null;
  readonly riskLevel?: readonly RiskLevel[] | null;
  /** Inclusive. */
  readonly minRiskScore?: number | null;
  /** Inclusive. */
  readonly maxRiskScore?: number | null;
  readonly agentId?: readonly string[] | null;
  readonly actionType?: readonly string[] | null;
  readonly decidedBy?: readonly number[] | null;
  readonly submittedFrom?: Date | null;
  readonly submittedTo?: Date | null;
  readonly decidedFrom?: Date | null;
  readonly decidedTo?: Date | null;
  /** Text to find anywhere in the action's descriptive columns, ignoring case. */
  readonly search?: string | null;
  /** Whether the viewer may decide it now, by the same rule as a decision. */
  readonly decidableByViewer?: boolean | null;
}

export interface ActionOrder {
  readonly by: 'submittedAt' | 'riskScore';
  readonly direction: Direction;
}

/** The submitted JSON. It is read only where it is shown, because it can be large and no rule needs it. */
export type ActionContent = Pick<Action, 'parameters' | 'context' | 'riskIndicators'>;
const CONTENT: readonly (keyof ActionContent)[] = ['parameters', 'context', 'riskIndicators'];

const WITHOUT_CONTENT = new Set<string>(
  ACTIONS.properties.filter((name) => !CONTENT.includes(name as never)),
);
const ACTIONS_BY_ID = statement({
  name: 'actions_by_id',
  text: `SELECT ${ACTIONS.select('t', WITHOUT_CONTENT)} FROM actions t
    WHERE t.organization_id = $1 AND t.id = ANY($2::bigint[])`,
});
const CONTENTS_BY_ID = `SELECT t.id, ${CONTENT.map((name) => `t."${ACTIONS.column(name)}" AS "${name}"`).join(', ')}
  FROM actions t WHERE t.organization_id = $1 AND t.id = ANY($2::bigint[])`;

/** Maximum number of requests per statement. */
const MAX_TOGETHER = 64;

/** The columns that `search` covers; the migration of `action_texts` has the same columns. */
const SEARCHED = [
  't.action_type',
  't.description',
  't.agent_id',
  't.agent_name',
  't.tool_name',
  't.target_system',
  't.target_resource',
];
const SEARCH_INDEX: TextIndex = {
  name: 'action_texts_by_text',
  table: 'action_texts',
  id: 'x.action_id',
  columns: ['x.text'],
};

/** Reads actions, each within one organization. */
export class ActionReads {
  private readonly singles: Batcher<{ tenant: Tenant; id: number }, Action | null>;

  /**
   * @param searches runs text searches; without it none can be requested
   * @param ordered reads a reviewer's approval queue in index order
   */
  constructor(
    private readonly sql: Sql,
    private readonly searches: TextSearches | null = null,
    private readonly ordered: Sql = sql,
  ) {
    this.singles = new Batcher((asked) => this.together(asked), {
      maxSize: MAX_TOGETHER,
      partitionOf: ({ tenant }) => tenant.organizationId,
    });
  }

  /**
   * Returns the tenant's actions with these ids, without their content and in no particular order. One statement,
   * shared by concurrent requests for a single action.
   */
  async byIds(tenant: Tenant, ids: readonly number[]): Promise<readonly Action[]> {
    const [id] = ids;
    if (ids.length > 1 || id === undefined) return this.allOf(tenant, ids);
    const action = await this.singles.submit({ tenant, id });
    return action === null ? [] : [action];
  }

  /**
   * Returns the content of the actions with these ids, in no particular order, up to the budget. One statement.
   * @throws {RefusedError} VALIDATION_ERROR where the budget is used up
   */
  contentsOf(
    tenant: Tenant,
    ids: readonly number[],
    budget: AnswerBudget,
  ): Promise<readonly (ActionContent & { readonly id: number })[]> {
    const statement = { text: CONTENTS_BY_ID, values: [tenant.organizationId, ids] };
    const part = { heavy: CONTENT, size: ids.length };
    return budget.spend((left) => readWeighed(this.sql, statement, part, left));
  }

  /**
   * Returns one page of the actions in the viewer's organization. One statement, and one more for the count.
   * @param wanted names of the only properties to read
   * @param budget what the request may still read
   * @throws {RefusedError} VALIDATION_ERROR for invalid page arguments, or a budget that is used up
   */
  async page(
    viewer: Principal,
    filter: ActionFilter,
    order: ActionOrder,
    request: PageRequest,
    maxSize: number,
    wanted: ReadonlySet<string>,
    budget: AnswerBudget,
  ): Promise<Page<Action>> {
    const conditions = new Conditions().add(viewer.organizationId, (p) => `t.organization_id = ${p}`);
    addFilter(conditions, filter, order);
    if (filter.decidableByViewer !== undefined && filter.decidableByViewer !== null)
      addDecidable(conditions, decidableScope(viewer, viewer.policy), filter.decidableByViewer);
    const keyset: KeysetOrder<Action> = {
      property: order.by,
      type: order.by === 'submittedAt' ? 'timestamptz' : 'double precision',
      direction: order.direction,
    };
    const searcher = this.searches?.of(viewer) ?? null;
    const sql = filter.decidableByViewer === true ? this.ordered : this.sql;
    return keysetPage(sql, {
      table: ACTIONS,
      conditions,
      order: keyset,
      request,
      maxSize,
      wanted,
      searcher,
      budget,
    });
  }

  private allOf({ organizationId }: Tenant, ids: readonly number[]): Promise<readonly Action[]> {
    return this.sql.query<Action>(ACTIONS_BY_ID, [organizationId, ids]);
  }

  /** Reads single actions together; all are of one organization, since that is the partition. */
  private async together(
    asked: readonly { readonly tenant: Tenant; readonly id: number }[],
  ): Promise<(Action | null)[]> {
    const [first] = asked;
    if (first === undefined) return [];
    const actions = await this.allOf(first.tenant, [...new Set(asked.map(({ id }) => id))]);
    const found = new Map(actions.map((action) => [action.id, action]));
    return asked.map(({ id }) => found.get(id) ?? null);
  }
}

function addFilter(conditions: Conditions, filter: ActionFilter, { by }: ActionOrder): void {
  // The indexes on agent and status continue with the order of submission.
  const isOrdered = by === 'submittedAt';
  conditions.addAnyOf('t.agent_id', 'text', filter.agentId, isOrdered);
  addStatuses(conditions, filter.status, isOrdered);
  conditions
    .add(filter.minRiskScore, (p) => `t.risk_score >= ${p}`)
    .add(filter.maxRiskScore, (p) => `t.risk_score <= ${p}`)
    .addAnyOf('t.action_type', 'text', filter.actionType)
    .addAnyOf('t.decided_by', 'bigint', filter.decidedBy)
    .add(filter.submittedFrom, (p) => `t.submitted_at >= ${p}`)
    .add(filter.submittedTo, (p) => `t.submitted_at < ${p}`)
    .add(filter.decidedFrom, (p) => `t.decided_at >= ${p}`)
    .add(filter.decidedTo, (p) => `t.decided_at < ${p}`);
  if (filter.riskLevel !== undefined && filter.riskLevel !== null)
    conditions.addRaw(inRiskLevelsSql('t.risk_score', filter.riskLevel));
  conditions.addSearch(SEARCHED, filter.search, SEARCH_INDEX);
}

/** Filters by effective status. Compares stored statuses where they are equivalent, so that an index can serve them. */
function addStatuses(
  conditions: Conditions,
  asked: readonly ActionStatus[] | null | undefined,
  isOrdered: boolean,
): void {
  const wantsPending = asked?.includes('pending_approval') === true;
  const wantsExpired = asked?.includes('expired') === true;
  if (wantsExpired && !wantsPending) {
    conditions.addRaw(`(t.status = ANY(${conditions.bind(asked)}::text[]) OR ${isOverdueSql('t')})`);
    return;
  }
  conditions.addAnyOf('t.status', 'text', asked, isOrdered);
  if (wantsPending && !wantsExpired) conditions.addRaw(`NOT ${isOverdueSql('t')}`);
}

/** Restricts the list to what `decidableScope` describes, the reviewer's approval queue, or to the rest. */
function addDecidable(conditions: Conditions, scope: DecidableScope | null, isDecidable: boolean): void {
  const decidable = scope === null ? 'false' : decidableSql(conditions, scope);
  conditions.addRaw(isDecidable ? decidable : `NOT (${decidable})`);
}

function decidableSql(conditions: Conditions, scope: DecidableScope): string {
  const { riskLevels, maxRiskScore, notSubmittedBy, notVotedBy, quorum } = scope;
  return [
    pendingSql('t'),
    inScopeSql('t', {
      isOfRiskLevel: inRiskLevelsSql('t.risk_score', riskLevels),
      maxRiskScore: maxRiskScore === null ? null : conditions.bind(maxRiskScore),
      notSubmittedBy: notSubmittedBy === null ? null : conditions.bind(notSubmittedBy),
      notVotedBy: conditions.bind(notVotedBy),
      quorum: byRiskLevelSql('t.risk_score', quorum),
    }),
  ].join(' AND ');
}
