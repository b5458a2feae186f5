import { ArgsType, Field, Float, ID, InputType, Int } from 'type-graphql';
import type { ActionStatus } from '../../domain/action';
import type { Direction } from '../../domain/page';
import type { RiskLevel } from '../../domain/risk';
import { DateTime } from '../types/date-time';
import { ActionOrderFieldEnum, ActionStatusEnum, DirectionEnum, RiskLevelEnum } from '../types/enums';

@ArgsType()
export class PageArgs {
  @Field(() => Int, {
    nullable: true,
    description: 'Number of items from the start, 1 to 100. Defaults to 25 if `last` is not given either.',
  })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'Returns the items after this cursor.' })
  after?: string | null;

  @Field(() => Int, { nullable: true, description: 'Number of items from the end, 1 to 100.' })
  last?: number | null;

  @Field(() => String, { nullable: true, description: 'Returns the items before this cursor.' })
  before?: string | null;

  @Field(() => Int, {
    nullable: true,
    description: 'Number of items to skip. The cost grows with it: prefer `after`.',
  })
  offset?: number | null;
}

@InputType({
  description:
    'A list matches any of its values, at most 500. A time range includes its start and excludes its end.',
})
export class ActionFilter {
  @Field(() => [ActionStatusEnum], { nullable: true })
  status?: ActionStatus[] | null;

  @Field(() => [RiskLevelEnum], { nullable: true })
  riskLevel?: RiskLevel[] | null;

  @Field(() => Float, { nullable: true, description: 'Inclusive.' })
  minRiskScore?: number | null;

  @Field(() => Float, { nullable: true, description: 'Inclusive.' })
  maxRiskScore?: number | null;

  @Field(() => [String], { nullable: true })
  agentId?: string[] | null;

  @Field(() => [String], { nullable: true })
  actionType?: string[] | null;

  @Field(() => [ID], { nullable: true, description: 'Ids of the users who decided.' })
  decidedBy?: string[] | null;

  @Field(() => DateTime, { nullable: true })
  submittedFrom?: Date | null;

  @Field(() => DateTime, { nullable: true })
  submittedTo?: Date | null;

  @Field(() => DateTime, { nullable: true })
  decidedFrom?: Date | null;

  @Field(() => DateTime, { nullable: true })
  decidedTo?: Date | null;

  @Field(() => String, {
    nullable: true,
    description:
      'Text to find in the fields that describe the action. At most 200 characters, once per operation.',
  })
  search?: string | null;

  @Field(() => Boolean, {
    nullable: true,
    description:
      'True selects the actions that you may decide now, by the rule that decisions follow. False selects all others.',
  })
  decidableByViewer?: boolean | null;
}

@InputType()
export class ActionOrder {
  @Field(() => ActionOrderFieldEnum)
  field!: 'submittedAt' | 'riskScore';

  @Field(() => DirectionEnum, { defaultValue: 'desc' })
  direction!: Direction;
}

@ArgsType()
export class ActionsArgs extends PageArgs {
  @Field(() => ActionFilter, { nullable: true })
  filter?: ActionFilter | null;

  @Field(() => ActionOrder, { nullable: true, description: 'Defaults to newest first.' })
  orderBy?: ActionOrder | null;
}

@InputType({
  description:
    'A list matches any of its values, at most 500. The time range includes `from` and excludes `to`.',
})
export class AuditLogFilter {
  @Field(() => [String], { nullable: true })
  actionType?: string[] | null;

  @Field(() => [ID], { nullable: true, description: 'Ids of the users who acted.' })
  actorId?: string[] | null;

  @Field(() => [ID], { nullable: true })
  actionId?: string[] | null;

  @Field(() => [String], { nullable: true })
  correlationId?: string[] | null;

  @Field(() => DateTime, { nullable: true })
  from?: Date | null;

  @Field(() => DateTime, { nullable: true })
  to?: Date | null;

  @Field(() => String, {
    nullable: true,
    description: 'Text to find in the details or the reason. At most 200 characters, once per operation.',
  })
  search?: string | null;
}

@InputType({ description: 'Orders the audit log by time.' })
export class AuditLogOrder {
  @Field(() => DirectionEnum, { defaultValue: 'desc' })
  direction!: Direction;
}

@ArgsType()
export class AuditLogsArgs extends PageArgs {
  @Field(() => AuditLogFilter, { nullable: true })
  filter?: AuditLogFilter | null;

  @Field(() => AuditLogOrder, { nullable: true, description: 'Defaults to newest first.' })
  orderBy?: AuditLogOrder | null;
}
