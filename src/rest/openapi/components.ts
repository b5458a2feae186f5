import type { GraphQLSchema } from 'graphql';
import { actionSchemas } from '../subjects/actions';
import { auditLogSchemas } from '../subjects/audit-log';
import { bulkSchemas } from '../subjects/bulk';
import { decisionSchemas } from '../subjects/decide';
import { submissionSchemas } from '../subjects/submit';
import { object, type Schema } from './json-schema';
import { ERROR_PROPERTIES, factsSchema } from './refusals';

/** Returns the named schemas of all subjects. Types, nullability and descriptions come from the GraphQL types behind them. */
export function components(schema: GraphQLSchema): Readonly<Record<string, Schema>> {
  return {
    ...actionSchemas(schema),
    ...decisionSchemas(schema),
    ...submissionSchemas(schema),
    ...bulkSchemas(schema),
    ...auditLogSchemas(schema),
    Error: object(ERROR_PROPERTIES),
    Facts: factsSchema(),
  };
}
