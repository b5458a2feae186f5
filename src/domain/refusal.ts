import type { ActionStatus } from './action';
import type { Role } from './role';
import type { RiskLevel } from './risk';

/** Every error code that a client can receive, the same over GraphQL and REST (docs/rest-api.md#errors). */
export const ERROR_CODES = [
  'MISSING_AUTH',
  'INVALID_TOKEN',
  'EXPIRED_TOKEN',
  'INVALID_API_KEY',
  'EXPIRED_API_KEY',
  'REVOKED_API_KEY',
  'JWT_REQUIRED',
  'INSUFFICIENT_PERMISSIONS',
  'APPROVAL_LEVEL_REQUIRED',
  'RISK_LIMIT_EXCEEDED',
  'SELF_APPROVAL_FORBIDDEN',
  'BULK_NOT_ALLOWED',
  'ACTION_NOT_FOUND',
  'NOT_FOUND',
  'INVALID_STATE',
  'ALREADY_VOTED',
  'REASON_REQUIRED',
  'BULK_REFUSED',
  'NOT_ATTEMPTED',
  'POLICY_VERSION_CONFLICT',
  'LAST_ADMIN',
  'IDEMPOTENCY_KEY_REUSED',
  'IDEMPOTENCY_CONFLICT',
  'INVALID_JSON',
  'METHOD_NOT_ALLOWED',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'VALIDATION_ERROR',
  'INTERNAL_ERROR',
  'SERVICE_UNAVAILABLE',
  'RATE_LIMIT_EXCEEDED',
  'MALFORMED_REQUEST',
  'HEADERS_TOO_LARGE',
  'REQUEST_TIMEOUT',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** The kinds of fact, with the types of their values. */
interface FactValues {
  readonly status: ActionStatus;
  readonly riskLevel: RiskLevel;
  readonly role: Role;
  readonly roles: readonly Role[];
  readonly userId: number;
  readonly time: Date;
  readonly score: number;
  readonly count: number;
}
export type FactKind = keyof FactValues;

/**
 * Every fact that a refusal can carry, with its kind. From here come the `extensions` and the Refusal type of GraphQL,
 * the `context` of REST and its schema in OpenAPI.
 */
export const FACTS = {
  currentStatus: 'status',
  decidedBy: 'userId',
  decidedAt: 'time',
  requiredLevel: 'count',
  heldLevel: 'count',
  riskScore: 'score',
  riskLimit: 'score',
  heldRole: 'role',
  requiredRoles: 'roles',
  submittedBy: 'userId',
  riskLevel: 'riskLevel',
  approvalsReceived: 'count',
  approvalsRequired: 'count',
  expectedVersion: 'count',
  currentVersion: 'count',
} as const satisfies Readonly<Record<string, FactKind>>;
export type FactName = keyof typeof FACTS;

/** The facts that can be null: a policy, not a user, decided, or the action expired. */
type NullableFact = 'decidedBy' | 'decidedAt';
export const NULLABLE_FACTS: readonly FactName[] = ['decidedBy', 'decidedAt'] satisfies NullableFact[];

/** The facts of each code. The other codes carry none. */
export const FACTS_OF: Readonly<Partial<Record<ErrorCode, readonly FactName[]>>> = {
  // For a role. A missing scope has no facts.
  INSUFFICIENT_PERMISSIONS: ['requiredRoles', 'heldRole'],
  APPROVAL_LEVEL_REQUIRED: ['requiredLevel', 'heldLevel'],
  RISK_LIMIT_EXCEEDED: ['riskScore', 'riskLimit'],
  SELF_APPROVAL_FORBIDDEN: ['submittedBy'],
  BULK_NOT_ALLOWED: ['riskLevel'],
  INVALID_STATE: ['currentStatus', 'decidedBy', 'decidedAt'],
  ALREADY_VOTED: ['currentStatus', 'approvalsReceived', 'approvalsRequired'],
  REASON_REQUIRED: ['riskLevel'],
  POLICY_VERSION_CONFLICT: ['expectedVersion', 'currentVersion'],
};

/**
 * The facts behind a refusal: what was required and held, or what had already happened. Only those of its code are set.
 */
export type RefusalFacts = {
  readonly [Name in FactName]?: FactValues[(typeof FACTS)[Name]] | (Name extends NullableFact ? null : never);
};

/** One fault in the input: its location (`['body', 'action_ids', 3]`), a message, and a stable type for programs. */
export interface InputFault {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
}

/** A "no", as a value. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly facts?: RefusalFacts;
  readonly errors?: readonly InputFault[];
}

/** Carries a refusal to the API, which formats it. Thrown only after everything is committed. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';

  constructor(readonly refusal: Refusal) {
    super(refusal.detail);
  }
}

/** The maximum number of errors in a response, so that it cannot be many times as large as the request. */
export const MAX_ERRORS = 10;
/** The maximum length of an error's message, in UTF-16 units. */
const MAX_MESSAGE_LENGTH = 500;

/** Returns a message cut to the maximum length of an error's message. */
export function cutMessage(message: string): string {
  if (message.length <= MAX_MESSAGE_LENGTH) return message;
  // The cut may split a surrogate pair, and half of one is not well-formed Unicode.
  return `${message.slice(0, MAX_MESSAGE_LENGTH - 1)}…`.toWellFormed();
}

/** Returns the refusal of an invalid request, with its first faults. */
export function validationRefusal(faults: readonly InputFault[]): Refusal {
  const told = faults.slice(0, MAX_ERRORS);
  const detail = told.map((fault) => `${fault.loc.join('.')}: ${fault.msg}`).join('; ');
  return { code: 'VALIDATION_ERROR', detail: detail || 'The request is not valid', errors: told };
}

/**
 * Returns the refusal of an id that the caller's organization does not have, whether unknown or another organization's
 * (docs/approval-policy.md#order-of-refusals).
 */
export function actionNotFound(actionId: number): Refusal {
  return { code: 'ACTION_NOT_FOUND', detail: `Action ${String(actionId)} not found` };
}

/** Returns the refusal of an API key's id that the caller's organization does not have. */
export function apiKeyNotFound(apiKeyId: number): Refusal {
  return { code: 'NOT_FOUND', detail: `API key ${String(apiKeyId)} not found` };
}

/** Returns the refusal of a user id that the caller's organization does not have. */
export function userNotFound(userId: number): Refusal {
  return { code: 'NOT_FOUND', detail: `User ${String(userId)} not found` };
}
