import {
  getNamedType,
  getNullableType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  SchemaMetaFieldDef,
  typeFromAST,
  TypeMetaFieldDef,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { MAX_BULK_IDS } from '../domain/parsing';
import { DEFAULT_PAGE_SIZE } from '../domain/page';
import { MAX_SCORING_RULES } from '../domain/scoring-rules';

/** The query cost of a selection. The fields of a fragment count each time that it is spread. */
export interface QueryCost {
  /** Levels of nested fields. Introspection counts 0, since the standard introspection query is 15 levels deep. */
  readonly depth: number;
  /** Number of fields, times the sizes of the lists around them. A field that can be large counts as several. */
  readonly values: number;
  /** The largest possible answer, in bytes of JSON. */
  readonly size: number;
  /** Number of fields on the selection's own level. */
  readonly fields: number;
  /** Number of fields on all levels. */
  readonly allFields: number;
  /** Number of decision mutations. */
  readonly decisions: number;
  /** Number of submissions. */
  readonly submissions: number;
  /** Fields with an alias and fields repeated in one selection. Both can request the same value more than once. */
  readonly aliases: number;
  readonly directives: number;
  readonly spreads: number;
}

/** Measures the query cost of an operation. */
export type Measure = (operation: OperationDefinitionNode) => QueryCost;

const NOTHING: QueryCost = {
  depth: 0,
  values: 0,
  size: 0,
  fields: 0,
  allFields: 0,
  decisions: 0,
  submissions: 0,
  aliases: 0,
  directives: 0,
  spreads: 0,
};

/** The largest size of each unpaged list, by field name. For the introspection fields, about their actual sizes. */
const WHOLE_LISTS: Readonly<Record<string, number>> = {
  results: MAX_BULK_IDS,
  scoringRules: MAX_SCORING_RULES,
  auditSummary: 400,
  types: 100,
  fields: 8,
  args: 2,
  inputFields: 2,
  enumValues: 3,
};
/** For the other unpaged lists, such as votes: a quorum is at most 10. */
const OTHER_LISTS = 10;

/**
 * Creates a function that measures the operations of a document.
 * @param variable returns the value of a variable, which may be a page size or a list of ids
 * @param isDecision whether a root field is a decision mutation
 */
export function makeMeasure(
  schema: GraphQLSchema,
  document: DocumentNode,
  variable: (name: string) => unknown = () => undefined,
  isDecision: (rootField: string) => boolean = () => false,
): Measure {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  // Each fragment is measured once: a chain of fragments that spread the next one twice would take exponential time.
  const measured = new Map<string, QueryCost>();

  const ofFragment = (name: string): QueryCost => {
    const known = measured.get(name);
    if (known !== undefined) return known;
    // Ends the recursion for a fragment that spreads itself, which validation refuses.
    measured.set(name, NOTHING);
    const fragment = fragments.get(name);
    const type = fragment && typeFromAST(schema, fragment.typeCondition);
    const cost = ofSelections(fragment?.selectionSet, type, new Set());
    measured.set(name, cost);
    return cost;
  };
  const ofField = (
    field: FieldNode,
    parent: GraphQLNamedType | undefined,
    siblings: Set<string>,
  ): QueryCost => {
    const name = field.name.value;
    const key = field.alias?.value ?? name;
    const type = typeOf(name, parent);
    const inner = ofSelections(field.selectionSet, type && getNamedType(type), new Set());
    const isAgain = field.alias !== undefined || siblings.has(key);
    siblings.add(key);
    const length = lengthOf(field, type, parent, variable);
    const isIntrospection = name === '__schema' || name === '__type';
    return {
      depth: isIntrospection ? 0 : 1 + inner.depth,
      values: weightOf(name, parent) + length * inner.values,
      size:
        key.length +
        4 +
        length * (inner.size * bulkPart(field, type, variable) + 3) +
        (inner.fields === 0 ? sizeOf(name, type, parent) : 0),
      fields: 1,
      allFields: 1 + inner.allFields,
      decisions: !name.startsWith('__') && isDecision(name) ? 1 : 0,
      submissions: name === 'submitAction' ? 1 : 0,
      aliases: inner.aliases + (isAgain ? 1 : 0),
      directives: inner.directives,
      spreads: inner.spreads,
    };
  };
  const ofSelection = (
    selection: SelectionNode,
    parent: GraphQLNamedType | undefined,
    siblings: Set<string>,
  ): QueryCost => {
    if (selection.kind === Kind.FIELD) return ofField(selection, parent, siblings);
    if (selection.kind === Kind.FRAGMENT_SPREAD)
      return sum(ofFragment(selection.name.value), { ...NOTHING, spreads: 1 });
    const { typeCondition } = selection;
    const type = typeCondition === undefined ? parent : typeFromAST(schema, typeCondition);
    // An inline fragment belongs to the selection around it, so repeated fields are counted across both.
    return ofSelections(selection.selectionSet, type, siblings);
  };
  const ofSelections = (
    selectionSet: SelectionSetNode | undefined,
    parent: GraphQLNamedType | undefined,
    siblings: Set<string>,
  ): QueryCost =>
    (selectionSet?.selections ?? [])
      .map((selection) => sum(ofSelection(selection, parent, siblings), directivesOf(selection)))
      .reduce(sum, NOTHING);
  return (operation) =>
    sum(
      ofSelections(operation.selectionSet, schema.getRootType(operation.operation) ?? undefined, new Set()),
      directivesOf(operation),
    );
}

function sum(one: QueryCost, other: QueryCost): QueryCost {
  return {
    depth: Math.max(one.depth, other.depth),
    values: one.values + other.values,
    size: one.size + other.size,
    fields: one.fields + other.fields,
    allFields: one.allFields + other.allFields,
    decisions: one.decisions + other.decisions,
    submissions: one.submissions + other.submissions,
    aliases: one.aliases + other.aliases,
    directives: one.directives + other.directives,
    spreads: one.spreads + other.spreads,
  };
}

function directivesOf({ directives }: SelectionNode | OperationDefinitionNode): QueryCost {
  return { ...NOTHING, directives: directives?.length ?? 0 };
}

/** Returns the type of a field; undefined if the schema does not have it. */
function typeOf(name: string, parent: GraphQLNamedType | undefined): GraphQLOutputType | undefined {
  if (name === '__schema') return SchemaMetaFieldDef.type;
  if (name === '__type') return TypeMetaFieldDef.type;
  return isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name]?.type : undefined;
}

