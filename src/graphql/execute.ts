import {
  getOperationAST,
  GraphQLError,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql';
import { MAX_ERRORS, RefusedError, type Refusal } from '../domain/refusal';
import type { Logger } from '../observability/logger';
import { makeAnswerAnonymous } from './anonymous';
import { MISSING_AUTH, type AuthorizeDirective } from './authorize.directive';
import type { RunOperation } from './compiled';
import type { RequestContext } from './context';
import { maskErrors } from './errors';
import { asksForSchema } from './introspection';
import { refusalByLimits } from './limits';

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
      const refusal = isAnonymous && !asksSchema ? null : refusalByLimits(schema, operation, isDecision);
      if (refusal !== null) return refusedWith(refusal);
      const selected = isAnonymous ? getOperationAST(document, operationName) : null;
      if (selected) return answerAnonymous(document, selected, variableValues);
      return runOperation({
        ...{ schema, document, operationName, variableValues, contextValue },
        hideSuggestions: !anonymousIntrospection,
        options: { maxCoercionErrors: MAX_ERRORS },
      });
    };
    return maskErrors(await run(), contextValue.origin.correlationId, log);
  };
}

function refusedWith(refusal: Refusal): ExecutionResult {
  return { errors: [new GraphQLError(refusal.detail, { originalError: new RefusedError(refusal) })] };
}
