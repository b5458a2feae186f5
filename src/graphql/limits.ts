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
import { MAX_ANSWER_SIZE } from '../domain/answer-budget';
import { MAX_ERRORS, validationRefusal, type Refusal } from '../domain/refusal';
import type { Operation } from './execute';
import { makeMeasure, type Extent } from './extent';

/** How long a document may be. Whatever takes more than linear time in it is bounded by this. */
export const PARSE_LIMITS: ParseOptions = { maxLexicalTokens: 1_000 };
/** After how many errors a document is read no further: one more error says so. */
export const MAX_VALIDATION_ERRORS = MAX_ERRORS - 1;
/** How many selections an operation may come to with its fragments spread: Apollo counts them before anything else. */
export const MAX_RECURSIVE_SELECTIONS = 5_000;

/** What an operation may ask for at most, whatever its variables are; all of it with its fragments spread. */
const MOST: readonly (readonly [of: keyof Extent, most: number, what: string])[] = [
  ['depth', 12, 'be 12 fields deep'],
  ['fields', 10, 'have 10 root fields'],
  ['aliases', 15, 'have 15 aliases and repeated fields'],
  ['directives', 10, 'have 10 directives'],
  ['spreads', 50, 'spread 50 fragments'],
];
/** How many values an answer may hold. */
const MAX_VALUES = 250_000;

/**
 * A validation rule that holds each operation of a document against what an honest one needs; unlimited, one reader's
 * query could stop the process. For documents that are valid otherwise.
 */
export const withinLimits: ValidationRule = (context) => {
  const measure = makeMeasure(context.getSchema(), context.getDocument());
  return {
    OperationDefinition: (operation) => {
      const extent = measure(operation);
      for (const [of, most, what] of MOST)
        if (extent[of] > most)
          context.reportError(
            new GraphQLError(`An operation may ${what}, not ${String(extent[of])}`, { nodes: operation }),
          );
      return false;
    },
    FragmentDefinition: () => false,
  };
};

/** What came of operations whose extent is the same whatever their variables are. */
const known = new WeakMap<OperationDefinitionNode, Bounds>();

/** What holding an operation against the limits told. */
export interface Bounds {
  /** Null where it is within them. */
  readonly refusal: Refusal | null;
  /** How large its answer is at most, in bytes of JSON. */
  readonly size: number;
}

/**
 * The bounds of a valid operation, and its refusal for what only its execution tells: two decisions or submissions (they would be a
 * hidden bulk, docs/graphql-api.md#mutations), or pages of pages that together are too large.
 * @param isDecision whether a root field decides
 */
export function boundsOf(
  schema: GraphQLSchema,
  { document, operationName, variables }: Operation,
  isDecision: (rootField: string) => boolean,
): Bounds {
  const operation = getOperationAST(document, operationName);
  // graphql-js says which one it misses.
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
  const extent = makeMeasure(schema, document, variable, isDecision)(operation);
  const bounds = { refusal: refusalOf(extent, isMutation), size: extent.size };
  if (sizes.size === 0) known.set(operation, bounds);
  return bounds;
}

function refusalOf({ values, size, decisions, submissions }: Extent, isMutation: boolean): Refusal | null {
  if (decisions > 1)
    return refusal(
      'An operation may hold one decision; use bulkApproveActions or bulkRejectActions for several actions',
    );
  if (submissions > 1) return refusal('An operation may submit one action');
  // Once it is executed, what it did has to be told: so what it might come to is bounded before.
  if (isMutation && size > MAX_ANSWER_SIZE)
    return refusal(
      `The answer to this mutation could pass ${String(MAX_ANSWER_SIZE / 1_000_000)} MB: name fewer actions or fields`,
    );
  if (values > MAX_VALUES)
    return refusal(`An operation may ask for ${String(MAX_VALUES)} values: make its pages smaller`);
  return null;
}

/** The default of an operation's variable that can be a page size. */
function defaultOf({ variableDefinitions }: OperationDefinitionNode, name: string): unknown {
  const value = variableDefinitions?.find(({ variable }) => variable.name.value === name)?.defaultValue;
  return value?.kind === Kind.INT ? Number(value.value) : undefined;
}

function refusal(msg: string): Refusal {
  return validationRefusal([{ loc: ['query'], msg, type: 'limit' }]);
}
