import { Field, ID, ObjectType } from 'type-graphql';
import type { ApiKeyScope } from '../../domain/role';
import { connectionType } from './connection.type';
import { DateTime } from './date-time';

@ObjectType('ApiKey', {
  description:
    'A key with which a program submits and reads actions. An API key can neither decide actions nor create API keys.',
})
export class ApiKeyType {
  @Field(() => ID)
  id!: number;

  @Field(() => String)
  name!: string;

  @Field(() => String, { description: 'The first characters of the key. The rest of it is not stored.' })
  prefix!: string;

  @Field(() => [String], { description: 'Any of actions:submit, actions:read, actions:score, audit:read.' })
  scopes!: readonly ApiKeyScope[];

  @Field(() => DateTime)
  createdAt!: Date;

  @Field(() => DateTime, {
    nullable: true,
    description: 'The time at which the key expires. Null if it never expires.',
  })
  expiresAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'The time at which the key was revoked.' })
  revokedAt!: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description: 'The time of the last use, to about a minute. Null if the key was never used.',
  })
  lastUsedAt!: Date | null;
}

export const ApiKeyConnectionType = connectionType('ApiKey', ApiKeyType);

@ObjectType('CreatedApiKey', { description: 'A new API key. No other answer contains the key.' })
export class CreatedApiKeyType {
  @Field(() => String, { description: 'Send it as X-API-Key or as Authorization: Bearer.' })
  key!: string;

  @Field(() => ApiKeyType)
  apiKey!: ApiKeyType;
}
