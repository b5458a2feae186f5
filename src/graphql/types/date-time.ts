import { GraphQLScalarType } from 'graphql';
import { GraphQLDateTime } from 'graphql-scalars';

/**
 * The DateTime of graphql-scalars, whose answers are texts already. That one answers a Date, which whoever writes the JSON
 * has to turn into text through its `toJSON`: for a list with hundreds of times, more work than all the rest of it.
 */
export const DateTime = new GraphQLScalarType({
  ...GraphQLDateTime.toConfig(),
  serialize: (value) => GraphQLDateTime.serialize(value).toISOString(),
});
