import type { RequestOrigin } from '../domain/audit-entry';
import { AnswerBudget, type EnterLargeAnswers } from '../domain/answer-budget';
import type { Principal, Reviewer } from '../domain/principal';
import type { DecisionRequest } from '../use-cases/decisions/decision-batch';
import type { Requirement } from './authorize.directive';
import { makeLoaders, type Loaders, type Reads } from './loaders';

/** The state of one request, the same for both APIs. */
export interface RequestContext {
  /** Null without a credential. A mutation that changes the caller replaces it, so that later fields see the change. */
  principal: Principal | null;
  readonly origin: RequestOrigin;
  /** Null without a principal, since every read needs a viewer. */
  readonly loaders: Loaders | null;
  /** The largest page, in rows: 100 over GraphQL, 1,000 over REST (docs/graphql-api.md#lists). */
  readonly maxPageSize: number;
  /** What a REST path requires instead of its root field's directive. Null over GraphQL. */
  readonly requirement: Requirement | null;
  /** How much the operation may still read, which bounds the size of its answer. */
  readonly budget: AnswerBudget;
  /** How many text searches the operation has started. */
  readonly searches: { count: number };
  /** The authorized decision, set by the authorization directive. An operation can contain only one. */
  authorized: DecisionRequest | null;
}

/** The context of an authenticated caller, as every field behind `@authorize` sees it. */
export interface AuthorizedContext extends RequestContext {
  principal: Principal;
  readonly loaders: Loaders;
}

/** The context of a caller with a JWT. */
export interface ReviewerContext extends AuthorizedContext {
  principal: Reviewer;
}

export type BuildContext = (
  principal: Principal | null,
  origin: RequestOrigin,
  maxPageSize: number,
  requirement: Requirement | null,
) => RequestContext;

/**
 * Creates the function that builds a request's context.
 * @param enterLargeAnswers waits for room for one large answer; organizations take turns
 */
export function makeBuildContext(
  reads: Reads,
  enterLargeAnswers: (organizationId: number | null) => ReturnType<EnterLargeAnswers>,
): BuildContext {
  return (principal, origin, maxPageSize, requirement) => {
    const organizationId = principal?.organizationId ?? null;
    const budget = new AnswerBudget(() => enterLargeAnswers(organizationId));
    return {
      principal,
      origin,
      loaders: principal && makeLoaders(principal, reads, maxPageSize, budget),
      maxPageSize,
      requirement,
      budget,
      searches: { count: 0 },
      authorized: null,
    };
  };
}
