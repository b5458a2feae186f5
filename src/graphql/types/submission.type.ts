import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { ActionStatus } from '../../domain/action';
import type { PolicyWarning } from '../../domain/policy-warnings';
import type { RiskLevel } from '../../domain/risk';
import type { RiskScoreSource } from '../../domain/risk-score';
import { DateTime } from './date-time';
import { ActionStatusEnum, RiskLevelEnum, RiskScoreSourceEnum } from './enums';
import { PolicyWarningType, ScoringRuleType } from './policy.type';

@ObjectType('MatchedScoringRule', { description: 'The rule that gave a score.' })
export class MatchedScoringRuleType extends ScoringRuleType {
  @Field(() => Int, { description: 'Its place in the policy, from 1.' })
  position!: number;
}

@ObjectType('ActionSubmission', { description: 'What became of an action that was submitted.' })
export class ActionSubmissionType {
  @Field(() => ID)
  actionId!: number;

  @Field(() => ActionStatusEnum, { description: 'APPROVED where the policy approves its score by itself.' })
  status!: ActionStatus;

  @Field(() => Float, { description: '0 to 100.' })
  riskScore!: number;

  @Field(() => RiskLevelEnum)
  riskLevel!: RiskLevel;

  @Field(() => RiskScoreSourceEnum)
  riskScoreSource!: RiskScoreSource;

  @Field(() => MatchedScoringRuleType, { nullable: true, description: 'Null where no rule gave the score.' })
  matchedRule!: MatchedScoringRuleType | null;

  @Field(() => Int, { description: 'The policy that it was scored and perhaps approved by.' })
  policyVersion!: number;

  @Field(() => String, { description: 'Why it has this score and status, in a sentence.' })
  reason!: string;

  @Field(() => String)
  correlationId!: string;

  @Field(() => DateTime)
  submittedAt!: Date;

  @Field(() => DateTime, { nullable: true, description: 'Null for never.' })
  expiresAt!: Date | null;

  @Field(() => [PolicyWarningType], {
    description: 'What kept it from being decided when it was submitted, such as nobody with the authority.',
  })
  warnings!: readonly PolicyWarning[];
}
