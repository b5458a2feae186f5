import { z } from 'zod';

/** The schemas that several subjects of REST use. */

/** See docs/rest-api.md#ids. */
export const ID = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
/** See docs/rest-api.md#times. */
export const TIME = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  .meta({ format: 'date-time', description: 'UTC, in whole seconds.' });
export const TEXT = z.string();
export const COUNT = z.int().min(0);
/** Text that PostgreSQL can store. */
export const PLAIN_TEXT = z.string().regex(/^[^\u0000]*$/);

/**
 * Returns the schema of a property that shows a field of the enclosing object's GraphQL type, such as `decidedBy.id`. The
 * property has the description of that field, and has to have its type and nullability.
 */
export function field<S extends z.ZodType>(path: string, schema: S): S {
  return schema.meta({ graphql: path });
}
