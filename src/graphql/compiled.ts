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
import { makeMeasure } from './extent';

/**
 * After how many runs an operation is compiled. Compiling one takes longer than running it, so whoever sends another one
 * each time would be served more slowly for nothing; and nobody makes the process compile who has not paid for more.
 */
const RUNS_BEFORE = 16;
/** How many fields a compiled operation has at most, with its fragments spread: compiling so many takes some ten milliseconds. */
const MAX_FIELDS = 200;
/** How many compiled operations are kept: those that ran last. */
const MAX_KEPT = 256;

/** A compiled operation. */
interface Compiled {
  readonly query: CompiledQuery['query'];
  /** The variables that graphql-jit would not treat as it should where they are null or not given. */
  readonly needed: readonly string[];
}

/** Executes an operation of a valid document, within the limits. */
export type RunOperation = (args: ExecutionArgs) => Promise<ExecutionResult>;

/**
 * Runs operations by graphql-js, and those that come again and again by the JavaScript that graphql-jit makes of them.
 * @param runsBefore after how many runs an operation is compiled, 0 or more
 */
export function makeRunOperation(runsBefore = RUNS_BEFORE): RunOperation {
  const runs = new WeakMap<OperationDefinitionNode, number>();
  /** In the order in which they ran last. */
  const kept = new Map<OperationDefinitionNode, Compiled | null>();

  const compiledOf = (args: ExecutionArgs, operation: OperationDefinitionNode): Compiled | null => {
    const before = runs.get(operation) ?? 0;
    if (before < runsBefore) {
      runs.set(operation, before + 1);
      return null;
    }
    const known = kept.get(operation);
    const compiled = known === undefined ? compile(args, operation) : known;
    kept.delete(operation);
    kept.set(operation, compiled);
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT && oldest !== undefined) {
      kept.delete(oldest);
      runs.delete(oldest);
    }
    return compiled;
  };
  return async (args) => {
    const operation = getOperationAST(args.document, args.operationName);
    const compiled = operation ? compiledOf(args, operation) : null;
    if (!operation || compiled === null) return execute(args);
    const { variableDefinitions = [] } = operation;
    const { coerced } = getVariableValues(args.schema, variableDefinitions, args.variableValues ?? {}, {
      maxErrors: 1,
    });
    // What is wrong with them graphql-js says itself.
    if (coerced === undefined || compiled.needed.some((name) => (coerced[name] ?? null) === null))
      return execute(args);
    return compiled.query({}, args.contextValue, coerced);
  };
}

/**
 * Null for what graphql-js has to execute: what is very large; what has directives, since graphql-jit answers fragments
 * under a condition wrongly; what has a name in it that would be none in an object of JavaScript's.
 */
function compile({ schema, document }: ExecutionArgs, operation: OperationDefinitionNode): Compiled | null {
  const { allFields, directives } = makeMeasure(schema, document)(operation);
  const isPlain = directives === 0 && operation.loc?.source.body.includes('__proto__') === false;
  if (allFields > MAX_FIELDS || !isPlain) return null;
  const compiled = compileQuery(schema, withVariablesRead(document, operation), operation.name?.value);
  if (!isCompiledQuery(compiled)) return null;
  return { query: compiled.query, needed: neededIn(schema, document) };
}

/** The variables of a document that stand where null is no value, or where one stands in for what is not given. */
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
 * The document for variables that graphql-js has read already, defaults and all: to graphql-jit, which leaves out defaults
 * inside of inputs, each is a value of any kind.
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
