import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kind, parse, separateOperations, validate, type DocumentNode, type GraphQLSchema } from 'graphql';

/** Every operation with the fragments it uses, parsed and validated once. */
export function readOperations(schema: GraphQLSchema): ReadonlyMap<string, DocumentNode> {
  const document = parse(readFileSync(join(__dirname, 'operations.graphql'), 'utf8'));
  const [error] = validate(schema, document);
  if (error !== undefined) throw error;
  return new Map(Object.entries(separateOperations(document)));
}

/** The one root field of an operation: what a route asks of its caller is asked for that field. */
export function rootFieldOf(document: DocumentNode): string {
  const fields = document.definitions
    .flatMap((definition) => (definition.kind === Kind.OPERATION_DEFINITION ? [definition.selectionSet] : []))
    .flatMap(({ selections }) => selections);
  const [field] = fields;
  if (fields.length !== 1 || field?.kind !== Kind.FIELD)
    throw new Error('An operation has to have one field');
  return field.name.value;
}
