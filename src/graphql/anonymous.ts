import { MapperKind, mapSchema } from '@graphql-tools/utils';
import {
  execute,
  Kind,
  separateOperations,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type ExecutionResult,
  type FieldNode,
  type GraphQLFieldConfig,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { MISSING_AUTH } from '../api/caller-checks';
import { RefusedError } from '../domain/refusal';

/** Executes an operation of a caller without a credential. */
export type AnswerAnonymous = (
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variableValues: Readonly<Record<string, unknown>> | undefined,
) => ExecutionResult | Promise<ExecutionResult>;

/**
 * Creates the function that executes anonymous operations. Every root field fails with MISSING_AUTH, whatever its
 * arguments are; `__typename`, `__schema` and `__type` work as usual. Only the variables of those three, and of
 * `@include` and `@skip`, are coerced, so that an anonymous caller gets no errors about other inputs.
 */
export function makeAnswerAnonymous(schema: GraphQLSchema): AnswerAnonymous {
  const closed = mapSchema(schema, {
    [MapperKind.ROOT_FIELD]: (field: GraphQLFieldConfig<unknown, unknown>) => ({
      ...field,
      args: {},
      resolve: refuse,
    }),
  });
  return (document, operation, variableValues) => {
    const asked = withoutUnreadVariables(withoutClosedFields(schema, document), operation);
    const operationName = operation.name?.value;
    return execute({ schema: closed, document: asked, operationName, variableValues });
  };
}

function refuse(): never {
  throw new RefusedError(MISSING_AUTH);
}

/** Returns the document without the arguments and selections of root fields that require a credential. */
function withoutClosedFields(schema: GraphQLSchema, document: DocumentNode): DocumentNode {
  const types = new TypeInfo(schema);
  const roots = [schema.getQueryType(), schema.getMutationType()];
  const enter = (field: FieldNode): FieldNode | undefined => {
    const isClosed = roots.includes(types.getParentType() as never) && !field.name.value.startsWith('__');
    if (!isClosed) return undefined;
    const { kind, name, alias, directives, loc } = field;
    return { kind, name, ...(alias && { alias }), ...(directives && { directives }), ...(loc && { loc }) };
  };
  return visit(document, visitWithTypeInfo(types, { Field: { enter } }));
}

/** Returns the operation and the fragments that it still spreads, without the variables that are no longer used. */
function withoutUnreadVariables(document: DocumentNode, { name }: OperationDefinitionNode): DocumentNode {
  const reached = separateOperations(document)[name?.value ?? ''] ?? document;
  const used = new Set<string>();
  visit(reached, {
    VariableDefinition: () => false,
    Variable: ({ name: variable }) => {
      used.add(variable.value);
    },
  });
  const definitions = reached.definitions.map((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION && definition.variableDefinitions !== undefined
      ? {
          ...definition,
          variableDefinitions: definition.variableDefinitions.filter(({ variable }) =>
            used.has(variable.name.value),
          ),
        }
      : definition,
  );
  return { ...reached, definitions };
}
