import { isDeepStrictEqual } from 'node:util';
import { isObjectType, type GraphQLObjectType, type GraphQLSchema } from 'graphql';
import { z } from 'zod';
import { fieldOf } from './graphql-field';

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

/** What a zod schema of REST can say in its `meta`. */
interface Meta {
  /** The name of a component, which other schemas refer to. */
  readonly id?: string;
  readonly description?: string;
  readonly format?: string;
  /** Of an object: the GraphQL type that it shows. Of a property: the path of the field that it shows. */
  readonly graphql?: string;
  /** Of a parser: the schema of what it accepts. */
  readonly accepts?: z.ZodType;
  /** What OpenAPI says, where zod cannot say it. */
  readonly json?: Schema;
}

/** Returns the JSON Schema of a response, in which components are references. */
export function jsonSchemaOf(schema: z.ZodType): Schema {
  return written(schema, { isRequest: false });
}

/** Returns the JSON Schema of a part of a request: its unknown fields are allowed, and a parser is what it accepts. */
export function requestSchemaOf(schema: z.ZodType): Schema {
  return written(schema, { isRequest: true });
}

/**
 * Returns the JSON Schema of a component.
 * @throws {Error} if a property differs in type or nullability from the GraphQL field that it shows
 */
export function componentOf(schema: z.ZodType, graphql: GraphQLSchema): Schema {
  return definition(schema, { isRequest: false, graphql });
}

interface Context {
  readonly isRequest: boolean;
  readonly graphql?: GraphQLSchema;
  /** The GraphQL type of the enclosing object. */
  readonly type?: GraphQLObjectType;
}

function metaOf(schema: z.core.$ZodType): Meta {
  return (z.globalRegistry.get(schema) ?? {}) as Meta;
}

function written(schema: z.core.$ZodType, context: Context): Schema {
  const { id } = metaOf(schema);
  return id === undefined ? definition(schema, context) : { $ref: `#/components/schemas/${id}` };
}

function definition(schema: z.core.$ZodType, context: Context): Schema {
  const { description, format, accepts, json, graphql } = metaOf(schema);
  if (json !== undefined) return json;
  if (accepts !== undefined) return written(accepts, context);
  const own = {
    ...typeOf(schema, context),
    ...(format !== undefined && { format }),
    ...(description !== undefined && { description }),
  };
  if (graphql === undefined || schema instanceof z.ZodObject) return own;
  return { ...own, ...checkedField(own, graphql, context.type) };
}

function typeOf(schema: z.core.$ZodType, context: Context): Schema {
  if (schema instanceof z.ZodObject) return objectOf(schema, context);
  if (schema instanceof z.ZodNullable) return orNull(written(schema.unwrap(), context));
  if (schema instanceof z.ZodDefault)
    return { ...written(schema.unwrap(), context), default: schema.def.defaultValue };
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault || schema instanceof z.ZodReadonly)
    return written(schema.unwrap(), context);
  if (schema instanceof z.ZodUnion)
    return { anyOf: schema.options.map((option) => written(option, context)) };
  if (schema instanceof z.ZodEnum) return { type: 'string', enum: schema.options };
  if (schema instanceof z.ZodLiteral) return { type: 'string', const: schema.value };
  if (schema instanceof z.ZodArray) {
    const { minLength: minItems, maxLength: maxItems } = limitsOf(schema);
    return { type: 'array', items: written(schema.element, context), ...defined({ minItems, maxItems }) };
  }
  if (schema instanceof z.ZodRecord) {
    const { valueType } = schema.def;
    const isOpen = valueType instanceof z.ZodUnknown;
    return { type: 'object', ...(!isOpen && { additionalProperties: written(valueType, context) }) };
  }
  if (schema instanceof z.ZodString) return { type: 'string', ...limitsOf(schema) };
  if (schema instanceof z.ZodNumber)
    return { type: schema instanceof z.ZodNumberFormat ? 'integer' : 'number', ...limitsOf(schema) };
  if (schema instanceof z.ZodBoolean) return { type: 'boolean' };
  throw new Error(`REST has no notation for ${schema._zod.def.type}`);
}

function objectOf(schema: z.ZodObject, context: Context): Schema {
  const { graphql: name } = metaOf(schema);
  const type = name === undefined ? undefined : context.graphql?.getType(name);
  if (name !== undefined && !isObjectType(type)) throw new Error(`The schema has no type ${name}`);
  const inside: Context = { ...context, ...(isObjectType(type) && { type }) };
  const members = Object.entries<z.ZodType>(schema.shape);
  const required = members.filter(([, member]) => isRequired(member, context)).map(([key]) => key);
  return {
    type: 'object',
    properties: Object.fromEntries(members.map(([key, member]) => [key, written(member, inside)])),
    ...((!context.isRequest || required.length > 0) && { required }),
    ...(!context.isRequest && { additionalProperties: false }),
  };
}

function isRequired(member: z.ZodType, { isRequest }: Context): boolean {
  if (!isRequest) return member._zod.optout !== 'optional';
  return (metaOf(member).accepts ?? member)._zod.optin === undefined;
}

/** Returns the bounds and the pattern that a schema checks. */
function limitsOf(schema: z.ZodString | z.ZodNumber | z.ZodArray): Schema {
  const limits = (schema.def.checks ?? []).map(({ _zod: { def } }): Schema => {
    const { check, value, minimum, maximum, pattern } = def as Limit;
    if (check === 'greater_than') return defined({ minimum: value });
    if (check === 'less_than') return defined({ maximum: value });
    if (check === 'min_length') return defined({ minLength: minimum });
    if (check === 'max_length') return defined({ maxLength: maximum });
    return defined({ pattern: pattern?.source });
  });
  return Object.assign({}, ...limits) as Schema;
}

/** The members of zod's checks that bound a value. */
interface Limit {
  readonly check: string;
  readonly value?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: RegExp;
}

function defined(schema: { readonly [Name in keyof Schema]: Schema[Name] | undefined }): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));
}

/** Returns a schema that also allows null. */
function orNull({ type, enum: values, anyOf, ...schema }: Schema): Schema {
  if (schema.$ref !== undefined) return { anyOf: [schema, { type: 'null' }] };
  return {
    ...schema,
    ...(type !== undefined && { type: [type, 'null'].flat() }),
    ...(values !== undefined && { enum: [...values, null] }),
    ...(anyOf !== undefined && { anyOf: [...anyOf, { type: 'null' }] }),
  };
}

/** Returns the description of the field that a property shows. @throws {Error} if the two differ in type or nullability */
function checkedField(own: Schema, path: string, type: GraphQLObjectType | undefined): Schema {
  if (type === undefined) throw new Error(`No GraphQL type encloses ${path}`);
  const { schema, description } = fieldOf(type, path);
  const [here, there] = [own, jsonSchemaOf(schema)].map(({ description: _description, ...rest }) => rest);
  if (!isDeepStrictEqual(here, there))
    throw new Error(
      `${type.name}.${path} is ${JSON.stringify(there)} in GraphQL, and ${JSON.stringify(here)} over REST`,
    );
  return defined({ description: description ?? own.description });
}
