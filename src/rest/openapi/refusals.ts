import { z } from 'zod';
import { ACTION_STATUSES } from '../../domain/action';
import { ROLES } from '../../domain/role';
import {
  ERROR_CODES,
  FACTS,
  NULLABLE_FACTS,
  type ErrorCode,
  type FactKind,
  type FactName,
} from '../../domain/refusal';
import { inSnakeCase } from '../../api/facts';
import { RISK_LEVELS } from '../../domain/risk';
import { HTTP_STATUS } from '../../api/status';
import type { Described } from './described';
import { COUNT, ID, TEXT, TIME } from './vocabulary';

/** Returns what a path requires of its caller; null if no credential is required. */
export function asks(requirement: Described['requirement']): Exclude<Described['requirement'], 'optional'> {
  return requirement === 'optional' ? null : requirement;
}

type Arises = (operation: Described) => boolean;

const needsCredential: Arises = ({ requirement }) => asks(requirement) !== null;
const readsCredential: Arises = ({ requirement }) => requirement !== null;
const needsJwt: Arises = ({ requirement }) => asks(requirement)?.credential === 'jwt';
const needsMore: Arises = ({ requirement }) => {
  const asked = asks(requirement);
  return asked !== null && (asked.roles.length < ROLES.length || asked.scope !== null);
};
const hasBody: Arises = ({ request }) => request.body !== undefined;
const namesAction: Arises = ({ path }) => path.includes(':action_id');
const readsInput: Arises = (operation) =>
  hasBody(operation) || namesAction(operation) || operation.request.query !== undefined;
const decidesOne: Arises = ({ decides }) => decides === 'one';
const decidesMany: Arises = ({ decides }) => decides === 'many';
/** Probes are exempt from rate limits (http/rate-limit). */
const isLimited: Arises = ({ path }) => !['/health', '/readyz', '/metrics'].includes(path);
/** These codes can refuse a whole bulk too: a replay is authorized again, and is returned completely or not at all. */
const decides: Arises = (operation) => decidesOne(operation) || decidesMany(operation);
const hasKey: Arises = ({ request }) => request.idempotencyKey === true;
const always: Arises = () => true;
/** For codes of GraphQL only, of bulk items, of requests whose path is not read yet, and of undocumented methods. */
const never: Arises = () => false;

/** The operations that can respond with each code. A missing code is a compile error. */
const ARISES: Readonly<Record<ErrorCode, Arises>> = {
  MISSING_AUTH: needsCredential,
  INVALID_TOKEN: readsCredential,
  EXPIRED_TOKEN: readsCredential,
  INVALID_API_KEY: readsCredential,
  EXPIRED_API_KEY: readsCredential,
  REVOKED_API_KEY: readsCredential,
  JWT_REQUIRED: needsJwt,
  INSUFFICIENT_PERMISSIONS: needsMore,
  APPROVAL_LEVEL_REQUIRED: decides,
  RISK_LIMIT_EXCEEDED: decides,
  SELF_APPROVAL_FORBIDDEN: decides,
  BULK_NOT_ALLOWED: never,
  ACTION_NOT_FOUND: namesAction,
  NOT_FOUND: ({ canBeAbsent }) => canBeAbsent === true,
  INVALID_STATE: decidesOne,
  ALREADY_VOTED: decidesOne,
  REASON_REQUIRED: decidesOne,
  BULK_REFUSED: decidesMany,
  NOT_ATTEMPTED: never,
  POLICY_VERSION_CONFLICT: never,
  LAST_ADMIN: never,
  IDEMPOTENCY_KEY_REUSED: hasKey,
  IDEMPOTENCY_CONFLICT: hasKey,
  INVALID_JSON: hasBody,
  METHOD_NOT_ALLOWED: never,
  PAYLOAD_TOO_LARGE: hasBody,
  UNSUPPORTED_MEDIA_TYPE: hasBody,
  VALIDATION_ERROR: readsInput,
  RATE_LIMIT_EXCEEDED: isLimited,
  MALFORMED_REQUEST: never,
  HEADERS_TOO_LARGE: never,
  REQUEST_TIMEOUT: never,
  INTERNAL_ERROR: always,
  SERVICE_UNAVAILABLE: always,
};

/** Returns the error codes of an operation by HTTP status. */
export function refusalsOf(operation: Described): ReadonlyMap<number, readonly ErrorCode[]> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of ERROR_CODES)
    if (ARISES[code](operation))
      byStatus.set(HTTP_STATUS[code], [...(byStatus.get(HTTP_STATUS[code]) ?? []), code]);
  return byStatus;
}

/** The schema of each kind of fact. */
const FACT_SCHEMAS: Readonly<Record<FactKind, z.ZodType>> = {
  status: z.enum(ACTION_STATUSES),
  riskLevel: z.enum(RISK_LEVELS),
  role: z.enum(ROLES),
  roles: z.array(z.enum(ROLES)),
  userId: ID,
  time: TIME,
  score: z.number().min(0).max(100),
  count: COUNT,
};
const FACT_TEXTS: Readonly<Partial<Record<FactName, string>>> = {
  decidedBy: 'Null if no user decided the action.',
};

/** A refusal's facts. */
export const FACTS_OBJECT = z
  .object(
    Object.fromEntries((Object.keys(FACTS) as FactName[]).map((name) => [inSnakeCase(name), fact(name)])),
  )
  .meta({
    id: 'Facts',
    description: 'The facts that belong to the error code, such as the required and the held approval level.',
  });

function fact(name: FactName): z.ZodOptional {
  const schema = FACT_SCHEMAS[FACTS[name]];
  const description = FACT_TEXTS[name];
  const shown = NULLABLE_FACTS.includes(name) ? schema.nullable() : schema;
  return (description === undefined ? shown : shown.meta({ description })).optional();
}

/** An error body, with its keys in order (docs/rest-api.md#errors). */
export const ERROR = z
  .object({
    detail: TEXT.meta({ description: 'An explanation for people.' }),
    error_code: z.enum(ERROR_CODES).meta({ description: 'A stable code for programs.' }),
    status: z.int().meta({ description: 'The HTTP status.' }),
    correlation_id: TEXT,
    timestamp: TIME,
    context: FACTS_OBJECT.optional(),
    errors: z
      .array(
        z.object({
          loc: z
            .array(z.union([z.string(), z.int()]).meta({ json: { type: ['string', 'integer'] } }))
            .readonly()
            .meta({ description: 'The place of the fault.' }),
          msg: TEXT.meta({ description: 'An explanation for people.' }),
          type: TEXT.meta({ description: 'A stable code for programs.' }),
        }),
      )
      .readonly()
      .optional()
      .meta({ description: 'The faults that were found in the request.' }),
  })
  .meta({ id: 'Error' });
