import { getNamedType, GraphQLError, GraphQLID, type ValidationRule, type ValueNode } from 'graphql';
import { isExact } from '../domain/json-text';

/**
 * A validation rule that refuses number literals that a double cannot represent exactly. Variables have the same rule.
 * IDs are exempt, since graphql-js reads them as text.
 */
export const exactLiterals: ValidationRule = (context) => {
  const check = (node: ValueNode & { readonly value: string }): undefined => {
    const type = context.getInputType();
    if ((type && getNamedType(type) === GraphQLID) || isExact(node.value)) return;
    const message = `The number ${node.value.slice(0, 40)} cannot be represented exactly; send it as text`;
    context.reportError(new GraphQLError(message, { nodes: node }));
  };
  return { IntValue: check, FloatValue: check };
};
