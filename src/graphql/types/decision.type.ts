import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { ActionStatus, Verdict } from '../../domain/action';
import type { Role } from '../../domain/principal';
import type { ErrorCode } from '../../domain/refusal';
import type { RiskLevel } from '../../domain/risk';
import type { BulkMode } from '../../use-cases/decision-batch';
import { ActionType } from './action.type';
import { DateTime } from './date-time';
import { ActionStatusEnum, BulkModeEnum, ErrorCodeEnum, RiskLevelEnum, RoleEnum, VerdictEnum } from './enums';
import { UserType } from './user.type';

@ObjectType('AuditReceipt', {
  description:
    'The promise, signed by the audit log, that it holds the entry of a decision: to be kept by who decided.',
})
export class AuditReceiptType {
  @Field(() => ID)
  auditId!: number;

  @Field(() => String, { description: "The entry's leaf hash, base64." })
  leafHash!: string;

  @Field(() => String, { description: 'A signed note, which `countersign-verify --receipt` takes.' })
  signature!: string;
}

@ObjectType('ActionDecision', { description: 'What a decision did.' })
export class ActionDecisionType {
  @Field(() => ID)
  actionId!: number;

  @Field(() => ActionStatusEnum, { description: 'PENDING_APPROVAL while more approvals are required.' })
  status!: ActionStatus;

  @Field(() => VerdictEnum)
  verdict!: Verdict;

  @Field(() => UserType)
  decidedBy!: UserType;

  @Field(() => DateTime)
  decidedAt!: Date;

  @Field(() => String, { nullable: true })
  reason!: string | null;

  @Field(() => String)
  correlationId!: string;

  @Field(() => Int)
  approvalsReceived!: number;

  @Field(() => Int)
  approvalsRequired!: number;

  @Field(() => ActionType, { description: 'As it is after the decision.' })
  action!: unknown;
}

@ObjectType('Refusal', {
  description: 'Why one item of a bulk was refused, with the facts that its code calls for.',
})
export class RefusalType {
  @Field(() => ErrorCodeEnum)
  code!: ErrorCode;

  @Field(() => Int, { description: 'The HTTP status that the same refusal has over REST.' })
  status!: number;

  @Field(() => String)
  detail!: string;

  @Field(() => ActionStatusEnum, { nullable: true })
  currentStatus!: ActionStatus | null;

  @Field(() => ID, { nullable: true })
  decidedBy!: number | null;

  @Field(() => DateTime, { nullable: true })
  decidedAt!: Date | null;

  @Field(() => Int, { nullable: true })
  requiredLevel!: number | null;

  @Field(() => Int, { nullable: true })
  heldLevel!: number | null;

  @Field(() => Float, { nullable: true })
  riskScore!: number | null;

  @Field(() => Float, { nullable: true })
  riskLimit!: number | null;

  @Field(() => RoleEnum, { nullable: true })
  heldRole!: Role | null;

  @Field(() => [RoleEnum], { nullable: true })
  requiredRoles!: readonly Role[] | null;

  @Field(() => ID, { nullable: true })
  submittedBy!: number | null;

  @Field(() => RiskLevelEnum, { nullable: true })
  riskLevel!: RiskLevel | null;

  @Field(() => Int, { nullable: true })
  approvalsReceived!: number | null;

  @Field(() => Int, { nullable: true })
  approvalsRequired!: number | null;
}

@ObjectType('BulkItem', { description: 'What became of one distinct id of a bulk: a decision or a refusal.' })
export class BulkItemType {
  @Field(() => ID)
  actionId!: number;

  @Field(() => ActionDecisionType, { nullable: true })
  decision!: ActionDecisionType | null;

  @Field(() => RefusalType, { nullable: true })
  refusal!: RefusalType | null;
}

@ObjectType('BulkDecision', { description: 'One result per distinct id, in the order first given.' })
export class BulkDecisionType {
  @Field(() => VerdictEnum)
  verdict!: Verdict;

  @Field(() => BulkModeEnum)
  mode!: BulkMode;

  @Field(() => Int, { description: 'Distinct ids.' })
  requested!: number;

  @Field(() => Int)
  succeeded!: number;

  @Field(() => Int)
  failed!: number;

  @Field(() => String)
  correlationId!: string;

  @Field(() => [BulkItemType])
  results!: readonly BulkItemType[];
}
