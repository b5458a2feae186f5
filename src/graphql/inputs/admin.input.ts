import { ArgsType, Field, Float, ID, InputType, Int } from 'type-graphql';
import type { PolicyPatch } from '../../domain/policy-change';
import type { Role } from '../../domain/role';
import type { RiskLevel } from '../../domain/risk';
import type { ScoringRule } from '../../domain/scoring-rules';
import type { UserPatch } from '../../domain/user-change';
import { RiskLevelEnum, RoleEnum } from '../types/enums';
import { PageArgs } from './lists.input';

@InputType({ description: 'An integer for each risk level. Fields that are left out keep their values.' })
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

@InputType({
  description: 'The approval level of each role, 0 to 10. Fields that are left out keep their values.',
})
class RoleLevelsPatch {
  @Field(() => Int, { nullable: true })
  manager?: number | null;

  @Field(() => Int, { nullable: true })
  securityManager?: number | null;

  @Field(() => Int, { nullable: true })
  admin?: number | null;
}

@InputType({ description: 'Risk levels for each verdict. Fields that are left out keep their values.' })
class ReasonRequiredPatch {
  @Field(() => [RiskLevelEnum], { nullable: true })
  approve?: RiskLevel[] | null;

  @Field(() => [RiskLevelEnum], { nullable: true })
  reject?: RiskLevel[] | null;
}

@InputType({
  description:
    'Gives a risk score to actions that match all of its patterns. `*` matches any text, `?` matches any single character, and case is ignored.',
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
    description: 'Matched against the name, and against `name=value`, of each risk indicator.',
  })
  riskIndicator!: string | null;

  @Field(() => Float, { description: '0 to 100.' })
  score!: number;
}

@InputType({
  description:
    'A change of the approval policy. Fields that are left out keep their values. Null removes an optional value.',
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

  @Field(() => IntPerRiskLevelPatch, {
    nullable: true,
    description: '60 to 31,536,000. Null means no limit.',
  })
  timeToLiveSeconds?: IntPerRiskLevelPatch | null;

  @Field(() => [RiskLevelEnum], { nullable: true })
  excludedFromBulk?: RiskLevel[] | null;

  @Field(() => Float, { nullable: true, description: '0 to 100.' })
  autoApproveBelow?: number | null;

  @Field(() => [ScoringRuleInput], {
    nullable: true,
    description: 'The complete list: at most 50 rules, in order of precedence.',
  })
  scoringRules?: ScoringRuleInput[] | null;
}

@InputType('UserPatch', { description: 'A change of a user. Fields that are left out keep their values.' })
export class UserPatchInput implements UserPatch {
  @Field(() => RoleEnum, { nullable: true })
  role?: Role | null;

  @Field(() => Int, { nullable: true, description: '0 to 10. Null if the level of the role applies.' })
  approvalLevel?: number | null;

  @Field(() => Float, { nullable: true, description: "0 to 100. Null if the organization's limit applies." })
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

  @Field(() => String, { nullable: true, description: 'Text to find in the name.' })
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
    description: 'Text to find in the name or the prefix.',
  })
  search?: string | null;
}

@ArgsType()
export class ApiKeysArgs extends PageArgs {
  @Field(() => ApiKeyFilter, { nullable: true })
  filter?: ApiKeyFilter | null;
}
