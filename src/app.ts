import type { FastifyInstance } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import { AuditProofs } from './audit/audit-proofs';
import { DatabaseExport } from './audit/export-source';
import { CallerChecks } from './api/caller-checks';
import { AnswerBudget } from './domain/answer-budget';
import { AuthorizeDirective } from './graphql/authorize.directive';
import { makeRunOperation } from './graphql/compiled';
import { LargeAnswers } from './http/large-answers';
import { makeExecuteOperation } from './graphql/execute';
import { ActionResolver } from './graphql/resolvers/action.resolver';
import { ApiKeyResolver } from './graphql/resolvers/api-key.resolver';
import { AuditLogResolver } from './graphql/resolvers/audit-log.resolver';
import { BulkDecisionResolver, DecisionResolver } from './graphql/resolvers/decision.resolver';
import { PolicyResolver, PolicyVersionResolver } from './graphql/resolvers/policy.resolver';
import { SubmissionResolver } from './graphql/resolvers/submission.resolver';
import { TreeResolver } from './graphql/resolvers/tree.resolver';
import { UserResolver } from './graphql/resolvers/user.resolver';
import { VoteResolver } from './graphql/resolvers/vote.resolver';
import { makeSchema } from './graphql/schema';
import { newCorrelationId } from './domain/correlation';
import { makeAuthenticate } from './http/authenticate';
import { addAuditLog } from './http/audit-log';
import { addDocs } from './http/docs/docs';
import { addGraphql } from './http/graphql';
import { addHealth } from './http/health';
import { leaveConnections } from './http/response-headers';
import { addPlayground } from './http/playground/playground';
import { limitRates } from './http/rate-limit';
import { makeTellRefusedCredential } from './http/refused-credentials';
import { sharedFor } from './http/shared-for';
import { identify, makeServer } from './http/server';
import { makeVerifyToken, rememberVerified } from './http/token-verifier';
import { addWelcome } from './http/welcome/welcome';
import { Metrics } from './observability/metrics';
import { ActionReads } from './persistence/actions/actions.reads';
import { ApiKeyReads } from './persistence/people/api-keys.reads';
import { ApiKeyUses } from './persistence/people/api-key-uses';
import { AuditSummaryReads } from './persistence/audit/audit-summary.reads';
import { AuditLogReads } from './persistence/audit/audit-log.reads';
import { AuthorityStore } from './persistence/people/authority.store';
import { DecisionSqlStore } from './persistence/decisions/decisions.store';
import { ExpiredActionsStore } from './persistence/actions/expired-actions.store';
import { OrderedReads } from './persistence/lists/ordered-reads';
import { PolicyReads } from './persistence/policy/policies.reads';
import { PrincipalReads } from './persistence/people/principals.reads';
import { QueueReads } from './persistence/actions/queue.reads';
import { checkWrites } from './persistence/sql/readiness';
import { OmittedRefusalsDatabase } from './persistence/decisions/refusals.store';
import { SealBacklogReads } from './persistence/audit/seal-backlog.reads';
import { StuckActionsReads } from './persistence/actions/stuck-actions.reads';
import { SubmissionsStore } from './persistence/submissions/submissions.store';
import { TextSearches } from './persistence/lists/text-search';
import { UserReads } from './persistence/people/users.reads';
import { VoteReads } from './persistence/actions/votes.reads';
import { addExport } from './rest/subjects/export';
import { addOpenApi } from './rest/openapi/plugin';
import { addRestRoutes } from './rest/plugin';
import { addVerification } from './rest/subjects/verification';
import { makeCloseRefusals } from './use-cases/decisions/close-refusals';
import { makeChangePolicy } from './use-cases/administration/change-policy';
import { makeCreateApiKey } from './use-cases/administration/create-api-key';
import { makeDecideActions } from './use-cases/decisions/decide-actions';
import { makeExpireActions } from './use-cases/expire-actions';
import { makeRecordDeniedAttempt } from './use-cases/decisions/record-denied-attempt';
import { makeRevokeApiKey } from './use-cases/administration/revoke-api-key';
import { makeSetUser } from './use-cases/administration/set-user';
import { makeSubmitAction } from './use-cases/submissions/submit-action';
import type { ReadReviewerNow } from './use-cases/decisions/reviewer-now';
import type { AppOptions } from './app-options';
import { countAutoApprovals, countDecisions } from './counted';
import { startJobs } from './jobs';

const REQUEST_TIMEOUT = 30_000;

