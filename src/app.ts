import type { FastifyInstance } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import { AuthorizeDirective } from './graphql/authorize.directive';
import { makeBuildContext } from './graphql/context';
import { makeExecuteOperation } from './graphql/execute';
import { ActionResolver } from './graphql/resolvers/action.resolver';
import { AuditLogResolver } from './graphql/resolvers/audit-log.resolver';
import { DecisionResolver } from './graphql/resolvers/decision.resolver';
import { PolicyResolver, PolicyVersionResolver } from './graphql/resolvers/policy.resolver';
import { UserResolver } from './graphql/resolvers/user.resolver';
import { VoteResolver } from './graphql/resolvers/vote.resolver';
import { makeSchema } from './graphql/schema';
import { newCorrelationId } from './domain/correlation';
import { makeAuthenticate } from './http/authenticate';
import { addGraphql } from './http/graphql';
import { addHealth } from './http/health';
import { identify, makeServer } from './http/server';
import type { TrustedIssuer } from './http/token-verifier';
import type { Logger } from './observability/logger';
import { Metrics } from './observability/metrics';
import { ActionReads } from './persistence/actions.reads';
import { AuditLogReads } from './persistence/audit-log.reads';
import { AuthorityStore } from './persistence/authority.store';
import type { Database } from './persistence/database';
import { DecisionsStore } from './persistence/decisions.store';
import { ExpiredActionsStore } from './persistence/expired-actions.store';
import { PolicyReads } from './persistence/policies.reads';
import { PrincipalReads } from './persistence/principals.reads';
import { purgeThrottle } from './persistence/refusals.store';
import { UserReads } from './persistence/users.reads';
import { VoteReads } from './persistence/votes.reads';
import { addRestRoutes } from './rest/plugin';
import { makeChangePolicy } from './use-cases/change-policy';
import { makeDecideActions } from './use-cases/decide-actions';
import { makeExpireActions } from './use-cases/expire-actions';
import { makeRecordRefusedRequest } from './use-cases/record-refused-request';
import { makeSetUser } from './use-cases/set-user';
import type { ReadReviewerNow } from './use-cases/reviewer-now';
import { runInBackground } from './background';

export interface AppOptions {
  /** Connected as the application's login. Whoever made it closes it, after the app. */
  readonly database: Database;
  readonly trustedIssuers: readonly TrustedIssuer[];
  readonly log: Logger;
  readonly corsOrigins: readonly string[];
  readonly trustProxy: readonly string[];
  readonly introspection: boolean;
  /** The gateway's clock, for tokens, correlation ids and error bodies. A decision's time is the database's. */
  readonly clock?: () => Date;
}

/** How often rows that no longer throttle a refusal are deleted, in milliseconds. */
const PURGE_INTERVAL = 60_000;
/** How often overdue actions are marked, in milliseconds. Nobody waits for it: they read as expired before. */
const SWEEP_INTERVAL = 5_000;

/** The composition root: everything is made here, by hand, in the order it is needed. */
export async function makeApp(options: AppOptions): Promise<FastifyInstance> {
  const {
    database,
    log,
    trustedIssuers,
    corsOrigins,
    trustProxy,
    introspection,
    clock = () => new Date(),
  } = options;
  const metrics = new Metrics();
  const reads = {
    actions: new ActionReads(database),
    users: new UserReads(database),
    auditLog: new AuditLogReads(database),
    votes: new VoteReads(database),
  };
  const principals = new PrincipalReads(database);
  const decisions = new DecisionsStore(database, (count) => {
    metrics.countThrottledRefusals(count);
  });
  const policies = new PolicyReads(database);
  const readReviewerNow: ReadReviewerNow = (reviewer) => principals.reviewerNow(reviewer);
  const decideActions = makeDecideActions(decisions, readReviewerNow);
  const authority = new AuthorityStore(database);
  const expireActions = makeExpireActions(new ExpiredActionsStore(database), () => newCorrelationId(clock()));
  const authorize = new AuthorizeDirective(makeRecordRefusedRequest(decisions));
  const schema = makeSchema(
    [
      new ActionResolver(reads.actions),
      new AuditLogResolver(reads.auditLog),
      new DecisionResolver(decideActions),
      new PolicyResolver(policies, makeChangePolicy(authority)),
      new PolicyVersionResolver(),
      new UserResolver(reads.users, makeSetUser(authority)),
      new VoteResolver(),
    ],
    authorize,
  );
  const execute = makeExecuteOperation(schema, authorize, log);
  const buildContext = makeBuildContext(reads);
  const identifyCaller = identify(makeAuthenticate(principals, trustedIssuers, clock));

  const server = await makeServer({ log, clock, corsOrigins, trustProxy });
  addHealth(server, () => database.ping(), metrics.registry);
  addRestRoutes(server, { schema, authorize, buildContext, execute, identify: identifyCaller, clock });
  await addGraphql(server, { schema, execute, buildContext, introspection, log, identify: identifyCaller });

  const stop = runInBackground(
    [
      {
        name: 'purge the refusal throttle',
        everyMs: PURGE_INTERVAL,
        run: (signal) => purgeThrottle(database, signal),
      },
      { name: 'expire overdue actions', everyMs: SWEEP_INTERVAL, run: expireActions },
    ],
    log,
  );
  server.addHook('onClose', stop);
  return server;
}

/** The schema alone, for printing: nothing of it is ever called, so it needs no resolvers and no database. */
export function makeSchemaForPrinting(): GraphQLSchema {
  return makeSchema([], new AuthorizeDirective(() => Promise.resolve()));
}
