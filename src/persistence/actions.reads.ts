import type { Action, ActionStatus } from '../domain/action';
import type { Direction, Page, PageRequest } from '../domain/page';
import type { Tenant } from '../domain/principal';
import { RISK_LEVELS, riskScoresOf, type RiskLevel } from '../domain/risk';
import type { Sql, Statement } from './database';
import type { KeysetOrder } from './cursor';
import { Conditions, keysetPage } from './keyset';
import { ACTIONS } from './tables/action.table';

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
}

export interface ActionOrder {
  readonly by: 'submittedAt' | 'riskScore';
  readonly direction: Direction;
}

const ACTIONS_BY_ID: Statement = {
  name: 'actions_by_id',
  text: `SELECT ${ACTIONS.select('t')} FROM actions t WHERE t.organization_id = $1 AND t.id = ANY($2::bigint[])`,
};

const SEARCHED = [
  't.action_type',
  't.description',
  't.agent_id',
  't.agent_name',
  't.tool_name',
  't.target_system',
  't.target_resource',
];

/** Reads of actions, each within one organization. */
export class ActionReads {
  constructor(private readonly sql: Sql) {}

  /** The actions of these ids that the tenant has, in no particular order. One statement. */
  async byIds(tenant: Tenant, ids: readonly number[]): Promise<readonly Action[]> {
    return this.sql.query<Action>(ACTIONS_BY_ID, [tenant.organizationId, ids]);
  }

  /** One page of the tenant's actions. One statement, and one more if the page is asked for its count. */
  async page(
    tenant: Tenant,
    filter: ActionFilter,
    order: ActionOrder,
    request: PageRequest,
    maxSize: number,
  ): Promise<Page<Action>> {
    const conditions = new Conditions().add(tenant.organizationId, (p) => `t.organization_id = ${p}`);
    addFilter(conditions, filter);
    const keyset: KeysetOrder<Action> = {
      property: order.by,
      type: order.by === 'submittedAt' ? 'timestamptz' : 'double precision',
      direction: order.direction,
    };
    return keysetPage(this.sql, { table: ACTIONS, conditions, order: keyset, request, maxSize });
  }
}

function addFilter(conditions: Conditions, filter: ActionFilter): void {
  conditions
    .addAnyOf('t.status', 'text', filter.status)
    .add(filter.minRiskScore, (p) => `t.risk_score >= ${p}`)
    .add(filter.maxRiskScore, (p) => `t.risk_score <= ${p}`)
    .addAnyOf('t.agent_id', 'text', filter.agentId)
    .addAnyOf('t.action_type', 'text', filter.actionType)
    .addAnyOf('t.decided_by', 'bigint', filter.decidedBy)
    .add(filter.submittedFrom, (p) => `t.submitted_at >= ${p}`)
    .add(filter.submittedTo, (p) => `t.submitted_at < ${p}`)
    .add(filter.decidedFrom, (p) => `t.decided_at >= ${p}`)
    .add(filter.decidedTo, (p) => `t.decided_at < ${p}`);
  if (filter.riskLevel !== undefined && filter.riskLevel !== null) {
    const { riskLevel } = filter;
    // In one order and each once, or every order sent would be another statement to prepare and keep.
    const asked = RISK_LEVELS.filter((level) => riskLevel.includes(level));
    const bands = asked.map(riskScoresOf).map(({ from, to }) => {
      const start = `t.risk_score >= ${String(from)}`;
      return to === null ? `(${start})` : `(${start} AND t.risk_score < ${String(to)})`;
    });
    conditions.addRaw(bands.length === 0 ? 'false' : `(${bands.join(' OR ')})`);
  }
  conditions.addSearch(SEARCHED, filter.search);
}
