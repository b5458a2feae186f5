import type { Action, ActionStatus } from '../domain/action';
import type { Direction, Page, PageRequest } from '../domain/page';
import type { AnswerBudget } from '../domain/answer-budget';
import { decidableScope, type DecidableScope } from '../domain/approval-policy';
import type { Principal, Tenant } from '../domain/principal';
import type { RiskLevel } from '../domain/risk';
import type { Sql, Statement } from './database';
import { inScopeSql, pendingSql } from './decidable';
import type { KeysetOrder } from './cursor';
import { isOverdueSql } from './expiry';
import { Gatherer } from './gatherer';
import { keysetPage } from './keyset';
import { Conditions } from './list-source';
import { byRiskLevelSql, inRiskLevelsSql } from './risk-bands';
import { ACTIONS } from './tables/action.table';
import type { TextIndex, TextSearches } from './text-search';
import { readWeighed } from './weighed-rows';

/** What a list of actions can be narrowed to. Lists match any of their members; ranges are from inclusive, to exclusive. */
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
  /** Text that stands anywhere in what describes the action, in either case. */
  readonly search?: string | null;
  /** Whether the viewer may decide it now, by the rule that decides. */
  readonly decidableByViewer?: boolean | null;
}

export interface ActionOrder {
  readonly by: 'submittedAt' | 'riskScore';
  readonly direction: Direction;
}

/** What agents submitted as JSON: read only where it is shown, since it can be large and no rule reads it. */
export type ActionContent = Pick<Action, 'parameters' | 'context' | 'riskIndicators'>;
const CONTENT: readonly (keyof ActionContent)[] = ['parameters', 'context', 'riskIndicators'];

const WITHOUT_CONTENT = new Set<string>(
  ACTIONS.properties.filter((name) => !CONTENT.includes(name as never)),
);
const ACTIONS_BY_ID: Statement = {
  name: 'actions_by_id',
  text: `SELECT ${ACTIONS.select('t', WITHOUT_CONTENT)} FROM actions t
    WHERE t.organization_id = $1 AND t.id = ANY($2::bigint[])`,
};
const CONTENTS_BY_ID = `SELECT t.id, ${CONTENT.map((name) => `t."${ACTIONS.column(name)}" AS "${name}"`).join(', ')}
  FROM actions t WHERE t.organization_id = $1 AND t.id = ANY($2::bigint[])`;

/** Requests at most that one statement answers. */
const MAX_TOGETHER = 64;

/** What `search` looks through; the migration of `action_texts` holds the same columns. */
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

/** Reads of actions, each within one organization. */
export class ActionReads {
  private readonly singles: Gatherer<{ tenant: Tenant; id: number }, Action | null>;

  /**
   * @param searches what runs text searches; none can be asked for, if not given
   * @param ordered what reads a reviewer's queue in its order
   */
  constructor(
    private readonly sql: Sql,
    private readonly searches: TextSearches | null = null,
    private readonly ordered: Sql = sql,
  ) {
    this.singles = new Gatherer((asked) => this.together(asked), {
      maxSize: MAX_TOGETHER,
      laneOf: ({ tenant }) => tenant.organizationId,
    });
  }

  /**
   * The actions of these ids that the tenant has, in no particular order and without their content. One statement, which requests that ask for one
   * action each share when they come together.
   */
  async byIds(tenant: Tenant, ids: readonly number[]): Promise<readonly Action[]> {
    const [id] = ids;
    if (ids.length > 1 || id === undefined) return this.allOf(tenant, ids);
    const action = await this.singles.ask({ tenant, id });
    return action === null ? [] : [action];
  }

  /**
   * The content of the actions of these ids, in no particular order: as many as the budget allows. One statement.
   * @throws {RefusedError} VALIDATION_ERROR where nothing is left of the budget
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
   * One page of the viewer's organization's actions. One statement, and one more if the page is asked for its count.
   * @param wanted names beyond which nothing is asked for
   * @param budget what the request may still read
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

  /** Of one organization: a lane is one. */
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
  // Agents and statuses have indexes in the order of submission behind them.
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

/** Narrows to effective statuses, by the stored ones where these say the same, so that an index can serve them. */
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

/** A reviewer's queue, or the rest: what `decidableScope` describes, in SQL. */
function addDecidable(conditions: Conditions, scope: DecidableScope | null, isDecidable: boolean): void {
  const decidable = scope === null ? 'false' : decidableSql(conditions, scope);
  conditions.addRaw(isDecidable ? decidable : `NOT (${decidable})`);
}

function decidableSql(conditions: Conditions, scope: DecidableScope): string {
  const { riskLevels, maxRiskScore, notSubmittedBy, notVotedBy, quorum } = scope;
  return [
    pendingSql('t'),
    inScopeSql('t', {
      isOfBand: inRiskLevelsSql('t.risk_score', riskLevels),
      maxRiskScore: maxRiskScore === null ? null : conditions.bind(maxRiskScore),
      notSubmittedBy: notSubmittedBy === null ? null : conditions.bind(notSubmittedBy),
      notVotedBy: conditions.bind(notVotedBy),
      quorum: byRiskLevelSql('t.risk_score', quorum),
    }),
  ].join(' AND ');
}
