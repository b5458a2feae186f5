import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kind, parse, separateOperations, validate, type DocumentNode, type GraphQLSchema } from 'graphql';

/**
 * Reads, parses and validates operations.graphql. Returns each operation with its fragments, by name.
 * @throws {Error} if an operation does not fit the schema
 */
export function readOperations(schema: GraphQLSchema): ReadonlyMap<string, DocumentNode> {
  const document = parse(readFileSync(join(__dirname, 'operations.graphql'), 'utf8'));
  const [error] = validate(schema, document);
  if (error !== undefined) throw error;
  return new Map(Object.entries(separateOperations(document)));
}

/**
 * Returns the single root field of an operation, whose `@authorize` applies to the route.
 * @throws {Error} if there is not exactly one
 */
export function rootFieldOf(document: DocumentNode): string {
  const fields = document.definitions
    .flatMap((definition) => (definition.kind === Kind.OPERATION_DEFINITION ? [definition.selectionSet] : []))
    .flatMap(({ selections }) => selections);
  const [field] = fields;
  if (fields.length !== 1 || field?.kind !== Kind.FIELD)
    throw new Error('An operation has to have one field');
  return field.name.value;
}
