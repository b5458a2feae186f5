import {
  Kind,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { DEFAULT_PAGE_SIZE } from '../domain/page';
import { validationRefusal, type Refusal } from '../domain/refusal';
import type { Operation } from './execute';

/** How many fields may stand inside each other. */
const MAX_DEPTH = 12;
/** How many fields an operation may ask of Query or Mutation. */
const MAX_ROOT_FIELDS = 10;
/** How many values an answer may hold: fields, times the sizes of the lists around them. */
const MAX_VALUES = 250_000;

/** The fields that are lists by page. */
const LISTS: ReadonlySet<string> = new Set(['actions', 'auditLogs', 'users', 'history']);
/** How long a list that comes whole can be: a quorum is at most ten, a bulk 500. Of the schema, how long they are. */
const WHOLE_LISTS: Readonly<Record<string, number>> = {
  votes: 10,
  results: 500,
  warnings: 10,
  types: 100,
  fields: 8,
  args: 2,
  inputFields: 2,
  enumValues: 3,
  directives: 10,
  scoringRules: 50,
};

/** What a selection asks for; fragments and aliases included. Introspection has no depth: its own query is 15 deep. */
interface Extent {
  readonly depth: number;
  readonly values: number;
  /** Fields on the selection's own level, and those of them that decide. */
  readonly fields: number;
  readonly decisions: number;
}

const NOTHING: Extent = { depth: 0, values: 0, fields: 0, decisions: 0 };

/**
 * The refusal of an operation that asks for more than one may, or null: two decisions (they would be a hidden bulk,
 * contract 3), or more depth, root fields or values than an honest one needs; unlimited, a reader's one query could
 * stop the process.
 * @param isDecision whether a root field decides
 */
export function refusalByLimits(
  { document, operationName, variables }: Operation,
  isDecision: (rootField: string) => boolean,
): Refusal | null {
  // graphql-js takes null for not given, too.
  const isUnnamed = (operationName ?? null) === null;
  const operation = document.definitions.find(
    (definition): definition is OperationDefinitionNode =>
      definition.kind === Kind.OPERATION_DEFINITION &&
      (isUnnamed || definition.name?.value === operationName),
  );
  if (operation === undefined) return null;
  const given = { ...defaultsOf(operation), ...variables };
  const { depth, values, fields, decisions } = measure(document, operation.selectionSet, given, isDecision);
  if (decisions > 1)
    return refusal(
      'An operation may hold one decision; use bulkApproveActions or bulkRejectActions for several actions',
    );
  if (depth > MAX_DEPTH)
    return refusal(`An operation may be ${String(MAX_DEPTH)} fields deep, not ${String(depth)}`);
  if (fields > MAX_ROOT_FIELDS)
    return refusal(`An operation may have ${String(MAX_ROOT_FIELDS)} root fields, not ${String(fields)}`);
  if (values > MAX_VALUES)
    return refusal(`An operation may ask for ${String(MAX_VALUES)} values: make its pages smaller`);
  return null;
}

/** The defaults of an operation's variables that can be page sizes. */
function defaultsOf({ variableDefinitions }: OperationDefinitionNode): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    (variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
      defaultValue?.kind === Kind.INT ? [[variable.name.value, Number(defaultValue.value)]] : [],
    ),
  );
}

function measure(
  document: DocumentNode,
  root: SelectionSetNode,
  variables: Readonly<Record<string, unknown>>,
  isDecision: (rootField: string) => boolean,
): Extent {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  // Measured once each, or a chain of fragments that spread each other twice would take exponential time.
  const measured = new Map<string, Extent>();

  const ofFragment = (name: string): Extent => {
    const known = measured.get(name) ?? ofSelections(fragments.get(name)?.selectionSet);
    measured.set(name, known);
    return known;
  };
  const ofField = (field: FieldNode): Extent => {
    const name = field.name.value;
    const inner = ofSelections(field.selectionSet);
    if (name === '__schema' || name === '__type') return { ...inner, depth: 0, fields: 1 };
    const size = LISTS.has(name) ? pageSizeOf(field, variables) : (WHOLE_LISTS[name] ?? 1);
    const decisions = !name.startsWith('__') && isDecision(name) ? 1 : 0;
    return { depth: 1 + inner.depth, values: 1 + size * inner.values, fields: 1, decisions };
  };
  const ofSelection = (selection: SelectionNode): Extent => {
    if (selection.kind === Kind.FIELD) return ofField(selection);
    return selection.kind === Kind.FRAGMENT_SPREAD
      ? ofFragment(selection.name.value)
      : ofSelections(selection.selectionSet);
  };
  const ofSelections = (selections: SelectionSetNode | undefined): Extent =>
    (selections?.selections ?? []).map(ofSelection).reduce(
      (sum, extent) => ({
        depth: Math.max(sum.depth, extent.depth),
        values: sum.values + extent.values,
        fields: sum.fields + extent.fields,
        decisions: sum.decisions + extent.decisions,
      }),
      NOTHING,
    );
  return ofSelections(root);
}

/** How many rows a list is asked for; what is no number is refused later, where the page is read. */
function pageSizeOf(field: FieldNode, variables: Readonly<Record<string, unknown>>): number {
  for (const { name, value } of field.arguments ?? []) {
    if (name.value !== 'first' && name.value !== 'last') continue;
    const size =
      value.kind === Kind.VARIABLE ? variables[value.name.value] : value.kind === Kind.INT && value.value;
    if (Number(size) > 0) return Number(size);
  }
  return DEFAULT_PAGE_SIZE;
}

function refusal(msg: string): Refusal {
  return validationRefusal([{ loc: ['query'], msg, type: 'limit' }]);
}
