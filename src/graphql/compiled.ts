import {
  execute,
  getOperationAST,
  getVariableValues,
  isNonNullType,
  Kind,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type VariableDefinitionNode,
  type VariableNode,
} from 'graphql';
import { compileQuery, isCompiledQuery, type CompiledQuery } from 'graphql-jit';
import { GraphQLJSON } from 'graphql-scalars';
import { LRUCache } from 'lru-cache';
import { makeMeasure } from './query-cost';

/**
 * The number of runs after which an operation is compiled. Compiling takes longer than one run: without this threshold,
 * clients whose operations all differ would be slower, and a client could make the process compile at little cost.
 */
const RUNS_BEFORE = 16;
/** The most fields of a compiled operation, with its fragments spread. Compiling so many takes about 10 ms. */
const MAX_FIELDS = 200;
/** The number of compiled operations that are kept: the most recently run. */
const MAX_KEPT = 256;

/** A compiled operation. */
interface Compiled {
  readonly query: CompiledQuery['query'];
  /** The variables that graphql-jit handles wrongly if they are null or missing. */
  readonly needed: readonly string[];
}

/** Executes an operation whose document is valid and within the limits. */
export type RunOperation = (args: ExecutionArgs) => Promise<ExecutionResult>;

/**
 * Creates the function that executes operations: graphql-js runs them, and graphql-jit compiles repeated operations.
 * @param runsBefore the number of runs after which an operation is compiled, 0 or more
 */
export function makeRunOperation(runsBefore = RUNS_BEFORE): RunOperation {
  const runs = new WeakMap<OperationDefinitionNode, number>();
  /** False for an operation that cannot be compiled. */
  const kept = new LRUCache<OperationDefinitionNode, Compiled | false>({
    max: MAX_KEPT,
    dispose: (_compiled, operation) => runs.delete(operation),
  });

  const compiledOf = (args: ExecutionArgs, operation: OperationDefinitionNode): Compiled | false => {
    const before = runs.get(operation) ?? 0;
    if (before < runsBefore) {
      runs.set(operation, before + 1);
      return false;
    }
    const known = kept.get(operation);
    if (known !== undefined) return known;
    const compiled = compile(args, operation);
    kept.set(operation, compiled);
    return compiled;
  };
  return async (args) => {
    const operation = getOperationAST(args.document, args.operationName);
    const compiled = operation ? compiledOf(args, operation) : false;
    if (!operation || !compiled) return execute(args);
    const { variableDefinitions = [] } = operation;
    const { coerced } = getVariableValues(args.schema, variableDefinitions, args.variableValues ?? {}, {
      maxErrors: 1,
    });
    // graphql-js reports invalid variables.
    if (coerced === undefined || compiled.needed.some((name) => (coerced[name] ?? null) === null))
      return execute(args);
    return compiled.query({}, args.contextValue, coerced);
  };
}

/**
 * Compiles an operation. Returns false if graphql-js has to execute it: if it is very large, if it has directives, since
 * graphql-jit answers conditional fragments wrongly, or if it contains `__proto__`, which is no ordinary object key.
 */
function compile({ schema, document }: ExecutionArgs, operation: OperationDefinitionNode): Compiled | false {
  const { allFields, directives } = makeMeasure(schema, document)(operation);
  const isPlain = directives === 0 && operation.loc?.source.body.includes('__proto__') === false;
  if (allFields > MAX_FIELDS || !isPlain) return false;
  const compiled = compileQuery(schema, withVariablesRead(document, operation), operation.name?.value);
  if (!isCompiledQuery(compiled)) return false;
  return { query: compiled.query, needed: neededIn(schema, document) };
}

/** Returns the variables that are used where null is not allowed, or where a missing value has a default. */
function neededIn(schema: GraphQLSchema, document: DocumentNode): readonly string[] {
  const types = new TypeInfo(schema);
  const names = new Set<string>();
  const visitor = {
    VariableDefinition: () => false,
    Variable: ({ name }: VariableNode) => {
      if (isNonNullType(types.getInputType()) || types.getDefaultValue() !== undefined) names.add(name.value);
    },
  };
  visit(document, visitWithTypeInfo(types, visitor));
  return [...names];
}

/**
 * Returns the document with all variables declared as JSON. graphql-js has already coerced them and filled in the
 * defaults, which graphql-jit would not do inside of inputs.
 */
function withVariablesRead(document: DocumentNode, operation: OperationDefinitionNode): DocumentNode {
  const type = { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: GraphQLJSON.name } } as const;
  const variableDefinitions = operation.variableDefinitions?.map(
    ({ kind, variable }): VariableDefinitionNode => ({ kind, variable, type }),
  );
  const definitions = document.definitions.map((definition) =>
    definition === operation
      ? { ...operation, ...(variableDefinitions && { variableDefinitions }) }
      : definition,
  );
  return { ...document, definitions };
}
