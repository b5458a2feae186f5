import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import type { Vote } from '../../domain/action';
import type { User } from '../../domain/principal';
import type { AuthorizedContext } from '../context';
import { VoteType } from '../types/action.type';
import { UserType } from '../types/user.type';

@Resolver(() => VoteType)
export class VoteResolver {
  @FieldResolver(() => UserType)
  user(@Root() vote: Vote, @Ctx() { loaders }: AuthorizedContext): Promise<User | null> {
    return loaders.user.load(vote.userId);
  }
}
