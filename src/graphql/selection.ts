import { Kind, type FieldNode, type GraphQLResolveInfo, type SelectionSetNode } from 'graphql';

/** Caches the result of `namesBelow` by the field's nodes in one document. */
const known = new WeakMap<readonly FieldNode[], ReadonlySet<string>>();

/**
 * Returns the names of all fields in a field's selection, at any depth and under any condition. Columns of other fields
 * need not be read.
 */
export function namesBelow({
  fieldNodes,
  fragments,
}: Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments'>): ReadonlySet<string> {
  const found = known.get(fieldNodes);
  if (found !== undefined) return found;
  const names = new Set<string>();
  const spread = new Set<string>();
  const visit = (selectionSet: SelectionSetNode | undefined): void => {
    for (const selection of selectionSet?.selections ?? []) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const name = selection.name.value;
        if (spread.has(name)) continue;
        spread.add(name);
        visit(fragments[name]?.selectionSet);
        continue;
      }
      if (selection.kind === Kind.FIELD) names.add(selection.name.value);
      visit(selection.selectionSet);
    }
  };
  for (const { selectionSet } of fieldNodes) visit(selectionSet);
  known.set(fieldNodes, names);
  return names;
}
