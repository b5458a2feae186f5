import { Arg, Args, Ctx, Directive, ID, Mutation, Query, Resolver } from 'type-graphql';
import type { User } from '../../domain/principal';
import type { UserReads } from '../../persistence/people/users.reads';
import type { SetUser } from '../../use-cases/administration/set-user';
import { readSearch } from '../arguments';
import type { ReviewerContext } from '../context';
import { UserPatchInput, UsersArgs } from '../inputs/admin.input';
import { Connection } from '../types/connection.type';
import { UserConnectionType, UserType } from '../types/user.type';

const ADMINS = '@authorize(roles: [ADMIN], credential: JWT)';

@Resolver(() => UserType)
export class UserResolver {
  constructor(
    private readonly reads: UserReads,
    private readonly setUserInStore: SetUser,
  ) {}

  @Directive('@authorize(roles: [ADMIN, SECURITY_MANAGER, MANAGER, USER], credential: JWT)')
  @Query(() => UserType, { description: 'The user who sends the request.' })
  viewer(@Ctx() { principal }: ReviewerContext): User {
    return principal.user;
  }

  @Directive(ADMINS)
  @Query(() => UserConnectionType, { description: 'The users of your organization, ordered by id.' })
  async users(
    @Args(() => UsersArgs) args: UsersArgs,
    @Ctx() context: ReviewerContext,
  ): Promise<Connection<User>> {
    const { filter, ...request } = args;
    const narrowed = { ...filter, search: readSearch(filter, context) };
    return new Connection(await this.reads.page(context.principal, narrowed, request, context.maxPageSize));
  }

  @Directive(ADMINS)
  @Mutation(() => UserType, {
    description:
      "Changes the role, approval level, risk limit or active state of a user, from the user's next decision on.",
  })
  async setUser(
    @Arg('userId', () => ID) userId: string,
    @Arg('patch', () => UserPatchInput) patch: UserPatchInput,
    @Arg('reason', () => String, { nullable: true, description: 'At most 2,000 characters.' })
    reason: string | null,
    @Ctx() context: ReviewerContext,
  ): Promise<User> {
    const { principal: reviewer, origin, loaders } = context;
    const user = await this.setUserInStore({ reviewer, userId, patch, reason, origin });
    loaders.user.clear(user.id).prime(user.id, user);
    if (user.id === reviewer.user.id) context.principal = { ...reviewer, user };
    return user;
  }
}
