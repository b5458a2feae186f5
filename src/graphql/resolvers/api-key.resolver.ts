import { Arg, Args, Ctx, Directive, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import { DEFAULT_API_KEY_SCOPES, type ApiKey } from '../../domain/api-key-grant';
import type { User } from '../../domain/principal';
import type { ApiKeyReads } from '../../persistence/people/api-keys.reads';
import type { CreateApiKey, CreatedApiKey } from '../../use-cases/administration/create-api-key';
import type { RevokeApiKey } from '../../use-cases/administration/revoke-api-key';
import { readIds, readSearch } from '../arguments';
import type { ReviewerContext } from '../context';
import { ApiKeysArgs } from '../inputs/admin.input';
import { ApiKeyConnectionType, ApiKeyType, CreatedApiKeyType } from '../types/api-key.type';
import { Connection } from '../types/connection.type';
import { DateTime } from '../types/date-time';
import { UserType } from '../types/user.type';

const ADMINS = '@authorize(roles: [ADMIN], credential: JWT)';

@Resolver(() => ApiKeyType)
export class ApiKeyResolver {
  constructor(
    private readonly reads: ApiKeyReads,
    private readonly create: CreateApiKey,
    private readonly revoke: RevokeApiKey,
  ) {}

  @Directive(ADMINS)
  @Query(() => ApiKeyConnectionType, { description: "Your organization's API keys, newest first." })
  async apiKeys(
    @Args(() => ApiKeysArgs) args: ApiKeysArgs,
    @Ctx() context: ReviewerContext,
  ): Promise<Connection<ApiKey>> {
    const { filter, ...request } = args;
    const narrowed = {
      ...filter,
      ownerId: readIds(filter?.ownerId, 'ownerId'),
      search: readSearch(filter, context),
    };
    return new Connection(await this.reads.page(context.principal, narrowed, request, context.maxPageSize));
  }

  @Directive(ADMINS)
  @Mutation(() => CreatedApiKeyType, {
    description: 'Creates an API key. The key itself is returned only here.',
  })
  createApiKey(
    @Arg('name', () => String, { description: '1 to 100 characters.' }) name: string,
    @Arg('scopes', () => [String], {
      defaultValue: [...DEFAULT_API_KEY_SCOPES],
      description: 'Any of actions:submit, actions:read, actions:score, audit:read.',
    })
    scopes: string[],
    @Arg('ownerId', () => ID, {
      nullable: true,
      description: 'The user who is responsible for the key. Defaults to you.',
    })
    ownerId: string | null,
    @Arg('expiresAt', () => DateTime, { nullable: true, description: 'Defaults to never.' })
    expiresAt: Date | null,
    @Ctx() { principal: reviewer, origin }: ReviewerContext,
  ): Promise<CreatedApiKey> {
    return this.create({
      reviewer,
      name,
      scopes,
      ownerId: ownerId ?? null,
      expiresAt: expiresAt ?? null,
      origin,
    });
  }

  @Directive(ADMINS)
  @Mutation(() => ApiKeyType, {
    description: 'Revokes an API key permanently. It is refused from its next request on.',
  })
  revokeApiKey(
    @Arg('id', () => ID) apiKeyId: string,
    @Arg('reason', () => String, { nullable: true, description: 'At most 2,000 characters.' })
    reason: string | null,
    @Ctx() { principal: reviewer, origin }: ReviewerContext,
  ): Promise<ApiKey> {
    return this.revoke({ reviewer, apiKeyId, reason, origin });
  }

  @FieldResolver(() => UserType, {
    description:
      'The user who is responsible for the key. The key is refused while this user is deactivated.',
  })
  owner(@Root() { ownerId }: ApiKey, @Ctx() { loaders }: ReviewerContext): Promise<User | null> {
    return loaders.user.load(ownerId);
  }
}
