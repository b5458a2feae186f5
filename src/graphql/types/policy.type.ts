import { Field, Float, Int, ObjectType } from 'type-graphql';
import type { PolicyRules } from '../../domain/policy';
import type { PolicyWarningCode } from '../../domain/policy-warnings';
import type { RiskLevel } from '../../domain/risk';
import type { ScoringRule } from '../../domain/scoring-rules';
import { connectionType } from './connection.type';
import { DateTime } from './date-time';
import { PolicyWarningCodeEnum, RiskLevelEnum } from './enums';

@ObjectType('IntPerRiskLevel', { description: 'An integer for each risk level.' })
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

@ObjectType('SecondsPerRiskLevel', { description: 'Seconds for each risk level. Null means no limit.' })
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

@ObjectType('RoleLevels', { description: 'The approval level of each role.' })
class RoleLevelsType {
  @Field(() => Int)
  manager!: number;

  @Field(() => Int)
  securityManager!: number;

  @Field(() => Int)
  admin!: number;
}

@ObjectType('ReasonRequired', { description: 'The risk levels at which a verdict requires a reason.' })
class ReasonRequiredType {
  @Field(() => [RiskLevelEnum])
  approve!: readonly RiskLevel[];

  @Field(() => [RiskLevelEnum])
  reject!: readonly RiskLevel[];
}

@ObjectType('ScoringRule', {
  description:
    'Gives a risk score to actions that match all of its patterns. `*` matches any text, `?` matches any single character, and case is ignored.',
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
    description: 'Matched against the name, and against `name=value`, of each risk indicator.',
  })
  riskIndicator!: string | null;

  @Field(() => Float, { description: '0 to 100.' })
  score!: number;
}

@ObjectType('ApprovalPolicyVersion', {
  description: 'A version of the approval policy.',
})
export class PolicyVersionType implements PolicyRules {
  @Field(() => Int)
  version!: number;

  @Field(() => Boolean, {
    description: 'Whether a reviewer needs the approval level that the risk level requires, or a higher one.',
  })
  approvalLevels!: boolean;

  @Field(() => IntPerRiskLevelType, { description: 'The approval level that each risk level requires.' })
  requiredLevels!: IntPerRiskLevelType;

  @Field(() => RoleLevelsType, {
    description: 'The approval level of each role, for users without a level of their own.',
  })
  roleLevels!: RoleLevelsType;

  @Field(() => Float, {
    nullable: true,
    description:
      'The highest risk score that managers without a limit of their own may decide, inclusive. Null if there is no limit.',
  })
  managerMaxRiskScore!: number | null;

  @Field(() => IntPerRiskLevelType, { description: 'Number of distinct reviewers who have to approve.' })
  quorum!: IntPerRiskLevelType;

  @Field(() => Boolean, {
    description: 'Whether users may decide actions that they or their API keys submitted.',
  })
  ownActionsAllowed!: boolean;

  @Field(() => ReasonRequiredType)
  reasonRequired!: ReasonRequiredType;

  @Field(() => SecondsPerRiskLevelType, {
    description:
      'The time after which a pending action expires. A change applies to actions that are submitted afterwards.',
  })
  timeToLiveSeconds!: SecondsPerRiskLevelType;

  @Field(() => [RiskLevelEnum], { description: 'The risk levels that cannot be decided in bulk.' })
  excludedFromBulk!: readonly RiskLevel[];

  @Field(() => Float, {
    nullable: true,
    description: 'Actions with a lower risk score are approved on submission. Null if none are.',
  })
  autoApproveBelow!: number | null;

  @Field(() => [ScoringRuleType], {
    description:
      'The rules that score submitted actions. The first rule that matches gives the score. If none matches, the score is 95.',
  })
  scoringRules!: readonly ScoringRuleType[];

  @Field(() => String, { nullable: true, description: 'The reason for the change.' })
  reason!: string | null;

  @Field(() => DateTime)
  changedAt!: Date;
}

export const PolicyVersionConnectionType = connectionType('ApprovalPolicyVersion', PolicyVersionType);

@ObjectType('PolicyWarning', { description: 'A warning about a policy that is valid but risky.' })
export class PolicyWarningType {
  @Field(() => PolicyWarningCodeEnum)
  code!: PolicyWarningCode;

  @Field(() => RiskLevelEnum, {
    nullable: true,
    description: 'Null if the warning concerns all risk levels.',
  })
  riskLevel!: RiskLevel | null;

  @Field(() => String)
  detail!: string;
}

@ObjectType('ApprovalPolicy', {
  description: 'The approval policy that is in force.',
})
export class PolicyType extends PolicyVersionType {}
