import { ArgsType, Field, Float, ID, InputType, Int } from 'type-graphql';
import type { PolicyPatch } from '../../domain/policy-change';
import type { Role } from '../../domain/principal';
import type { RiskLevel } from '../../domain/risk';
import type { ScoringRule } from '../../domain/scoring-rules';
import type { UserPatch } from '../../domain/user-change';
import { RiskLevelEnum, RoleEnum } from '../types/enums';
import { PageArgs } from './lists.input';

@InputType({ description: 'A whole number per risk level; what is left out stays.' })
class IntPerRiskLevelPatch {
  @Field(() => Int, { nullable: true })
  low?: number | null;

  @Field(() => Int, { nullable: true })
  medium?: number | null;

  @Field(() => Int, { nullable: true })
  high?: number | null;

  @Field(() => Int, { nullable: true })
  critical?: number | null;
}

@InputType({ description: 'Levels of roles, 0 to 10; what is left out stays.' })
class RoleLevelsPatch {
  @Field(() => Int, { nullable: true })
  manager?: number | null;

  @Field(() => Int, { nullable: true })
  securityManager?: number | null;

  @Field(() => Int, { nullable: true })
  admin?: number | null;
}

@InputType({ description: 'Risk levels per verdict; what is left out stays.' })
class ReasonRequiredPatch {
  @Field(() => [RiskLevelEnum], { nullable: true })
  approve?: RiskLevel[] | null;

  @Field(() => [RiskLevelEnum], { nullable: true })
  reject?: RiskLevel[] | null;
}

@InputType({
  description:
    'What matches every pattern that it has is of this risk; `*` stands for any text and `?` for any one character, in either case.',
})
class ScoringRuleInput implements ScoringRule {
  @Field(() => String, { nullable: true, defaultValue: null })
  actionType!: string | null;

  @Field(() => String, { nullable: true, defaultValue: null })
  toolName!: string | null;

  @Field(() => String, { nullable: true, defaultValue: null })
  targetSystem!: string | null;

  @Field(() => String, {
    nullable: true,
    defaultValue: null,
    description: 'Held against each name, and each `name=value`, that is indicated.',
  })
  riskIndicator!: string | null;

  @Field(() => Float, { description: '0 to 100.' })
  score!: number;
}

@InputType({
  description: 'What to change of the policy. What is left out stays; null takes away what can be absent.',
})
export class ApprovalPolicyPatch implements PolicyPatch {
  @Field(() => Boolean, { nullable: true })
  approvalLevels?: boolean | null;

  @Field(() => IntPerRiskLevelPatch, { nullable: true, description: '1 to 10.' })
  requiredLevels?: IntPerRiskLevelPatch | null;

  @Field(() => RoleLevelsPatch, { nullable: true })
  roleLevels?: RoleLevelsPatch | null;

  @Field(() => Float, { nullable: true, description: '0 to 100.' })
  managerMaxRiskScore?: number | null;

  @Field(() => IntPerRiskLevelPatch, { nullable: true, description: '1 to 10.' })
  quorum?: IntPerRiskLevelPatch | null;

  @Field(() => Boolean, { nullable: true })
  ownActionsAllowed?: boolean | null;

  @Field(() => ReasonRequiredPatch, { nullable: true })
  reasonRequired?: ReasonRequiredPatch | null;

  @Field(() => IntPerRiskLevelPatch, { nullable: true, description: '60 to 31,536,000; null for ever.' })
  timeToLiveSeconds?: IntPerRiskLevelPatch | null;

  @Field(() => [RiskLevelEnum], { nullable: true })
  excludedFromBulk?: RiskLevel[] | null;

  @Field(() => Float, { nullable: true, description: '0 to 100.' })
  autoApproveBelow?: number | null;

  @Field(() => [ScoringRuleInput], {
    nullable: true,
    description: 'The whole list, at most 50 rules in the order in which they are asked.',
  })
  scoringRules?: ScoringRuleInput[] | null;
}

@InputType('UserPatch', { description: 'What to set of a person; what is left out stays.' })
export class UserPatchInput implements UserPatch {
  @Field(() => RoleEnum, { nullable: true })
  role?: Role | null;

  @Field(() => Int, { nullable: true, description: "0 to 10; null for the role's default." })
  approvalLevel?: number | null;

  @Field(() => Float, { nullable: true, description: "0 to 100; null for the organization's." })
  maxRiskScore?: number | null;

  @Field(() => Boolean, { nullable: true })
  active?: boolean | null;
}

@InputType()
class UserFilter {
  @Field(() => [RoleEnum], { nullable: true })
  role?: Role[] | null;

  @Field(() => Boolean, { nullable: true })
  active?: boolean | null;

  @Field(() => String, { nullable: true, description: 'Text that stands anywhere in the name.' })
  search?: string | null;
}

@ArgsType()
export class UsersArgs extends PageArgs {
  @Field(() => UserFilter, { nullable: true })
  filter?: UserFilter | null;
}

@InputType()
class ApiKeyFilter {
  @Field(() => [ID], { nullable: true })
  ownerId?: string[] | null;

  @Field(() => Boolean, { nullable: true })
  revoked?: boolean | null;

  @Field(() => String, {
    nullable: true,
    description: 'Text that stands anywhere in the name or the prefix.',
  })
  search?: string | null;
}

@ArgsType()
export class ApiKeysArgs extends PageArgs {
  @Field(() => ApiKeyFilter, { nullable: true })
  filter?: ApiKeyFilter | null;
}
