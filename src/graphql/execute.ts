import {
  getOperationAST,
  GraphQLError,
  OperationTypeNode,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql';
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
import { MISSING_AUTH, type AuthorizeDirective } from './authorize.directive';
import type { RunOperation } from './compiled';
import type { RequestContext } from './context';
import { maskErrors } from './errors';
import { asksForSchema } from './introspection';
import { boundsOf } from './limits';

/** A validated document and what to run of it. */
export interface Operation {
  readonly document: DocumentNode;
  readonly operationName?: string | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

export type ExecuteOperation = (operation: Operation, context: RequestContext) => Promise<ExecutionResult>;

export interface ExecuteOptions {
  readonly schema: GraphQLSchema;
  readonly authorize: AuthorizeDirective;
  readonly log: Logger;
  /** Whether the schema is shown to callers without a credential. */
  readonly anonymousIntrospection: boolean;
  readonly runOperation: RunOperation;
}

/** The one way in which an operation runs, from either door: within the limits, executed, errors masked. */
export function makeExecuteOperation(options: ExecuteOptions): ExecuteOperation {
  const { schema, authorize, log, anonymousIntrospection, runOperation } = options;
  const answerAnonymous = makeAnswerAnonymous(schema);
  const isDecision = (rootField: string): boolean => authorize.isDecision(rootField);
  return async (operation, contextValue) => {
    const { document, operationName, variables: variableValues } = operation;
    const run = async (): Promise<ExecutionResult> => {
      const isAnonymous = contextValue.principal === null;
      const asksSchema = isAnonymous && asksForSchema(document);
      // As a field answers it: with data that is null, which is an HTTP 200.
      if (asksSchema && !anonymousIntrospection) return { data: null, ...refusedWith(MISSING_AUTH) };
      // Whoever asks for nothing but what needs a credential is told that, and not what it would come to.
      const bounds = isAnonymous && !asksSchema ? null : boundsOf(schema, operation, isDecision);
      if (bounds !== null && bounds.refusal !== null) return refusedWith(bounds.refusal);
      const selected = isAnonymous ? getOperationAST(document, operationName) : null;
      if (selected) return answerAnonymous(document, selected, variableValues);
      const isRead = getOperationAST(document, operationName)?.operation !== OperationTypeNode.MUTATION;
      // What a mutation answers was bounded before, so that what it committed is always told.
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
    // What fails beside of the fields, such as measuring a value that is too deep, is masked as what fails in them.
    const result = await run().catch((error: unknown) => failedWith(error));
    return maskErrors(result, contextValue.origin.correlationId, log);
  };
}

/** The answer to a read, with room to write it, or the refusal of one that is too large. */
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
 * How many rows of the one list of an answer fit; null where it is not one list.
 * @param isCut whether the last row was read and does not fit
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
  const originalError = error instanceof Error ? error : new Error('Something was thrown', { cause: error });
  return { data: null, errors: [new GraphQLError(originalError.message, { originalError })] };
}
