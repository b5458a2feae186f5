import { BREAK, visit, type DocumentNode } from 'graphql';

/** Whether a document introspects the schema. `__typename` does not count, since it only describes a value. */
export function asksForSchema(document: DocumentNode): boolean {
  let isAsked = false;
  visit(document, {
    Field: ({ name: { value: name } }) => {
      isAsked = name === '__schema' || name === '__type';
      return isAsked ? BREAK : undefined;
    },
  });
  return isAsked;
}
