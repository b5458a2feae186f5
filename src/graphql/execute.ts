import {
  getOperationAST,
  GraphQLError,
  OperationTypeNode,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql';
import { MISSING_AUTH } from '../api/caller-checks';
import type { ExecuteOperation, OperationRequest } from '../api/operation';
import {
  answerTooLarge,
  itemsThatFit,
  jsonSize,
  MAX_ANSWER_SIZE,
  type AnswerBudget,
} from '../domain/answer-budget';
import { MAX_ERRORS, RefusedError, type Refusal } from '../domain/refusal';
import type { Logger } from '../observability/logger';
import { makeAnswerAnonymous } from './anonymous';
import type { AuthorizeDirective } from './authorize.directive';
import type { RunOperation } from './compiled';
import type { RequestContext } from './context';
import { maskErrors } from './errors';
import { asksForSchema } from './introspection';
import { boundsOf } from './limits';
import { makeLoaders, type Reads } from './loaders';

export interface ExecuteOptions {
  readonly schema: GraphQLSchema;
  readonly authorize: AuthorizeDirective;
  /** What the loaders read from. */
  readonly reads: Reads;
  readonly log: Logger;
  /** Whether callers without a credential may introspect the schema. */
  readonly anonymousIntrospection: boolean;
  readonly runOperation: RunOperation;
}

/** Creates the function that runs every operation of both APIs: checks its limits, executes it and masks its errors. */
export function makeExecuteOperation(options: ExecuteOptions): ExecuteOperation {
  const { schema, authorize, reads, log, anonymousIntrospection, runOperation } = options;
  const answerAnonymous = makeAnswerAnonymous(schema);
  const isDecision = (rootField: string): boolean => authorize.isDecision(rootField);
  return async (operation, request) => {
    const contextValue = contextOf(request, reads);
    const { document, operationName, variables: variableValues } = operation;
    const run = async (): Promise<ExecutionResult> => {
      const isAnonymous = contextValue.principal === null;
      const asksSchema = isAnonymous && asksForSchema(document);
      // `data: null` makes this an HTTP 200, as when a field refuses.
      if (asksSchema && !anonymousIntrospection) return { data: null, ...refusedWith(MISSING_AUTH) };
      // An anonymous caller gets MISSING_AUTH from the fields, not the limits of an operation that cannot run anyway.
      const bounds = isAnonymous && !asksSchema ? null : boundsOf(schema, operation, isDecision);
      if (bounds !== null && bounds.refusal !== null) return refusedWith(bounds.refusal);
      const selected = isAnonymous ? getOperationAST(document, operationName) : null;
      if (selected) return answerAnonymous(document, selected, variableValues);
      const isRead = getOperationAST(document, operationName)?.operation !== OperationTypeNode.MUTATION;
      // The limits have bounded a mutation's answer. Nothing may refuse it later: what it committed must be reported.
      const { budget } = contextValue;
      if (!isRead) {
        await budget.makeRoom(bounds?.size ?? 0);
        budget.lift();
      }
      const result = await runOperation({
        ...{ schema, document, operationName, variableValues, contextValue },
        hideSuggestions: !anonymousIntrospection,
        options: { maxCoercionErrors: MAX_ERRORS },
      });
      return isRead ? await withinSize(result, budget) : result;
    };
    // Failures outside of the fields, such as measuring a value that is nested too deeply, are masked like the others.
    const result = await run().catch((error: unknown) => failedWith(error));
    return maskErrors(result, contextValue.origin.correlationId, log);
  };
}

/** Returns the state of an operation, with loaders of its own. */
function contextOf(request: OperationRequest, reads: Reads): RequestContext {
  const { principal, maxPageSize, budget } = request;
  const loaders = principal && makeLoaders(principal, reads, maxPageSize, budget);
  return { ...request, loaders, searches: { count: 0 }, authorized: null };
}

/** Returns the result of a read once there is room to write it, or a refusal if it is too large. */
async function withinSize(result: ExecutionResult, budget: AnswerBudget): Promise<ExecutionResult> {
  const size = jsonSize(result.data, MAX_ANSWER_SIZE);
  if (!budget.isExceeded && size <= MAX_ANSWER_SIZE) {
    await budget.makeRoom(size);
    return result;
  }
  budget.rowsThatFit = rowsThatFit(result.data, budget.isExceeded);
  return { data: null, ...refusedWith(answerTooLarge(null)) };
}

/**
 * Counts the rows that fit, in an answer that is a single list. Null for any other answer.
 * @param isCut whether the last row was read although it does not fit
 */
function rowsThatFit(data: unknown, isCut: boolean): number | null {
  const [list, ...others] = Object.values(data ?? {}) as ({ edges?: readonly unknown[] } | null)[];
  const edges = list?.edges;
  if (edges === undefined || others.length > 0) return null;
  return Math.min(itemsThatFit(edges, MAX_ANSWER_SIZE), edges.length - (isCut ? 1 : 0));
}

function refusedWith(refusal: Refusal): ExecutionResult {
  return { errors: [new GraphQLError(refusal.detail, { originalError: new RefusedError(refusal) })] };
}

function failedWith(error: unknown): ExecutionResult {
  const originalError =
    error instanceof Error ? error : new Error('A value that is not an error was thrown', { cause: error });
  return { data: null, errors: [new GraphQLError(originalError.message, { originalError })] };
}
