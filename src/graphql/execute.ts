import { execute, GraphQLError, type DocumentNode, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { RefusedError } from '../domain/refusal';
import type { Logger } from '../observability/logger';
import type { AuthorizeDirective } from './authorize.directive';
import type { RequestContext } from './context';
import { maskErrors } from './errors';
import { refusalByLimits } from './limits';

/** A validated document and what to run of it. */
export interface Operation {
  readonly document: DocumentNode;
  readonly operationName?: string | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

export type ExecuteOperation = (operation: Operation, context: RequestContext) => Promise<ExecutionResult>;

/** The one way in which an operation runs, from either door: within the limits, executed, errors masked. */
export function makeExecuteOperation(
  schema: GraphQLSchema,
  authorize: AuthorizeDirective,
  log: Logger,
): ExecuteOperation {
  const isDecision = (rootField: string): boolean => authorize.isDecision(rootField);
  return async (operation, contextValue) => {
    const { document, operationName, variables: variableValues } = operation;
    const run = async (): Promise<ExecutionResult> => {
      const refusal = refusalByLimits(operation, isDecision);
      if (refusal !== null)
        return { errors: [new GraphQLError(refusal.detail, { originalError: new RefusedError(refusal) })] };
      return execute({ schema, document, operationName, variableValues, contextValue });
    };
    return maskErrors(await run(), contextValue.origin.correlationId, log);
  };
}
