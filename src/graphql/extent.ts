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
import { MAX_BULK_IDS } from '../domain/decision-request';
import { DEFAULT_PAGE_SIZE } from '../domain/page';
import { MAX_SCORING_RULES } from '../domain/scoring-rules';

/** What a selection asks for. What a fragment holds counts as often as the fragment is spread. */
export interface Extent {
  /** Fields inside each other. Introspection has no depth: its own query is 15 deep. */
  readonly depth: number;
  /** Fields, times the sizes of the lists around them; one that can be large counts as several. */
  readonly values: number;
  /** How large the answer is at most, in bytes of JSON. */
  readonly size: number;
  /** Fields on the selection's own level. */
  readonly fields: number;
  /** Fields on all levels. */
  readonly allFields: number;
  /** Those of them that decide. */
  readonly decisions: number;
  /** Those of them that submit an action. */
  readonly submissions: number;
  /** Fields with an alias, and fields that the same selection holds already: both ask again for what one field tells. */
  readonly aliases: number;
  readonly directives: number;
  readonly spreads: number;
}

/** Measures an operation of a document. */
export type Measure = (operation: OperationDefinitionNode) => Extent;

const NOTHING: Extent = {
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

/** How long a list that comes whole can be: a quorum is at most ten, a policy has 50 scoring rules, a bulk 500 items. Of the schema, how long they are. */
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
const OTHER_LISTS = 10;

/**
 * Measures the operations of a document.
 * @param variable the value of a variable that is a page size; one that is not given is the default
 * @param isDecision whether a root field decides
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
  // Measured once each, or a chain of fragments that spread each other twice would take exponential time.
  const measured = new Map<string, Extent>();

  const ofFragment = (name: string): Extent => {
    const known = measured.get(name);
    if (known !== undefined) return known;
    // What spreads itself ends here; validation refuses it.
    measured.set(name, NOTHING);
    const fragment = fragments.get(name);
    const type = fragment && typeFromAST(schema, fragment.typeCondition);
    const extent = ofSelections(fragment?.selectionSet, type, new Set());
    measured.set(name, extent);
    return extent;
  };
  const ofField = (field: FieldNode, parent: GraphQLNamedType | undefined, siblings: Set<string>): Extent => {
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
  ): Extent => {
    if (selection.kind === Kind.FIELD) return ofField(selection, parent, siblings);
    if (selection.kind === Kind.FRAGMENT_SPREAD)
      return sum(ofFragment(selection.name.value), { ...NOTHING, spreads: 1 });
    const { typeCondition } = selection;
    const type = typeCondition === undefined ? parent : typeFromAST(schema, typeCondition);
    // The same selection, written apart: what repeats in it repeats.
    return ofSelections(selection.selectionSet, type, siblings);
  };
  const ofSelections = (
    selectionSet: SelectionSetNode | undefined,
    parent: GraphQLNamedType | undefined,
    siblings: Set<string>,
  ): Extent =>
    (selectionSet?.selections ?? [])
      .map((selection) => sum(ofSelection(selection, parent, siblings), directivesOf(selection)))
      .reduce(sum, NOTHING);
  return (operation) =>
    sum(
      ofSelections(operation.selectionSet, schema.getRootType(operation.operation) ?? undefined, new Set()),
      directivesOf(operation),
    );
}

function sum(one: Extent, other: Extent): Extent {
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

function directivesOf({ directives }: SelectionNode | OperationDefinitionNode): Extent {
  return { ...NOTHING, directives: directives?.length ?? 0 };
}

/** The type of a field; undefined for what the schema does not have. */
function typeOf(name: string, parent: GraphQLNamedType | undefined): GraphQLOutputType | undefined {
  if (name === '__schema') return SchemaMetaFieldDef.type;
  if (name === '__type') return TypeMetaFieldDef.type;
  return isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name]?.type : undefined;
}

/** How large a value is at most, in bytes of JSON: texts that are longer than names, and JSON, by their own limits. */
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
/** Names and the like: 200 characters. */
const TEXT_SIZE = 600;
/** Numbers, ids, times, words of an enum. */
const OTHER_SIZE = 40;
/** What counts as one value. */
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

/** The part of the longest bulk that this one is, by its ids; 1 for other fields. */
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

/** How many values a field can have: a page's size counts where the connection stands, for its edges and all in them. */
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

/** How many rows a page is asked for; what is no number is refused later, where the page is read. */
function pageSizeOf(field: FieldNode, variable: (name: string) => unknown): number {
  for (const { name, value } of field.arguments ?? []) {
    if (name.value !== 'first' && name.value !== 'last') continue;
    const size =
      value.kind === Kind.VARIABLE ? variable(value.name.value) : value.kind === Kind.INT && value.value;
    if (Number(size) > 0) return Number(size);
  }
  return DEFAULT_PAGE_SIZE;
}
