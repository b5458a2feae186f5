declare const TYPES: unique symbol;

/** A GraphQL document; its type knows the types of its data and of its variables. */
export type Operation<Data, Variables> = string & {
  readonly [TYPES]?: (variables: Variables) => Data;
};

/** Only the generated documents are made so: their types are known to be right. */
export function operation<Data, Variables>(document: string): Operation<Data, Variables> {
  return document;
}
