declare const TYPES: unique symbol;

/** A GraphQL document whose type carries the types of its data and variables. */
export type Operation<Data, Variables> = string & {
  readonly [TYPES]?: (variables: Variables) => Data;
};

/** Declares the types of a document. Only generated code calls this, so the types are correct. */
export function operation<Data, Variables>(document: string): Operation<Data, Variables> {
  return document;
}
