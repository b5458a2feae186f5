import { Arg, Args, Ctx, Directive, FieldResolver, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { PolicyVersion } from '../../domain/policy';
import { policyWarnings, stuckWarnings, type PolicyWarning } from '../../domain/policy-warnings';
import type { User } from '../../domain/principal';
import type { PolicyReads } from '../../persistence/policy/policies.reads';
import type { StuckActionsReads } from '../../persistence/actions/stuck-actions.reads';
import type { ChangePolicy } from '../../use-cases/administration/change-policy';
import type { AuthorizedContext, ReviewerContext } from '../context';
import { ApprovalPolicyPatch } from '../inputs/admin.input';
import { PageArgs } from '../inputs/lists.input';
import { Connection } from '../types/connection.type';
import {
  PolicyType,
  PolicyVersionConnectionType,
  PolicyVersionType,
  PolicyWarningType,
} from '../types/policy.type';
import { UserType } from '../types/user.type';

@Resolver(() => PolicyVersionType)
export class PolicyVersionResolver {
  @FieldResolver(() => UserType, {
    nullable: true,
    description: 'The user who changed the policy. Null if an operator did.',
  })
  changedBy(
    @Root() policy: PolicyVersion,
    @Ctx() { loaders }: AuthorizedContext,
  ): Promise<User | null> | null {
    return policy.changedById === null ? null : loaders.user.load(policy.changedById);
  }
}

@Resolver(() => PolicyType)
export class PolicyResolver {
  constructor(
    private readonly reads: PolicyReads,
    private readonly stuckActions: StuckActionsReads,
    private readonly changePolicy: ChangePolicy,
  ) {}

  @Directive('@authorize(roles: [ADMIN, SECURITY_MANAGER, MANAGER, USER], credential: JWT)')
  @Query(() => PolicyType, { description: 'The approval policy of your organization that is in force.' })
  approvalPolicy(@Ctx() { principal }: ReviewerContext): Promise<PolicyVersion> {
    return this.reads.current(principal);
  }

  @Directive('@authorize(roles: [ADMIN], credential: JWT)')
  @Mutation(() => PolicyType, {
    description: 'Creates the next version of the approval policy. It is in force from the next decision on.',
  })
  async changeApprovalPolicy(
    @Arg('expectedVersion', () => Int, { description: 'The version that the change is based on.' })
    expectedVersion: number,
    @Arg('patch', () => ApprovalPolicyPatch) patch: ApprovalPolicyPatch,
    @Arg('reason', () => String, { description: '1 to 2,000 characters.' }) reason: string,
    @Ctx() context: ReviewerContext,
  ): Promise<PolicyVersion> {
    const { principal: reviewer, origin } = context;
    const policy = await this.changePolicy({ reviewer, expectedVersion, patch, reason, origin });
    context.principal = { ...reviewer, policy };
    return policy;
  }

  @FieldResolver(() => [PolicyWarningType], {
    description: 'Warnings about the policy, given the current users and pending actions.',
  })
  async warnings(
    @Root() policy: PolicyVersion,
    @Ctx() { principal }: ReviewerContext,
  ): Promise<readonly PolicyWarning[]> {
    const { stuck, isMore } = await this.stuckActions.count(principal, policy);
    const people = await this.reads.activePeople(principal);
    return [...policyWarnings(policy, people), ...stuckWarnings(stuck, isMore)];
  }

  @FieldResolver(() => PolicyVersionConnectionType, {
    description: 'All versions of the policy, newest first.',
  })
  async history(
    @Args(() => PageArgs) request: PageArgs,
    @Ctx() { principal, maxPageSize, budget }: ReviewerContext,
  ): Promise<Connection<PolicyVersion>> {
    return new Connection(await this.reads.history(principal, request, maxPageSize, budget));
  }
}
