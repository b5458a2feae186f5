import { BREAK, visit, type DocumentNode } from 'graphql';

/** Whether a document asks what the schema holds. `__typename` tells of a value, so it is not that. */
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
