import {
  getOperationAST,
  GraphQLError,
  Kind,
  OperationTypeNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type ParseOptions,
  type ValidationRule,
} from 'graphql';
import type { Operation } from '../api/operation';
import { MAX_ANSWER_SIZE } from '../domain/answer-budget';
import { MAX_ERRORS, validationRefusal, type Refusal } from '../domain/refusal';
import { makeMeasure, type QueryCost } from './query-cost';

/** The longest document, in tokens. It bounds every step that takes more than linear time. */
export const PARSE_LIMITS: ParseOptions = { maxLexicalTokens: 1_000 };
/** The number of errors after which validation stops. graphql-js then adds one more error, which says so. */
export const MAX_VALIDATION_ERRORS = MAX_ERRORS - 1;
/** The most selections of an operation with its fragments spread. Apollo checks this before all other limits. */
export const MAX_RECURSIVE_SELECTIONS = 5_000;

/** The limits of an operation that do not depend on its variables, counted with its fragments spread. */
const MOST: readonly (readonly [of: keyof QueryCost, most: number, what: string])[] = [
  ['depth', 12, 'be 12 fields deep'],
  ['fields', 10, 'have 10 root fields'],
  ['aliases', 15, 'have 15 aliases and repeated fields'],
  ['directives', 10, 'have 10 directives'],
  ['spreads', 50, 'spread 50 fragments'],
];
/** The most values that an answer may contain. */
const MAX_VALUES = 250_000;

/**
 * A validation rule that limits the query cost of each operation, so that no single query can stall the process.
 * The document must be valid otherwise.
 */
export const withinLimits: ValidationRule = (context) => {
  const measure = makeMeasure(context.getSchema(), context.getDocument());
  return {
    OperationDefinition: (operation) => {
      const cost = measure(operation);
      for (const [of, most, what] of MOST)
        if (cost[of] > most)
          context.reportError(
            new GraphQLError(`An operation may ${what}, not ${String(cost[of])}`, { nodes: operation }),
          );
      return false;
    },
    FragmentDefinition: () => false,
  };
};

/** The bounds of operations whose query cost does not depend on variables. */
const known = new WeakMap<OperationDefinitionNode, Bounds>();

/** The result of checking an operation against the limits. */
export interface Bounds {
  /** Null if the operation is within the limits. */
  readonly refusal: Refusal | null;
  /** The largest possible answer, in bytes of JSON. */
  readonly size: number;
}

/**
 * Checks a valid operation against the limits of its execution. A second decision or submission is refused, since it
 * would be a hidden bulk (docs/graphql-api.md#mutations), as are nested pages or mutation answers that are too large.
 * @param isDecision whether a root field is a decision mutation
 */
export function boundsOf(
  schema: GraphQLSchema,
  { document, operationName, variables }: Operation,
  isDecision: (rootField: string) => boolean,
): Bounds {
  const operation = getOperationAST(document, operationName);
  // Without a selected operation, graphql-js reports the error.
  if (!operation) return { refusal: null, size: 0 };
  const before = known.get(operation);
  if (before !== undefined) return before;
  const sizes = new Set<string>();
  const variable = (name: string): unknown => {
    sizes.add(name);
    const given = variables?.[name];
    return given === undefined ? defaultOf(operation, name) : given;
  };
  const isMutation = operation.operation === OperationTypeNode.MUTATION;
  const cost = makeMeasure(schema, document, variable, isDecision)(operation);
  const bounds = { refusal: refusalOf(cost, isMutation), size: cost.size };
  if (sizes.size === 0) known.set(operation, bounds);
  return bounds;
}

function refusalOf({ values, size, decisions, submissions }: QueryCost, isMutation: boolean): Refusal | null {
  if (decisions > 1)
    return refusal(
      'An operation may hold one decision; use bulkApproveActions or bulkRejectActions for several actions',
    );
  if (submissions > 1) return refusal('An operation may submit one action');
  // A committed mutation must be reported, so the size of its answer is limited before it runs.
  if (isMutation && size > MAX_ANSWER_SIZE)
    return refusal(
      `The answer to this mutation could pass ${String(MAX_ANSWER_SIZE / 1_000_000)} MB: name fewer actions or fields`,
    );
  if (values > MAX_VALUES)
    return refusal(`An operation may ask for ${String(MAX_VALUES)} values: make its pages smaller`);
  return null;
}

/** Returns the integer default of a variable, which can be a page size; undefined for other variables. */
function defaultOf({ variableDefinitions }: OperationDefinitionNode, name: string): unknown {
  const value = variableDefinitions?.find(({ variable }) => variable.name.value === name)?.defaultValue;
  return value?.kind === Kind.INT ? Number(value.value) : undefined;
}

function refusal(msg: string): Refusal {
  return validationRefusal([{ loc: ['query'], msg, type: 'limit' }]);
}
