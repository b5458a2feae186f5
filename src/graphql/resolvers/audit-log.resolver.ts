import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Args, Ctx, Directive, FieldResolver, ID, Info, Query, Resolver, Root } from 'type-graphql';
import type { Action } from '../../domain/action';
import type { AuditLogEntry } from '../../domain/audit-entry';
import type { User } from '../../domain/principal';
import type { AuditLogReads } from '../../persistence/audit/audit-log.reads';
import type { AuthorizedContext } from '../context';
import { namesBelow } from '../selection';
import { readId, readIds, readSearch, readTexts } from '../arguments';
import { AuditLogsArgs } from '../inputs/lists.input';
import { ActionType } from '../types/action.type';
import { AuditLogConnectionType, AuditLogType } from '../types/audit-log.type';
import { Connection } from '../types/connection.type';
import { UserType } from '../types/user.type';

const PEOPLE = '@authorize(roles: [ADMIN, SECURITY_MANAGER, MANAGER, USER], credential: JWT)';

@Resolver(() => AuditLogType)
export class AuditLogResolver {
  constructor(private readonly reads: AuditLogReads) {}

  @Directive(PEOPLE)
  @Query(() => AuditLogType, {
    nullable: true,
    description: "An entry of your organization's audit log. Null if there is none with this id.",
  })
  auditLog(
    @Arg('id', () => ID) id: string,
    @Ctx() { loaders }: AuthorizedContext,
  ): Promise<AuditLogEntry | null> {
    return loaders.auditEntry.load(readId(id, 'id'));
  }

  @Directive(PEOPLE)
  @Query(() => AuditLogConnectionType, { description: "Your organization's audit log." })
  async auditLogs(
    @Args(() => AuditLogsArgs) args: AuditLogsArgs,
    @Ctx() context: AuthorizedContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<Connection<AuditLogEntry>> {
    const { principal, maxPageSize, budget } = context;
    const { filter, orderBy, ...request } = args;
    const narrowed = {
      ...filter,
      actionType: readTexts(filter?.actionType, 'actionType'),
      actorId: readIds(filter?.actorId, 'actorId'),
      actionId: readIds(filter?.actionId, 'actionId'),
      correlationId: readTexts(filter?.correlationId, 'correlationId'),
      search: readSearch(filter, context),
    };
    const direction = orderBy?.direction ?? 'desc';
    return new Connection(
      await this.reads.page(principal, narrowed, direction, request, maxPageSize, namesBelow(info), budget),
    );
  }

  @FieldResolver(() => UserType, {
    nullable: true,
    description: 'The user who acted, or the owner of the API key that acted. Null for POLICY and SYSTEM.',
  })
  actor(@Root() entry: AuditLogEntry, @Ctx() { loaders }: AuthorizedContext): Promise<User | null> | null {
    const userId = entry.actorKind === 'user' ? entry.actorId : entry.onBehalfOf;
    return userId === null ? null : loaders.user.load(userId);
  }

  @FieldResolver(() => ActionType, { nullable: true })
  action(@Root() entry: AuditLogEntry, @Ctx() { loaders }: AuthorizedContext): Promise<Action | null> | null {
    return entry.actionId === null ? null : loaders.action.load(entry.actionId);
  }
}
