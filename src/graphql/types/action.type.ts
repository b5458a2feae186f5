import { GraphQLJSON, GraphQLJSONObject } from 'graphql-scalars';
import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { ActionStatus, Verdict, Vote } from '../../domain/action';
import type { ErrorCode } from '../../domain/refusal';
import { connectionType } from './connection.type';
import { DateTime } from './date-time';
import { ActionStatusEnum, ErrorCodeEnum, VerdictEnum } from './enums';

@ObjectType('Action', { description: 'An action that an agent asks to perform.' })
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

  @Field(() => GraphQLJSONObject, {
    nullable: true,
    description: 'Further information about the situation, given by the agent.',
  })
  context!: Record<string, unknown> | null;

  @Field(() => GraphQLJSON, {
    nullable: true,
    description:
      'Risk indicators that the agent reported: an object of names and values, or a list of names.',
  })
  riskIndicators!: Record<string, unknown> | readonly string[] | null;

  @Field(() => ActionStatusEnum)
  status!: ActionStatus;

  @Field(() => Float, { description: '0 to 100.' })
  riskScore!: number;

  @Field(() => DateTime)
  submittedAt!: Date;

  @Field(() => DateTime)
  updatedAt!: Date;

  @Field(() => DateTime, {
    nullable: true,
    description:
      'The time at which the action expires if it is not decided before. Null if it never expires.',
  })
  expiresAt!: Date | null;

  @Field(() => Int, {
    name: 'approvalsReceived',
    description: 'Number of distinct reviewers who have approved.',
  })
  approvals!: number;

  @Field(() => DateTime, { nullable: true })
  decidedAt!: Date | null;

  @Field(() => String, { nullable: true, description: 'The reason that the decider gave.' })
  reason!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'The correlation id of the request that decided the action.',
  })
  correlationId!: string | null;
}

export const ActionConnectionType = connectionType('Action', ActionType);

@ObjectType('Vote', {
  description:
    "A reviewer's verdict on an action. Later changes of the policy or of the reviewer's authority do not affect it.",
})
export class VoteType {
  @Field(() => VerdictEnum)
  verdict!: Verdict;

  @Field(() => String, { nullable: true })
  reason!: string | null;

  @Field(() => Int, { description: 'The version of the policy under which the vote was cast.' })
  policyVersion!: number;

  @Field(() => DateTime)
  votedAt!: Date;
}

@ObjectType('Eligibility', {
  description: 'Whether the viewer may decide an action now, and if not, why.',
})
export class EligibilityType {
  @Field(() => Boolean)
  allowed!: boolean;

  @Field(() => ErrorCodeEnum, { nullable: true, description: 'The error code that an attempt would get.' })
  code!: ErrorCode | null;

  @Field(() => String, { nullable: true })
  detail!: string | null;

  @Field(() => Int, {
    nullable: true,
    description:
      'The approval level that is required. Null if the organization does not use approval levels.',
  })
  requiredLevel!: number | null;

  @Field(() => Int, { nullable: true })
  heldLevel!: number | null;

  @Field(() => Float, {
    nullable: true,
    description: 'The highest risk score that the viewer may decide, inclusive. Null if there is no limit.',
  })
  riskLimit!: number | null;

  @Field(() => Boolean, { description: 'Whether this verdict requires a reason.' })
  reasonRequired!: boolean;

  @Field(() => Boolean, { description: 'Whether the action may also be decided in bulk.' })
  bulkAllowed!: boolean;

  @Field(() => Int, {
    description:
      "Number of approvals that are still missing, including the viewer's. 0 if the action is not pending.",
  })
  approvalsMissing!: number;

  @Field(() => [VoteType], { simple: false, description: 'The votes that were already cast, in order.' })
  votes!: Promise<readonly Vote[]>;
}