/** The largest size of long texts and JSON values, in bytes of JSON, from their own limits. */
const SIZES: Readonly<Record<string, number>> = {
  'Action.parameters': 65_536,
  'Action.context': 16_384,
  'Action.riskIndicators': 16_384,
  'Action.description': 30_000,
  'Action.targetResource': 6_000,
  'Action.reason': 6_000,
  'ActionDecision.reason': 6_000,
  'ActionSubmission.reason': 6_000,
  'ApprovalPolicy.reason': 6_000,
  'ApprovalPolicyVersion.reason': 6_000,
  'AuditLog.reason': 6_000,
  'AuditLog.details': 1_000,
  'AuditLog.data': 65_536,
  'AuditLog.userAgent': 2_000,
  'Vote.reason': 6_000,
};
/** The largest size of other texts, such as names of 200 characters, in bytes. */
const TEXT_SIZE = 600;
/** The largest size of numbers, ids, times and enum values, in bytes. */
const OTHER_SIZE = 40;
/** Up to this size, in bytes, a field counts as one value. */
const VALUE_SIZE = 4_000;

function weightOf(name: string, parent: GraphQLNamedType | undefined): number {
  return Math.ceil((SIZES[`${parent?.name ?? ''}.${name}`] ?? 1) / VALUE_SIZE);
}

function sizeOf(
  name: string,
  type: GraphQLOutputType | undefined,
  parent: GraphQLNamedType | undefined,
): number {
  const own = SIZES[`${parent?.name ?? ''}.${name}`];
  return own ?? (type && getNamedType(type).name === 'String' ? TEXT_SIZE : OTHER_SIZE);
}

/** Returns the size of a bulk relative to the largest bulk, 0 to 1, by its number of ids. 1 for other fields. */
function bulkPart(
  { arguments: args }: FieldNode,
  type: GraphQLOutputType | undefined,
  variable: (name: string) => unknown,
): number {
  if (type === undefined || getNamedType(type).name !== 'BulkDecision') return 1;
  const ids = args?.find(({ name }) => name.value === 'actionIds')?.value;
  const given = ids?.kind === Kind.VARIABLE ? variable(ids.name.value) : undefined;
  const count = ids?.kind === Kind.LIST ? ids.values.length : Array.isArray(given) ? given.length : 1;
  return Math.min(1, count / MAX_BULK_IDS);
}

/** Returns how many values a field can have. The page size counts at the connection field, so its `edges` count 1. */
function lengthOf(
  field: FieldNode,
  type: GraphQLOutputType | undefined,
  parent: GraphQLNamedType | undefined,
  variable: (name: string) => unknown,
): number {
  if (type === undefined) return 1;
  if (isConnection(getNamedType(type))) return pageSizeOf(field, variable);
  if (!isListType(getNullableType(type)) || isConnection(parent)) return 1;
  return WHOLE_LISTS[field.name.value] ?? OTHER_LISTS;
}

function isConnection(type: GraphQLNamedType | undefined): boolean {
  return type?.name.endsWith('Connection') === true;
}

/** Returns the requested page size, or the default. The page's reader refuses an invalid size later. */
function pageSizeOf(field: FieldNode, variable: (name: string) => unknown): number {
  for (const { name, value } of field.arguments ?? []) {
    if (name.value !== 'first' && name.value !== 'last') continue;
    const size =
      value.kind === Kind.VARIABLE ? variable(value.name.value) : value.kind === Kind.INT && value.value;
    if (Number(size) > 0) return Number(size);
  }
  return DEFAULT_PAGE_SIZE;
}