/** Composes the application: everything is created here, by hand, in the order in which it is needed. */
export async function makeApp(options: AppOptions): Promise<FastifyInstance> {
  const {
    database,
    log,
    trustedIssuers,
    corsOrigins,
    trustProxy,
    rateLimitPerMinute = null,
    maxPendingActions = null,
    load = { eventLoopDelay: null, memory: null },
    requestTimeout = REQUEST_TIMEOUT,
    environment = 'development',
    requestLog = null,
    stopping = new AbortController().signal,
    anonymousIntrospection,
    playground,
    logKey,
    archive = null,
    archiveFault,
    sealer,
    guard,
    exportStalledMs,
    exportMaxMs,
    verificationMaxMs,
    runsBeforeCompiling,
    sweepEveryMs,
    clock = () => new Date(),
  } = options;
  const metrics = new Metrics();
  const searches = new TextSearches(database);
  const reads = {
    actions: new ActionReads(database, searches, new OrderedReads(database)),
    users: new UserReads(database, searches),
    auditLog: new AuditLogReads(database, searches),
    votes: new VoteReads(database),
  };
  const principals = new PrincipalReads(database);
  const keyUses = new ApiKeyUses(database);
  const decisions = new DecisionSqlStore(database, {
    onThrottled: (count) => {
      metrics.countThrottledRefusals(count);
    },
    onBatch: (size) => {
      metrics.observeDecisionBatch(size);
    },
  });
  const policies = new PolicyReads(database);
  const readReviewerNow: ReadReviewerNow = (reviewer) => principals.reviewerNow(reviewer);
  const decideActions = countDecisions(makeDecideActions(decisions, readReviewerNow), metrics);
  const authority = new AuthorityStore(database);
  const expireActions = makeExpireActions(new ExpiredActionsStore(database), () => newCorrelationId(clock()));
  const closeRefusals = makeCloseRefusals(new OmittedRefusalsDatabase(database), () =>
    newCorrelationId(clock()),
  );
  const proofs = new AuditProofs(database, logKey, clock, archive, archiveFault, verificationMaxMs);
  const callerChecks = new CallerChecks(makeRecordDeniedAttempt(decisions));
  const authorize = new AuthorizeDirective(callerChecks);
  const { requirementOf } = authorize;
  const schema = makeSchema(
    [
      new ActionResolver(reads.actions),
      new ApiKeyResolver(
        new ApiKeyReads(database, searches),
        makeCreateApiKey(authority, clock),
        makeRevokeApiKey(authority),
      ),
      new AuditLogResolver(reads.auditLog),
      new BulkDecisionResolver(logKey),
      new DecisionResolver(decideActions, logKey),
      new PolicyResolver(policies, new StuckActionsReads(database), makeChangePolicy(authority)),
      new PolicyVersionResolver(),
      new SubmissionResolver(
        countAutoApprovals(makeSubmitAction(new SubmissionsStore(database, maxPendingActions)), metrics),
      ),
      new TreeResolver(proofs, new AuditSummaryReads(database)),
      new UserResolver(reads.users, makeSetUser(authority)),
      new VoteResolver(),
    ],
    authorize,
  );
  const runOperation = makeRunOperation(runsBeforeCompiling);
  const execute = makeExecuteOperation({
    ...{ schema, authorize, reads, log, anonymousIntrospection, runOperation },
  });
  const largeAnswers = new LargeAnswers();
  const newAnswerBudget = (organizationId: number | null): AnswerBudget =>
    new AnswerBudget(() => largeAnswers.enter(organizationId));
  const verifyToken = rememberVerified(makeVerifyToken(trustedIssuers, log));

  const server = await makeServer({
    ...{ log, requestLog, metrics, clock },
    ...{ corsOrigins, trustProxy, load, requestTimeout },
  });
  leaveConnections(server, stopping);
  const limits = await limitRates(server, rateLimitPerMinute, clock);
  const authenticate = makeAuthenticate(principals, keyUses, verifyToken, clock);
  const identifyCaller = identify(authenticate, limits, makeTellRefusedCredential(log, metrics));
  const backlogReads = new SealBacklogReads(database);
  const backlog = sharedFor(0, () => backlogReads.now());
  const queueReads = new QueueReads(database);
  const queue = sharedFor(0, () => queueReads.now());
  metrics.watch(
    async () => ({ backlog: await backlog(), queue: await queue() }),
    () => sealer?.status.sealed ?? 0,
  );
  metrics.watchRollback(
    () => guard?.status ?? null,
    () => sealer?.status.failures.size ?? 0,
  );
  addHealth(server, {
    checkWrites: sharedFor(0, () => checkWrites(database)),
    guard: () => guard?.status ?? null,
    backlog,
    sealer: () => sealer?.status ?? null,
    isStopping: () => stopping.aborted,
    metrics: metrics.registry,
    environment,
    identify: identifyCaller,
  });
  addAuditLog(server, { callerChecks, identify: identifyCaller, proofs, key: logKey });
  addVerification(server, callerChecks, identifyCaller, proofs);
  const exports = new DatabaseExport(database, logKey, clock);
  addExport(server, callerChecks, identifyCaller, exports, exportStalledMs, exportMaxMs);
  addRestRoutes(server, {
    ...{ schema, requirementOf, callerChecks, newAnswerBudget, execute, clock },
    identify: identifyCaller,
  });
  addOpenApi(server, schema, requirementOf);
  addDocs(server);
  await addGraphql(server, {
    schema,
    execute,
    newAnswerBudget,
    suggestions: anonymousIntrospection,
    log,
    identify: identifyCaller,
  });

  if (playground) addPlayground(server, clock);
  addWelcome(server, playground);

  startJobs(server, { database, keyUses, expireActions, closeRefusals, metrics, clock, log, sweepEveryMs });
  return server;
}

/** Builds the schema for printing only. Nothing in it is ever called, so it needs no resolvers and no database. */
export function makeSchemaForPrinting(): GraphQLSchema {
  return makeSchema([], new AuthorizeDirective(new CallerChecks(() => Promise.resolve())));
}
