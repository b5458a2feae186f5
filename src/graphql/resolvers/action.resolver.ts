import { Arg, Args, Ctx, Directive, FieldResolver, ID, Int, Query, Resolver, Root } from 'type-graphql';
import type { Action, Verdict } from '../../domain/action';
import { approvalsRequired, mayDecide, refusalOfApiKey } from '../../domain/approval-policy';
import type { AuditLogEntry } from '../../domain/audit-entry';
import type { User } from '../../domain/principal';
import { RefusedError } from '../../domain/refusal';
import { requiredApprovalLevel, riskLevelOf, type RiskLevel } from '../../domain/risk';
import type { ActionReads } from '../../persistence/actions.reads';
import type { AuthorizedContext } from '../context';
import { readId, readIds, readText, readTexts } from '../arguments';
import { ActionsArgs } from '../inputs/lists.input';
import { ActionConnectionType, ActionType, EligibilityType } from '../types/action.type';
import { AuditLogConnectionType } from '../types/audit-log.type';
import { connectionOf, type Connection } from '../types/connection.type';
import { RiskLevelEnum } from '../types/enums';
import { UserType } from '../types/user.type';

const READERS =
  '@authorize(roles: [ADMIN, SECURITY_MANAGER, MANAGER, USER], credential: ANY, scope: "actions:read")';

@Resolver(() => ActionType)
export class ActionResolver {
  constructor(private readonly reads: ActionReads) {}

  @Directive(READERS)
  @Query(() => ActionType, { nullable: true, description: 'One action of your organization, or null.' })
  action(@Arg('id', () => ID) id: string, @Ctx() { loaders }: AuthorizedContext): Promise<Action | null> {
    return loaders.action.load(readId(id, 'id'));
  }

  @Directive(READERS)
  @Query(() => ActionConnectionType, { description: "Your organization's actions." })
  async actions(
    @Args(() => ActionsArgs) args: ActionsArgs,
    @Ctx() context: AuthorizedContext,
  ): Promise<Connection<Action>> {
    const { filter, orderBy, ...request } = args;
    const order = { by: orderBy?.field ?? 'submittedAt', direction: orderBy?.direction ?? 'desc' };
    const narrowed = {
      ...filter,
      agentId: readTexts(filter?.agentId, 'agentId'),
      actionType: readTexts(filter?.actionType, 'actionType'),
      decidedBy: readIds(filter?.decidedBy, 'decidedBy'),
      search: readText(filter?.search, 'search'),
    };
    return connectionOf(
      await this.reads.page(context.principal, narrowed, order, request, context.maxPageSize),
    );
  }

  @FieldResolver(() => RiskLevelEnum)
  riskLevel(@Root() action: Action): RiskLevel {
    return riskLevelOf(action.riskScore);
  }

  @FieldResolver(() => Int, { description: 'The approval level that the risk level stands for, 1 to 4.' })
  requiredApprovalLevel(@Root() action: Action): number {
    return requiredApprovalLevel(riskLevelOf(action.riskScore));
  }

  @FieldResolver(() => UserType, { description: 'Who submitted it, or owns the API key that did.' })
  submittedBy(@Root() action: Action, @Ctx() { loaders }: AuthorizedContext): Promise<User | null> {
    return loaders.user.load(action.submittedById);
  }

  @FieldResolver(() => UserType, {
    nullable: true,
    description: 'Null while pending, and where a policy decided.',
  })
  decidedBy(@Root() action: Action, @Ctx() { loaders }: AuthorizedContext): Promise<User | null> | null {
    return action.decidedById === null ? null : loaders.user.load(action.decidedById);
  }

  @FieldResolver(() => AuditLogConnectionType, {
    description: 'What the audit log tells about it, newest first.',
  })
  async auditLogs(
    @Root() action: Action,
    @Arg('first', () => Int, { nullable: true }) first: number | null,
    @Arg('after', () => String, { nullable: true }) after: string | null,
    @Ctx() { principal, loaders }: AuthorizedContext,
  ): Promise<Connection<AuditLogEntry>> {
    if (principal.kind === 'api_key') throw new RefusedError(refusalOfApiKey());
    return connectionOf(
      await loaders.auditEntriesOf(action.id, { first: first ?? null, after: after ?? null }),
    );
  }

  @FieldResolver(() => EligibilityType, { description: 'By the very rule that approveAction runs.' })
  viewerCanApprove(@Root() action: Action, @Ctx() context: AuthorizedContext): Promise<EligibilityType> {
    return eligibility(action, 'approve', context);
  }

  @FieldResolver(() => EligibilityType, { description: 'By the very rule that rejectAction runs.' })
  viewerCanReject(@Root() action: Action, @Ctx() context: AuthorizedContext): Promise<EligibilityType> {
    return eligibility(action, 'reject', context);
  }
}

async function eligibility(
  action: Action,
  verdict: Verdict,
  { principal, loaders }: AuthorizedContext,
): Promise<EligibilityType> {
  const { policy } = principal;
  // A lone approval decides at once, so only under a quorum can there be a vote on a pending action.
  const isByQuorum = action.status === 'pending_approval' && approvalsRequired(action.riskScore, policy) > 1;
  const hasVoted = isByQuorum && (await loaders.hasVoted.load(action.id));
  const ruling = mayDecide(principal, { ...action, hasVoted }, verdict, policy);
  const { allowed, requiredLevel, heldLevel } = ruling;
  const refusal = ruling.allowed ? null : ruling.refusal;
  return { allowed, code: refusal?.code ?? null, detail: refusal?.detail ?? null, requiredLevel, heldLevel };
}
