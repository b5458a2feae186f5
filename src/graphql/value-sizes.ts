import {
  getNamedType,
  getNullableType,
  isListType,
  Kind,
  type FieldNode,
  type GraphQLNamedType,
  type GraphQLOutputType,
} from 'graphql';
import { MAX_BULK_IDS } from '../domain/parsing';
import { DEFAULT_PAGE_SIZE } from '../domain/page';
import { MAX_SCORING_RULES } from '../domain/scoring-rules';

/** The largest size of long texts and JSON values, in bytes of JSON, from their own limits. */
const SIZES: Readonly<Record<string, number>> = {
  'Action.parameters': 65_536,
  'Action.context': 16_384,
  'Action.riskIndicators': 16_384,
  'Action.description': 30_000,
  'Action.targetResource': 6_000,
  'Action.reason': 6_000,
  'ActionDecision.reason': 6_000,
  'ActionSubmission.reason': 6_000,
  'ApprovalPolicy.reason': 6_000,
  'ApprovalPolicyVersion.reason': 6_000,
  'AuditLog.reason': 6_000,
  'AuditLog.details': 1_000,
  'AuditLog.data': 65_536,
  'AuditLog.userAgent': 2_000,
  'BulkReceipt.signature': 33_000,
  'Vote.reason': 6_000,
};
/** The largest size of other texts, such as names of 200 characters, in bytes. */
const TEXT_SIZE = 600;
/** The largest size of numbers, ids, times and enum values, in bytes. */
const OTHER_SIZE = 40;
/** Up to this size, in bytes, a field counts as one value. */
const VALUE_SIZE = 4_000;

/** Returns how many values a field counts as. A field that can be large counts as several. */
export function weightOf(name: string, parent: GraphQLNamedType | undefined): number {
  return Math.ceil((SIZES[`${parent?.name ?? ''}.${name}`] ?? 1) / VALUE_SIZE);
}

/** Returns the largest size of a field without a selection, in bytes of JSON. */
export function sizeOf(
  name: string,
  type: GraphQLOutputType | undefined,
  parent: GraphQLNamedType | undefined,
): number {
  const own = SIZES[`${parent?.name ?? ''}.${name}`];
  return own ?? (type && getNamedType(type).name === 'String' ? TEXT_SIZE : OTHER_SIZE);
}

/** Returns the size of a bulk relative to the largest bulk, 0 to 1, by its number of ids. 1 for other fields. */
export function bulkPart(
  { arguments: args }: FieldNode,
  type: GraphQLOutputType | undefined,
  variable: (name: string) => unknown,
): number {
  if (type === undefined || getNamedType(type).name !== 'BulkDecision') return 1;
  const ids = args?.find(({ name }) => name.value === 'actionIds')?.value;
  const given = ids?.kind === Kind.VARIABLE ? variable(ids.name.value) : undefined;
  const count = ids?.kind === Kind.LIST ? ids.values.length : Array.isArray(given) ? given.length : 1;
  return Math.min(1, count / MAX_BULK_IDS);
}

/** The largest size of each unpaged list, by field name. For the introspection fields, about their actual sizes. */
const WHOLE_LISTS: Readonly<Record<string, number>> = {
  results: MAX_BULK_IDS,
  auditIds: MAX_BULK_IDS,
  scoringRules: MAX_SCORING_RULES,
  auditSummary: 400,
  types: 100,
  fields: 8,
  args: 2,
  inputFields: 2,
  enumValues: 3,
};
/** For the other unpaged lists, such as votes: a quorum is at most 10. */
const OTHER_LISTS = 10;

/** Returns how many values a field can have. The page size counts at the connection field, so its `edges` count 1. */
export function lengthOf(
  field: FieldNode,
  type: GraphQLOutputType | undefined,
  parent: GraphQLNamedType | undefined,
  variable: (name: string) => unknown,
): number {
  if (type === undefined) return 1;
  if (isConnection(getNamedType(type))) return pageSizeOf(field, variable);
  if (!isListType(getNullableType(type)) || isConnection(parent)) return 1;
  return WHOLE_LISTS[field.name.value] ?? OTHER_LISTS;
}

function isConnection(type: GraphQLNamedType | undefined): boolean {
  return type?.name.endsWith('Connection') === true;
}

/** Returns the requested page size, or the default. The page's reader refuses an invalid size later. */
function pageSizeOf(field: FieldNode, variable: (name: string) => unknown): number {
  for (const { name, value } of field.arguments ?? []) {
    if (name.value !== 'first' && name.value !== 'last') continue;
    const size =
      value.kind === Kind.VARIABLE ? variable(value.name.value) : value.kind === Kind.INT && value.value;
    if (Number(size) > 0) return Number(size);
  }
  return DEFAULT_PAGE_SIZE;
}
