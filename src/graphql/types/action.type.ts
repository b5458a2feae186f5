import { GraphQLJSON, GraphQLJSONObject } from 'graphql-scalars';
import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { ActionStatus, Verdict, Vote } from '../../domain/action';
import type { ErrorCode } from '../../domain/refusal';
import { connectionType } from './connection.type';
import { DateTime } from './date-time';
import { ActionStatusEnum, ErrorCodeEnum, VerdictEnum } from './enums';

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

  @Field(() => GraphQLJSONObject, {
    nullable: true,
    description: 'What else the agent knew of the situation.',
  })
  context!: Record<string, unknown> | null;

  @Field(() => GraphQLJSON, {
    nullable: true,
    description:
      "What made it risky in the agent's own view: an object of names and values, or a list of names.",
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
    description: 'When it expires, or did, unless it is decided before; null for never.',
  })
  expiresAt!: Date | null;

  @Field(() => Int, { name: 'approvalsReceived', description: 'Distinct reviewers who approved so far.' })
  approvals!: number;

  @Field(() => DateTime, { nullable: true })
  decidedAt!: Date | null;

  @Field(() => String, { nullable: true, description: 'What the decider gave as the reason.' })
  reason!: string | null;

  @Field(() => String, { nullable: true, description: 'Of the request that decided it.' })
  correlationId!: string | null;
}

export const ActionConnectionType = connectionType('Action', ActionType);

@ObjectType('Vote', { description: "One reviewer's verdict on an action. It counts as it was given." })
export class VoteType {
  @Field(() => VerdictEnum)
  verdict!: Verdict;

  @Field(() => String, { nullable: true })
  reason!: string | null;

  @Field(() => Int, { description: 'The policy that it was given under.' })
  policyVersion!: number;

  @Field(() => DateTime)
  votedAt!: Date;
}

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

  @Field(() => Float, {
    nullable: true,
    description: 'The highest score, inclusive, that the viewer may decide; null for no limit.',
  })
  riskLimit!: number | null;

  @Field(() => Boolean, { description: 'Whether this verdict on it needs a reason.' })
  reasonRequired!: boolean;

  @Field(() => Boolean, { description: 'Whether it may be decided in a bulk too.' })
  bulkAllowed!: boolean;

  @Field(() => Int, {
    description: "Approvals that it still lacks, the viewer's included; 0 once it is not pending.",
  })
  approvalsMissing!: number;

  @Field(() => [VoteType], { simple: false, description: 'Who has voted on it already, in that order.' })
  votes!: Promise<readonly Vote[]>;
}
