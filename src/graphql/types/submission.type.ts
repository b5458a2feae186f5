import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { ActionStatus } from '../../domain/action';
import type { PolicyWarning } from '../../domain/policy-warnings';
import type { RiskLevel } from '../../domain/risk';
import type { RiskScoreSource } from '../../domain/risk-score';
import { DateTime } from './date-time';
import { ActionStatusEnum, RiskLevelEnum, RiskScoreSourceEnum } from './enums';
import { PolicyWarningType, ScoringRuleType } from './policy.type';

@ObjectType('MatchedScoringRule', { description: 'The scoring rule that gave a score.' })
export class MatchedScoringRuleType extends ScoringRuleType {
  @Field(() => Int, { description: 'The position of the rule in the policy, starting at 1.' })
  position!: number;
}

@ObjectType('ActionSubmission', { description: 'The result of a submission.' })
export class ActionSubmissionType {
  @Field(() => ID)
  actionId!: number;

  @Field(() => ActionStatusEnum, { description: 'APPROVED if the policy approved the action on submission.' })
  status!: ActionStatus;

  @Field(() => Float, { description: '0 to 100.' })
  riskScore!: number;

  @Field(() => RiskLevelEnum)
  riskLevel!: RiskLevel;

  @Field(() => RiskScoreSourceEnum)
  riskScoreSource!: RiskScoreSource;

  @Field(() => MatchedScoringRuleType, {
    nullable: true,
    description: 'The scoring rule that matched. Null if no rule gave the score.',
  })
  matchedRule!: MatchedScoringRuleType | null;

  @Field(() => Int, { description: 'The version of the policy that applied to the submission.' })
  policyVersion!: number;

  @Field(() => String, { description: 'An explanation of the score and the status, in one sentence.' })
  reason!: string;

  @Field(() => String)
  correlationId!: string;

  @Field(() => DateTime)
  submittedAt!: Date;

  @Field(() => DateTime, {
    nullable: true,
    description: 'The time at which the action expires. Null if it never expires.',
  })
  expiresAt!: Date | null;

  @Field(() => [PolicyWarningType], {
    description:
      'What prevented a decision at the time of submission, for example that nobody has the authority.',
  })
  warnings!: readonly PolicyWarning[];
}
