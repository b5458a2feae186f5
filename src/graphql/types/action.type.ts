import { GraphQLDateTime, GraphQLJSONObject } from 'graphql-scalars';
import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { ActionStatus } from '../../domain/action';
import type { ErrorCode } from '../../domain/refusal';
import { connectionType } from './connection.type';
import { ActionStatusEnum, ErrorCodeEnum } from './enums';

@ObjectType('Action', { description: 'Something that an agent wants to do.' })
export class ActionType {
  @Field(() => ID)
  id!: number;

  @Field(() => String)
  agentId!: string;

  @Field(() => String, { nullable: true })
  agentName!: string | null;

  @Field(() => String)
  actionType!: string;

  @Field(() => String, { nullable: true })
  description!: string | null;

  @Field(() => String, { nullable: true })
  toolName!: string | null;

  @Field(() => String, { nullable: true })
  targetSystem!: string | null;

  @Field(() => String, { nullable: true })
  targetResource!: string | null;

  @Field(() => GraphQLJSONObject)
  parameters!: Record<string, unknown>;

  @Field(() => ActionStatusEnum)
  status!: ActionStatus;

  @Field(() => Float, { description: '0 to 100.' })
  riskScore!: number;

  @Field(() => GraphQLDateTime)
  submittedAt!: Date;

  @Field(() => GraphQLDateTime)
  updatedAt!: Date;

  @Field(() => GraphQLDateTime, { nullable: true })
  decidedAt!: Date | null;

  @Field(() => String, { nullable: true, description: 'What the decider gave as the reason.' })
  reason!: string | null;

  @Field(() => String, { nullable: true, description: 'Of the request that decided it.' })
  correlationId!: string | null;
}

export const ActionConnectionType = connectionType('Action', ActionType);

@ObjectType('Eligibility', {
  description: 'Whether the viewer may give a verdict on an action now, and if not, why.',
})
export class EligibilityType {
  @Field(() => Boolean)
  allowed!: boolean;

  @Field(() => ErrorCodeEnum, { nullable: true, description: 'What a try would be refused with.' })
  code!: ErrorCode | null;

  @Field(() => String, { nullable: true })
  detail!: string | null;

  @Field(() => Int, { nullable: true, description: 'Null where the organization asks for no level.' })
  requiredLevel!: number | null;

  @Field(() => Int, { nullable: true })
  heldLevel!: number | null;
}
