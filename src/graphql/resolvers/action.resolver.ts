import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Args, Ctx, Directive, FieldResolver, ID, Info, Int, Query, Resolver, Root } from 'type-graphql';
import type { Action, Verdict, Vote } from '../../domain/action';
import {
  approvalsMissing,
  approvalsRequired,
  asVotedOn,
  isReasonRequired,
  mayDecide,
} from '../../domain/approval-policy';
import { refusalOfApiKey } from '../../domain/decision-refusals';
import type { AuditLogEntry } from '../../domain/audit-entry';
import type { User } from '../../domain/principal';
import { RefusedError } from '../../domain/refusal';
import { riskLevelOf, type RiskLevel } from '../../domain/risk';
import type { ActionContent, ActionReads } from '../../persistence/actions/actions.reads';
import type { AuthorizedContext } from '../context';
import { isUnderVote } from '../../use-cases/decisions/authorize-actions';
import { namesBelow } from '../selection';
import { readId, readIds, readSearch, readTexts } from '../arguments';
import { ActionsArgs } from '../inputs/lists.input';
import { ActionConnectionType, ActionType, EligibilityType, VoteType } from '../types/action.type';
import { AuditLogConnectionType } from '../types/audit-log.type';
import { Connection } from '../types/connection.type';
import { RiskLevelEnum } from '../types/enums';
import { UserType } from '../types/user.type';

const READERS =
  '@authorize(roles: [ADMIN, SECURITY_MANAGER, MANAGER, USER], credential: ANY, scope: "actions:read")';

@Resolver(() => ActionType)
export class ActionResolver {
  constructor(private readonly reads: ActionReads) {}

  @Directive(READERS)
  @Query(() => ActionType, {
    nullable: true,
    description: 'An action of your organization. Null if there is none with this id.',
  })
  action(@Arg('id', () => ID) id: string, @Ctx() { loaders }: AuthorizedContext): Promise<Action | null> {
    return loaders.action.load(readId(id, 'id'));
  }

