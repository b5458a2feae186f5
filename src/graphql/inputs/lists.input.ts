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
    description: 'How many from the start, 1 to 100; 25 if neither this nor `last` is given.',
  })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'The cursor to begin after.' })
  after?: string | null;

  @Field(() => Int, { nullable: true, description: 'How many from the end, 1 to 100.' })
  last?: number | null;

  @Field(() => String, { nullable: true, description: 'The cursor to end before.' })
  before?: string | null;

  @Field(() => Int, {
    nullable: true,
    description: 'Rows to skip, as legacy clients do; costs grow with it. Prefer `after`.',
  })
  offset?: number | null;
}

@InputType({
  description: 'Lists match any of their members, 500 at most; a time range is from inclusive, to exclusive.',
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

  @Field(() => [ID], { nullable: true, description: 'User ids of the deciders.' })
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
      'Text that stands anywhere in what describes the action; at most 200 characters, once per operation.',
  })
  search?: string | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'What you may decide now, by the rule that decides: a queue. False for all the rest.',
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

  @Field(() => ActionOrder, { nullable: true, description: 'Newest first if not given.' })
  orderBy?: ActionOrder | null;
}

@InputType({
  description:
    'Lists match any of their members, 500 at most; the time range is from inclusive, to exclusive.',
})
export class AuditLogFilter {
  @Field(() => [String], { nullable: true })
  actionType?: string[] | null;

  @Field(() => [ID], { nullable: true, description: 'User ids: what these people did.' })
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
    description:
      'Text that stands anywhere in the details or the reason; at most 200 characters, once per operation.',
  })
  search?: string | null;
}

@InputType({ description: 'By time.' })
export class AuditLogOrder {
  @Field(() => DirectionEnum, { defaultValue: 'desc' })
  direction!: Direction;
}

@ArgsType()
export class AuditLogsArgs extends PageArgs {
  @Field(() => AuditLogFilter, { nullable: true })
  filter?: AuditLogFilter | null;

  @Field(() => AuditLogOrder, { nullable: true, description: 'Newest first if not given.' })
  orderBy?: AuditLogOrder | null;
}
