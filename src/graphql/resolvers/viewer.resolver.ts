import { Ctx, Directive, Query, Resolver } from 'type-graphql';
import type { User } from '../../domain/principal';
import type { ReviewerContext } from '../context';
import { UserType } from '../types/user.type';

@Resolver()
export class ViewerResolver {
  @Directive('@authorize(roles: [ADMIN, SECURITY_MANAGER, MANAGER, USER], credential: JWT)')
  @Query(() => UserType, { description: 'You.' })
  viewer(@Ctx() { principal }: ReviewerContext): User {
    return principal.user;
  }
}
