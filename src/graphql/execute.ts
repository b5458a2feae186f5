import {
  execute,
  GraphQLError,
  Kind,
  OperationTypeNode,
  type DocumentNode,
  type ExecutionResult,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { Logger } from '../observability/logger';
import { RefusedError, validationRefusal } from '../domain/refusal';
import type { AuthorizeDirective } from './authorize.directive';
import type { RequestContext } from './context';
import { maskErrors } from './errors';

/** A validated document and what to run of it. */
export interface Operation {
  readonly document: DocumentNode;
  readonly operationName?: string | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

export type ExecuteOperation = (operation: Operation, context: RequestContext) => Promise<ExecutionResult>;

/** The one way in which an operation runs, from either door: one decision at most, executed, errors masked. */
export function makeExecuteOperation(
  schema: GraphQLSchema,
  authorize: AuthorizeDirective,
  log: Logger,
): ExecuteOperation {
  return async ({ document, operationName, variables }, contextValue) => {
    const { correlationId } = contextValue.origin;
    const run = async (): Promise<ExecutionResult> => {
      if (countDecisions(document, operationName, authorize) > 1) return { errors: [tooManyDecisions()] };
      return execute({ schema, document, operationName, variableValues: variables, contextValue });
    };
    return maskErrors(await run(), correlationId, log);
  };
}

function tooManyDecisions(): GraphQLError {
  const msg =
    'An operation may hold one decision; use bulkApproveActions or bulkRejectActions for several actions';
  const refusal = validationRefusal([{ loc: ['query'], msg, type: 'one_decision' }]);
  return new GraphQLError(msg, { originalError: new RefusedError(refusal) });
}

/** How many decisions the operation asks for, aliases and fragments included: they would be a hidden bulk (contract 3). */
function countDecisions(
  document: DocumentNode,
  operationName: string | undefined,
  authorize: AuthorizeDirective,
): number {
  const operation = document.definitions.find(
    (definition): definition is OperationDefinitionNode =>
      definition.kind === Kind.OPERATION_DEFINITION &&
      (operationName === undefined || definition.name?.value === operationName),
  );
  if (operation?.operation !== OperationTypeNode.MUTATION) return 0;
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  // Counted once each, or a chain of fragments that spread each other twice would take exponential time.
  const counted = new Map<string, number>();

  const countFragment = (name: string): number => {
    const known = counted.get(name);
    const fragment = fragments.get(name);
    if (known !== undefined || fragment === undefined) return known ?? 0;
    const decisions = count(fragment.selectionSet);
    counted.set(name, decisions);
    return decisions;
  };
  const count = (selections: SelectionSetNode): number =>
    selections.selections.reduce((sum, selection) => {
      if (selection.kind === Kind.INLINE_FRAGMENT) return sum + count(selection.selectionSet);
      if (selection.kind === Kind.FRAGMENT_SPREAD) return sum + countFragment(selection.name.value);
      const name = selection.name.value;
      return name.startsWith('__') || authorize.requirementOf(name).verdict === null ? sum : sum + 1;
    }, 0);
  return count(operation.selectionSet);
}
