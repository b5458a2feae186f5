import {
  getNullableType,
  isInputObjectType,
  isListType,
  type GraphQLArgument,
  type GraphQLInputType,
} from 'graphql';
import type { InputFault } from '../domain/refusal';

/** The most members of a list in an argument, at any depth. */
const MAX_MEMBERS = 500;

/** Returns a fault for each list in a field's arguments that is too long. JSON values have limits of their own. */
export function faultsOfLists(
  args: Readonly<Record<string, unknown>>,
  fields: readonly Pick<GraphQLArgument, 'name' | 'type'>[],
  loc: readonly (string | number)[] = [],
): readonly InputFault[] {
  return fields.flatMap(({ name, type }) => faultsIn(args[name], type, [...loc, name]));
}

function faultsIn(
  value: unknown,
  given: GraphQLInputType,
  loc: readonly (string | number)[],
): readonly InputFault[] {
  const type = getNullableType(given);
  if (isListType(type) && Array.isArray(value)) {
    if (value.length <= MAX_MEMBERS)
      return value.flatMap((member: unknown, index) => faultsIn(member, type.ofType, [...loc, index]));
    const msg = `must have at most ${String(MAX_MEMBERS)} members, not ${String(value.length)}`;
    return [{ loc, msg, type: 'length' }];
  }
  if (!isInputObjectType(type) || typeof value !== 'object' || value === null) return [];
  return faultsOfLists(value as Readonly<Record<string, unknown>>, Object.values(type.getFields()), loc);
}
