import { GraphQLJSONObject } from 'graphql-scalars';
import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { AuditActor } from '../../domain/audit-entry';
import type { Verdict } from '../../domain/action';
import type { ErrorCode } from '../../domain/refusal';
import { connectionType } from './connection.type';
import { DateTime } from './date-time';
import { ActorKindEnum, ErrorCodeEnum, VerdictEnum } from './enums';

@ObjectType('AuditLog', { description: 'One entry of the append-only audit log.' })
export class AuditLogType {
  @Field(() => ID)
  id!: number;

  @Field(() => String, { description: 'For example action_approved, action_denied, decision_refused.' })
  actionType!: string;

  @Field(() => ActorKindEnum)
  actorKind!: AuditActor['kind'];

  @Field(() => ID, {
    nullable: true,
    description: 'The user or the API key, by actorKind; null for policy and system.',
  })
  actorId!: number | null;

  @Field(() => ID, {
    nullable: true,
    description: 'The action it is about. A refused try may name one that does not exist.',
  })
  actionId!: number | null;

  @Field(() => DateTime)
  timestamp!: Date;

  @Field(() => String)
  details!: string;

  @Field(() => VerdictEnum, { nullable: true })
  verdict!: Verdict | null;

  @Field(() => String, { nullable: true })
  reason!: string | null;

  @Field(() => ErrorCodeEnum, { nullable: true })
  refusalCode!: ErrorCode | null;

  @Field(() => Float, { nullable: true })
  riskScore!: number | null;

  @Field(() => Int, {
    nullable: true,
    description: 'What the policy asked for; null where approval levels were off.',
  })
  requiredLevel!: number | null;

  @Field(() => Int, { nullable: true })
  heldLevel!: number | null;

  @Field(() => Int, { nullable: true })
  policyVersion!: number | null;

  @Field(() => Int, { nullable: true })
  approvalsReceived!: number | null;

  @Field(() => Int, { nullable: true })
  approvalsRequired!: number | null;

  @Field(() => String, { nullable: true, description: 'Shown to admins and security managers.' })
  ipAddress!: string | null;

  @Field(() => String, { nullable: true, description: 'Shown to admins and security managers.' })
  userAgent!: string | null;

  @Field(() => GraphQLJSONObject, {
    nullable: true,
    description: "What its type tells beyond the other fields, such as a change's before and after.",
  })
  data!: Record<string, unknown> | null;

  @Field(() => String)
  correlationId!: string;

  @Field(() => String, { nullable: true })
  clientCorrelationId!: string | null;
}

export const AuditLogConnectionType = connectionType('AuditLog', AuditLogType);