  @Directive(READERS)
  @Query(() => ActionConnectionType, { description: "Your organization's actions." })
  async actions(
    @Args(() => ActionsArgs) args: ActionsArgs,
    @Ctx() context: AuthorizedContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<Connection<Action>> {
    const { principal, maxPageSize, budget } = context;
    const { filter, orderBy, ...request } = args;
    const order = { by: orderBy?.field ?? 'submittedAt', direction: orderBy?.direction ?? 'desc' };
    const narrowed = {
      ...filter,
      agentId: readTexts(filter?.agentId, 'agentId'),
      actionType: readTexts(filter?.actionType, 'actionType'),
      decidedBy: readIds(filter?.decidedBy, 'decidedBy'),
      search: readSearch(filter, context),
    };
    return new Connection(
      await this.reads.page(principal, narrowed, order, request, maxPageSize, namesBelow(info), budget),
    );
  }

  @FieldResolver()
  async parameters(@Root() action: Action, @Ctx() context: AuthorizedContext): Promise<unknown> {
    return (await contentOf(action, 'parameters', context)).parameters;
  }

  @FieldResolver()
  async context(@Root() action: Action, @Ctx() context: AuthorizedContext): Promise<unknown> {
    return (await contentOf(action, 'context', context)).context;
  }

  @FieldResolver()
  async riskIndicators(@Root() action: Action, @Ctx() context: AuthorizedContext): Promise<unknown> {
    return (await contentOf(action, 'riskIndicators', context)).riskIndicators;
  }

  @FieldResolver(() => RiskLevelEnum)
  riskLevel(@Root() action: Action): RiskLevel {
    return riskLevelOf(action.riskScore);
  }

  @FieldResolver(() => Int, {
    description:
      'The approval level that the policy in force requires at this risk level, 1 to 10. It applies where approval levels are enabled.',
  })
  requiredApprovalLevel(@Root() action: Action, @Ctx() { principal }: AuthorizedContext): number {
    return principal.policy.requiredLevels[riskLevelOf(action.riskScore)];
  }

  @FieldResolver(() => Int, {
    description: 'Number of approvals that the policy in force requires at this risk level, 1 to 10.',
  })
  approvalsRequired(@Root() action: Action, @Ctx() { principal }: AuthorizedContext): number {
    return approvalsRequired(action.riskScore, principal.policy);
  }

  @FieldResolver(() => [VoteType], {
    description: 'The votes on the action, in the order in which they were cast.',
  })
  votes(@Root() action: Action, @Ctx() { loaders }: AuthorizedContext): Promise<readonly Vote[]> {
    return loaders.votes.load(action.id);
  }

  @FieldResolver(() => UserType, {
    description: 'The user who submitted the action, or the owner of the API key that submitted it.',
  })
  submittedBy(@Root() action: Action, @Ctx() { loaders }: AuthorizedContext): Promise<User | null> {
    return loaders.user.load(action.submittedById);
  }

  @FieldResolver(() => UserType, {
    nullable: true,
    description: 'The user who decided the action. Null while it is pending, and if the policy decided it.',
  })
  decidedBy(@Root() action: Action, @Ctx() { loaders }: AuthorizedContext): Promise<User | null> | null {
    return action.decidedById === null ? null : loaders.user.load(action.decidedById);
  }

  @FieldResolver(() => AuditLogConnectionType, {
    description: 'The audit log entries about the action, newest first.',
  })
  async auditLogs(
    @Root() action: Action,
    @Arg('first', () => Int, { nullable: true }) first: number | null,
    @Arg('after', () => String, { nullable: true }) after: string | null,
    @Ctx() { principal, loaders }: AuthorizedContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<Connection<AuditLogEntry>> {
    if (principal.kind === 'api_key') throw new RefusedError(refusalOfApiKey());
    const part = { first: first ?? null, after: after ?? null };
    return new Connection(await loaders.auditEntriesOf(action.id, part, namesBelow(info)));
  }

  @FieldResolver(() => EligibilityType, {
    description: 'Whether you may approve the action now, by the same rule as `approveAction`.',
  })
  viewerCanApprove(@Root() action: Action, @Ctx() context: AuthorizedContext): Promise<EligibilityType> {
    return eligibility(action, 'approve', context);
  }

  @FieldResolver(() => EligibilityType, {
    description: 'Whether you may reject the action now, by the same rule as `rejectAction`.',
  })
  viewerCanReject(@Root() action: Action, @Ctx() context: AuthorizedContext): Promise<EligibilityType> {
    return eligibility(action, 'reject', context);
  }
}

/** Returns the action itself if it was read with this field. Otherwise loads its JSON content. */
async function contentOf(
  action: Action,
  field: keyof ActionContent,
  { loaders }: AuthorizedContext,
): Promise<ActionContent> {
  return field in action ? action : loaders.actionContent.load(action.id);
}

async function eligibility(
  action: Action,
  verdict: Verdict,
  { principal, loaders }: AuthorizedContext,
): Promise<EligibilityType> {
  const { policy } = principal;
  const { id, riskScore } = action;
  const votes = isUnderVote(action) ? await loaders.votes.load(id) : [];
  const hasVoted = principal.kind === 'user' && votes.some(({ userId }) => userId === principal.user.id);
  const attempt = { verdict, isBulk: false, hasReason: null };
  const ruling = mayDecide(principal, asVotedOn(action, hasVoted), attempt, policy);
  const { allowed, requiredLevel, heldLevel, riskLimit } = ruling;
  const refusal = ruling.allowed ? null : ruling.refusal;
  return {
    allowed,
    code: refusal?.code ?? null,
    detail: refusal?.detail ?? null,
    requiredLevel,
    heldLevel,
    riskLimit,
    reasonRequired: isReasonRequired(riskScore, verdict, policy),
    bulkAllowed: !policy.excludedFromBulk.includes(riskLevelOf(riskScore)),
    approvalsMissing: approvalsMissing(action, policy),
    // A getter, so that the votes are loaded only if they are selected.
    get votes() {
      return loaders.votes.load(id);
    },
  };
}
