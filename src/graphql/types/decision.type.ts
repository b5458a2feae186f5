import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { ActionStatus, Verdict } from '../../domain/action';
import {
  FACTS,
  FACTS_OF,
  type ErrorCode,
  type FactKind,
  type FactName,
  type RefusalFacts,
} from '../../domain/refusal';
import type { BulkMode } from '../../use-cases/decisions/decision-batch';
import { ActionType } from './action.type';
import { DateTime } from './date-time';
import { ActionStatusEnum, BulkModeEnum, ErrorCodeEnum, RiskLevelEnum, RoleEnum, VerdictEnum } from './enums';
import { UserType } from './user.type';

@ObjectType('AuditReceipt', {
  description:
    'A signed promise that the audit log contains the entry of a decision. The decider should keep it.',
})
export class AuditReceiptType {
  @Field(() => ID)
  auditId!: number;

  @Field(() => String, { description: "The entry's leaf hash, base64." })
  leafHash!: string;

  @Field(() => String, { description: 'A signed note that `countersign-verify --receipt` accepts.' })
  signature!: string;
}

@ObjectType('BulkReceipt', {
  description: 'A signed promise that the audit log contains the entries of all decisions of a bulk.',
})
export class BulkReceiptType {
  @Field(() => [ID], { description: 'The ids of the entries, smallest first.' })
  auditIds!: readonly number[];

  @Field(() => String, {
    description:
      'A signed note with the ids and leaf hashes of the entries, which `countersign-verify --receipt` accepts.',
  })
  signature!: string;
}

@ObjectType('ActionDecision', { description: 'The result of a decision.' })
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

  @Field(() => ActionType, { description: 'The action after the decision.' })
  action!: unknown;
}

@ObjectType('Refusal', {
  description: 'The reason why one item of a bulk was refused, with the fields that belong to its code.',
})
export class RefusalType {
  @Field(() => ErrorCodeEnum)
  code!: ErrorCode;

  @Field(() => Int, { description: 'The HTTP status of the same refusal in REST.' })
  status!: number;

  @Field(() => String)
  detail!: string;
}

/** The facts that an item of a bulk can have. Null where they do not belong to its code. */
export type ItemFacts = { [Name in FactName]: NonNullable<RefusalFacts[Name]> | null };

/** The GraphQL type of each kind of fact. */
const FACT_TYPES: Readonly<Record<FactKind, () => object>> = {
  status: () => ActionStatusEnum,
  riskLevel: () => RiskLevelEnum,
  role: () => RoleEnum,
  roles: () => [RoleEnum],
  userId: () => ID,
  time: () => DateTime,
  score: () => Float,
  count: () => Int,
};

const NAMES = Object.keys(FACTS) as FactName[];
/** No item of a bulk changes the policy. */
const OF_OTHERS = FACTS_OF.POLICY_VERSION_CONFLICT ?? [];
for (const name of NAMES)
  if (!OF_OTHERS.includes(name))
    Field(FACT_TYPES[FACTS[name]], { nullable: true })(RefusalType.prototype, name);

/** An item of a bulk without facts. */
export const NO_FACTS = Object.fromEntries(NAMES.map((name) => [name, null])) as ItemFacts;

@ObjectType('BulkItem', { description: 'The result for one id of a bulk: a decision or a refusal.' })
export class BulkItemType {
  @Field(() => ID)
  actionId!: number;

  @Field(() => ActionDecisionType, { nullable: true })
  decision!: ActionDecisionType | null;

  @Field(() => RefusalType, { nullable: true })
  refusal!: (RefusalType & ItemFacts) | null;
}

@ObjectType('BulkDecision', {
  description:
    'The result of a bulk decision, with one result for each distinct id, in the order in which the ids were first given.',
})
export class BulkDecisionType {
  @Field(() => VerdictEnum)
  verdict!: Verdict;

  @Field(() => BulkModeEnum)
  mode!: BulkMode;

  @Field(() => Int, { description: 'Number of distinct ids.' })
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
