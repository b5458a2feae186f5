import type { GraphQLSchema } from 'graphql';
import type { z } from 'zod';
import { AUDIT_RECORD } from '../audit-record';
import { ACTION, ACTION_STATUS, APPROVAL_CHECK } from '../subjects/actions';
import { AUDIT_LOG_PAGE, LEGACY_AUDIT_LOG_PAGE } from '../subjects/audit-log';
import { BULK_DECISION, BULK_RECEIPT, REFUSED_BULK, REFUSED_ITEM } from '../subjects/bulk';
import { APPROVAL, AUDIT_RECEIPT, REJECTION, VOTE } from '../subjects/decide';
import { SUBMISSION } from '../subjects/submit';
import { componentOf, type Schema } from './json-schema';
import { ERROR, FACTS_OBJECT } from './refusals';

const COMPONENTS: readonly z.ZodType[] = [
  ACTION,
  ACTION_STATUS,
  APPROVAL_CHECK,
  APPROVAL,
  REJECTION,
  VOTE,
  AUDIT_RECEIPT,
  SUBMISSION,
  BULK_DECISION,
  BULK_RECEIPT,
  REFUSED_ITEM,
  REFUSED_BULK,
  AUDIT_RECORD,
  AUDIT_LOG_PAGE,
  LEGACY_AUDIT_LOG_PAGE,
  ERROR,
  FACTS_OBJECT,
];

/**
 * Returns the named schemas of all subjects. Descriptions come from the GraphQL types behind them.
 * @throws {Error} if a schema differs from the GraphQL type behind it
 */
export function components(schema: GraphQLSchema): Readonly<Record<string, Schema>> {
  return Object.fromEntries(COMPONENTS.map((named) => [named.meta()?.id ?? '', componentOf(named, schema)]));
}
