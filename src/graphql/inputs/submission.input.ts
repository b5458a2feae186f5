import { GraphQLJSON, GraphQLJSONObject } from 'graphql-scalars';
import { Field, Float, InputType } from 'type-graphql';
import type { Submission } from '../../domain/submission';

type Input = { readonly [K in keyof Submission]?: Submission[K] | null };

@InputType({ description: 'An action to submit. Values that are left out, null or blank count as absent.' })
export class SubmitActionInput implements Input {
  @Field(() => String, { description: '1 to 200 characters.' })
  agentId!: string;

  @Field(() => String, { nullable: true, description: 'At most 200 characters.' })
  agentName?: string | null;

  @Field(() => String, { description: '1 to 200 characters.' })
  actionType!: string;

  @Field(() => String, { nullable: true, description: 'At most 10,000 characters.' })
  description?: string | null;

  @Field(() => String, { nullable: true, description: 'At most 200 characters.' })
  toolName?: string | null;

  @Field(() => String, { nullable: true, description: 'At most 200 characters.' })
  targetSystem?: string | null;

  @Field(() => String, { nullable: true, description: 'At most 2,000 characters.' })
  targetResource?: string | null;

  @Field(() => GraphQLJSONObject, { nullable: true, description: 'At most 64 kB of JSON.' })
  parameters?: Record<string, unknown> | null;

  @Field(() => GraphQLJSONObject, {
    nullable: true,
    description: 'Further information about the situation. At most 16 kB of JSON.',
  })
  context?: Record<string, unknown> | null;

  @Field(() => GraphQLJSON, {
    nullable: true,
    description:
      'Risk indicators that the agent reports: an object of names and values, or a list of names. At most 16 kB of JSON.',
  })
  riskIndicators?: Record<string, unknown> | string[] | null;

  @Field(() => Float, {
    nullable: true,
    description:
      '0 to 100. Accepted only from an API key with the scope actions:score. Otherwise the scoring rules of the policy give the score.',
  })
  riskScore?: number | null;
}
