import type { OperationRequest } from '../api/operation';
import type { Principal, Reviewer } from '../domain/principal';
import type { DecisionRequest } from '../use-cases/decisions/decision-batch';
import type { Loaders } from './loaders';

/** The state of one operation, the same for both APIs. */
export interface RequestContext extends OperationRequest {
  /** Null without a credential. A mutation that changes the caller replaces it, so that later fields see the change. */
  principal: Principal | null;
  /** Null without a principal, since every read needs a viewer. */
  readonly loaders: Loaders | null;
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
