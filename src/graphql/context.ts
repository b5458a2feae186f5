import type { RequestOrigin } from '../domain/audit-entry';
import { AnswerBudget, type EnterLargeAnswers } from '../domain/answer-budget';
import type { Principal, Reviewer } from '../domain/principal';
import type { DecisionRequest } from '../use-cases/decision-batch';
import type { Requirement } from './authorize.directive';
import { makeLoaders, type Loaders, type Reads } from './loaders';

/** What one request knows, the same whichever door it came through. */
export interface RequestContext {
  /** Null where no credential was presented. What an operation changes of the caller shows in the fields that follow. */
  principal: Principal | null;
  readonly origin: RequestOrigin;
  /** Only where there is a principal: a read always has a viewer. */
  readonly loaders: Loaders | null;
  /** How many rows a page may have: 100 over GraphQL, 1,000 over REST (docs/graphql-api.md#lists). */
  readonly maxPageSize: number;
  /** What a REST path asks for in place of the directive of its one field; GraphQL has null. */
  readonly requirement: Requirement | null;
  /** What the operation may still read: its answer has a size that it cannot pass. */
  readonly budget: AnswerBudget;
  /** How many text searches the operation has begun. */
  readonly searches: { count: number };
  /** What the authorization directive found, for the one decision that an operation can hold. */
  authorized: DecisionRequest | null;
}

/** A context whose caller is known: what every field behind `@authorize` sees. */
export interface AuthorizedContext extends RequestContext {
  principal: Principal;
  readonly loaders: Loaders;
}

/** A context whose caller is a person. */
export interface ReviewerContext extends AuthorizedContext {
  principal: Reviewer;
}

export type BuildContext = (
  principal: Principal | null,
  origin: RequestOrigin,
  maxPageSize: number,
  requirement: Requirement | null,
) => RequestContext;

/** Builds contexts over these reads. */
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
