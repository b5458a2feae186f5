import {
  getNamedType,
  getNullableType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
} from 'graphql';

/** The part of JSON Schema (2020-12) that the document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
}

/** See docs/rest-api.md#ids. */
export const ID: Schema = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER };
/** See docs/rest-api.md#times. */
export const TIME: Schema = {
  type: 'string',
  format: 'date-time',
  pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$',
  description: 'UTC, in whole seconds.',
};
export const TEXT: Schema = { type: 'string' };
export const COUNT: Schema = { type: 'integer', minimum: 0 };
/** Text that PostgreSQL can store. */
export const PLAIN_TEXT: Schema = { type: 'string', pattern: '^[^\\u0000]*$' };

export function ref(component: string): Schema {
  return { $ref: `#/components/schemas/${component}` };
}

export function oneOf(values: readonly (string | number)[]): Schema {
  return { type: 'string', enum: values };
}

export function listOf(items: Schema): Schema {
  return { type: 'array', items };
}

/** Returns a schema that also allows null. */
export function orNull({ type, enum: values, anyOf, ...schema }: Schema): Schema {
  if (schema.$ref !== undefined) return { anyOf: [schema, { type: 'null' }] };
  return {
    ...schema,
    ...(type !== undefined && { type: [type, 'null'].flat() }),
    ...(values !== undefined && { enum: [...values, null] }),
    ...(anyOf !== undefined && { anyOf: [...anyOf, { type: 'null' }] }),
  };
}

/** Returns the schema of an object with exactly these properties. A name that ends in `?` is optional. */
export function object(properties: Readonly<Record<string, Schema>>): Schema {
  const entries = Object.entries(properties).map(
    ([name, schema]) => [name.replace('?', ''), schema] as const,
  );
  return {
    type: 'object',
    properties: Object.fromEntries(entries),
    required: Object.keys(properties).filter((name) => !name.endsWith('?')),
    additionalProperties: false,
  };
}

/** Returns an object type of the GraphQL schema. @throws {Error} if there is none of that name */
export function objectType(schema: GraphQLSchema, name: string): GraphQLObjectType {
  const type = schema.getType(name);
  if (isObjectType(type)) return type;
  throw new Error(`The schema has no type ${name}`);
}

/**
 * Like `object`, but a property may be the path of a field of the GraphQL type, such as `decidedBy.id`. The property
 * then has the type, description and nullability of that field.
 * @throws {Error} if there is no such field
 */
export function objectOf(
  type: GraphQLObjectType,
  properties: Readonly<Record<string, string | Schema>>,
): Schema {
  const shown = Object.entries(properties).map(([name, from]) => [
    name,
    typeof from === 'string' ? fieldOf(type, from) : from,
  ]);
  return object(Object.fromEntries(shown) as Record<string, Schema>);
}

/** Returns the schema of a field of a GraphQL type, given by its path. */
function fieldOf(type: GraphQLObjectType, path: string): Schema {
  let at: GraphQLOutputType = type;
  let isNullable = false;
  let said: Schema = {};
  for (const name of path.split('.')) {
    const named: unknown = getNamedType(at);
    const field = isObjectType(named) ? named.getFields()[name] : undefined;
    if (field === undefined) throw new Error(`${type.name} has no ${path}`);
    at = field.type;
    isNullable ||= !isNonNullType(at);
    if (field.description != null) said = { description: field.description };
  }
  const schema = { ...schemaOf(at), ...said };
  return isNullable ? orNull(schema) : schema;
}

/** The REST schema of each scalar. */
const SCALARS: Readonly<Record<string, Schema>> = {
  ID,
  DateTime: TIME,
  String: TEXT,
  Int: { type: 'integer' },
  Float: { type: 'number' },
  Boolean: { type: 'boolean' },
};

function schemaOf(type: GraphQLOutputType): Schema {
  const given = getNullableType(type);
  if (isListType(given)) return listOf(schemaOf(given.ofType));
  if (isEnumType(given)) {
    const values = given.getValues().map(({ name }) => name);
    // Error codes are the same in both APIs. Other enum values are in lower case over REST.
    return oneOf(given.name === 'ErrorCode' ? values : values.map((value) => value.toLowerCase()));
  }
  const scalar = SCALARS[given.name];
  if (scalar === undefined) throw new Error(`REST has no way to write ${given.name}`);
  return scalar;
}
