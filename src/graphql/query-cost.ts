import {
  getNamedType,
  isInterfaceType,
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
import { bulkPart, lengthOf, sizeOf, weightOf } from './value-sizes';

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
