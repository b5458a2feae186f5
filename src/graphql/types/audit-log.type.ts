import { GraphQLJSONObject } from 'graphql-scalars';
import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { AuditActor } from '../../domain/audit-entry';
import type { Verdict } from '../../domain/action';
import type { ErrorCode } from '../../domain/refusal';
import { connectionType } from './connection.type';
import { DateTime } from './date-time';
import { ActorKindEnum, ErrorCodeEnum, VerdictEnum } from './enums';

@ObjectType('AuditLog', { description: 'An entry of the append-only audit log.' })
export class AuditLogType {
  @Field(() => ID)
  id!: number;

  @Field(() => String, {
    description: 'The type of the event, for example action_approved, action_denied or decision_refused.',
  })
  actionType!: string;

  @Field(() => ActorKindEnum)
  actorKind!: AuditActor['kind'];

  @Field(() => ID, {
    nullable: true,
    description:
      'The id of the user or of the API key, depending on `actorKind`. Null for POLICY and SYSTEM.',
  })
  actorId!: number | null;

  @Field(() => ID, {
    nullable: true,
    description:
      'The id of the action that the entry is about. A denied attempt may name an action that does not exist.',
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
    description: 'The approval level that the policy required. Null if approval levels were disabled.',
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

  @Field(() => String, { nullable: true, description: 'Visible to admins and security managers.' })
  ipAddress!: string | null;

  @Field(() => String, { nullable: true, description: 'Visible to admins and security managers.' })
  userAgent!: string | null;

  @Field(() => GraphQLJSONObject, {
    nullable: true,
    description: 'Further data that depends on the type, such as the values before and after a change.',
  })
  data!: Record<string, unknown> | null;

  @Field(() => String)
  correlationId!: string;

  @Field(() => String, { nullable: true })
  clientCorrelationId!: string | null;
}

export const AuditLogConnectionType = connectionType('AuditLog', AuditLogType);
