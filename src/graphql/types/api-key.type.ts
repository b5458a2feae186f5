import { Field, ID, ObjectType } from 'type-graphql';
import type { ApiKeyScope } from '../../domain/principal';
import { connectionType } from './connection.type';
import { DateTime } from './date-time';

@ObjectType('ApiKey', {
  description: 'A key with which a program reads and submits. It never decides, and it makes no keys.',
})
export class ApiKeyType {
  @Field(() => ID)
  id!: number;

  @Field(() => String)
  name!: string;

  @Field(() => String, { description: 'How the key begins; the rest of it is not stored.' })
  prefix!: string;

  @Field(() => [String], { description: 'Of actions:submit, actions:read, actions:score, audit:read.' })
  scopes!: readonly ApiKeyScope[];

  @Field(() => DateTime)
  createdAt!: Date;

  @Field(() => DateTime, { nullable: true, description: 'When it stops to count; null for never.' })
  expiresAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Since when it does not count any more.' })
  revokedAt!: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description: 'To about a minute; null for never.',
  })
  lastUsedAt!: Date | null;
}

export const ApiKeyConnectionType = connectionType('ApiKey', ApiKeyType);

@ObjectType('CreatedApiKey', { description: 'A new key: the only answer that ever holds it.' })
export class CreatedApiKeyType {
  @Field(() => String, { description: 'To be sent as X-API-Key, or as Authorization: Bearer.' })
  key!: string;

  @Field(() => ApiKeyType)
  apiKey!: ApiKeyType;
}
