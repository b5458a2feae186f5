import { Field, Float, Int, ObjectType } from 'type-graphql';
import type { PolicyRules } from '../../domain/policy';
import type { PolicyWarningCode } from '../../domain/policy-warnings';
import type { RiskLevel } from '../../domain/risk';
import type { ScoringRule } from '../../domain/scoring-rules';
import { connectionType } from './connection.type';
import { DateTime } from './date-time';
import { PolicyWarningCodeEnum, RiskLevelEnum } from './enums';

@ObjectType('IntPerRiskLevel', { description: 'A whole number for each risk level.' })
class IntPerRiskLevelType {
  @Field(() => Int)
  low!: number;

  @Field(() => Int)
  medium!: number;

  @Field(() => Int)
  high!: number;

  @Field(() => Int)
  critical!: number;
}

@ObjectType('SecondsPerRiskLevel', { description: 'Seconds for each risk level; null for ever.' })
class SecondsPerRiskLevelType {
  @Field(() => Int, { nullable: true })
  low!: number | null;

  @Field(() => Int, { nullable: true })
  medium!: number | null;

  @Field(() => Int, { nullable: true })
  high!: number | null;

  @Field(() => Int, { nullable: true })
  critical!: number | null;
}

@ObjectType('RoleLevels', { description: 'The approval level that comes with a role.' })
class RoleLevelsType {
  @Field(() => Int)
  manager!: number;

  @Field(() => Int)
  securityManager!: number;

  @Field(() => Int)
  admin!: number;
}

@ObjectType('ReasonRequired', { description: 'The risk levels at which a verdict needs a reason.' })
class ReasonRequiredType {
  @Field(() => [RiskLevelEnum])
  approve!: readonly RiskLevel[];

  @Field(() => [RiskLevelEnum])
  reject!: readonly RiskLevel[];
}

@ObjectType('ScoringRule', {
  description:
    'What matches every pattern that it has is of this risk; `*` stands for any text and `?` for any one character, in either case.',
})
export class ScoringRuleType implements ScoringRule {
  @Field(() => String, { nullable: true })
  actionType!: string | null;

  @Field(() => String, { nullable: true })
  toolName!: string | null;

  @Field(() => String, { nullable: true })
  targetSystem!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Held against each name, and each `name=value`, that is indicated.',
  })
  riskIndicator!: string | null;

  @Field(() => Float, { description: '0 to 100.' })
  score!: number;
}

@ObjectType('ApprovalPolicyVersion', {
  description: 'The rules for decisions as they were laid down once.',
})
export class PolicyVersionType implements PolicyRules {
  @Field(() => Int)
  version!: number;

  @Field(() => Boolean, { description: 'Whether a reviewer needs a level at or above that of the risk.' })
  approvalLevels!: boolean;

  @Field(() => IntPerRiskLevelType, { description: 'The level that each risk level asks for.' })
  requiredLevels!: IntPerRiskLevelType;

  @Field(() => RoleLevelsType, { description: 'For people without a level of their own.' })
  roleLevels!: RoleLevelsType;

  @Field(() => Float, {
    nullable: true,
    description: 'The highest score, inclusive, of managers without a limit of their own; null for none.',
  })
  managerMaxRiskScore!: number | null;

  @Field(() => IntPerRiskLevelType, { description: 'Distinct reviewers needed to approve.' })
  quorum!: IntPerRiskLevelType;

  @Field(() => Boolean, {
    description: 'Whether people may decide what they, or an API key of theirs, submitted.',
  })
  ownActionsAllowed!: boolean;

  @Field(() => ReasonRequiredType)
  reasonRequired!: ReasonRequiredType;

  @Field(() => SecondsPerRiskLevelType, {
    description: 'How long an action waits before it expires. Holds for what is submitted from then on.',
  })
  timeToLiveSeconds!: SecondsPerRiskLevelType;

  @Field(() => [RiskLevelEnum], { description: 'The risk levels that are decided one by one only.' })
  excludedFromBulk!: readonly RiskLevel[];

  @Field(() => Float, {
    nullable: true,
    description: 'Scores below it are approved by the policy when they are submitted; null for none.',
  })
  autoApproveBelow!: number | null;

  @Field(() => [ScoringRuleType], {
    description:
      'What gives a submitted action its score: the first one that matches. Where none does, it is 95.',
  })
  scoringRules!: readonly ScoringRuleType[];

  @Field(() => String, { nullable: true, description: 'Why it was laid down.' })
  reason!: string | null;

  @Field(() => DateTime)
  changedAt!: Date;
}

export const PolicyVersionConnectionType = connectionType('ApprovalPolicyVersion', PolicyVersionType);

@ObjectType('PolicyWarning', { description: 'Something risky about a policy that is possible.' })
export class PolicyWarningType {
  @Field(() => PolicyWarningCodeEnum)
  code!: PolicyWarningCode;

  @Field(() => RiskLevelEnum, { nullable: true, description: 'Null where it is about all of them.' })
  riskLevel!: RiskLevel | null;

  @Field(() => String)
  detail!: string;
}

@ObjectType('ApprovalPolicy', {
  description: "The organization's rules for decisions, as they are in force.",
})
export class PolicyType extends PolicyVersionType {}
