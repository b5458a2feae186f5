import {
  getNamedType,
  getNullableType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  type GraphQLObjectType,
  type GraphQLOutputType,
} from 'graphql';
import { z } from 'zod';
import { ID, TEXT, TIME } from './vocabulary';

/**
 * Returns the schema that a property of REST has to have if it shows a field of a GraphQL type, and the field's
 * description.
 * @param path of the field: `decidedBy.id`
 * @throws {Error} if there is no such field
 */
export function fieldOf(
  type: GraphQLObjectType,
  path: string,
): { readonly schema: z.ZodType; readonly description: string | undefined } {
  let at: GraphQLOutputType = type;
  let isNullable = false;
  let description: string | undefined;
  for (const name of path.split('.')) {
    const named: unknown = getNamedType(at);
    const found = isObjectType(named) ? named.getFields()[name] : undefined;
    if (found === undefined) throw new Error(`${type.name} has no ${path}`);
    at = found.type;
    isNullable ||= !isNonNullType(at);
    description = found.description ?? description;
  }
  const schema = schemaOf(at);
  return { schema: isNullable ? schema.nullable() : schema, description };
}

/** The REST schema of each scalar. */
const SCALARS: Readonly<Record<string, z.ZodType>> = {
  ID,
  DateTime: TIME,
  String: TEXT,
  Int: z.int(),
  Float: z.number(),
  Boolean: z.boolean(),
};

function schemaOf(type: GraphQLOutputType): z.ZodType {
  const given = getNullableType(type);
  if (isListType(given)) return z.array(schemaOf(given.ofType));
  if (isEnumType(given)) {
    const values = given.getValues().map(({ name }) => name);
    // Error codes are the same in both APIs. Other enum values are in lower case over REST.
    return z.enum(given.name === 'ErrorCode' ? values : values.map((value) => value.toLowerCase()));
  }
  const scalar = SCALARS[given.name];
  if (scalar === undefined) throw new Error(`REST has no way to write ${given.name}`);
  return scalar;
}
