import { GraphQLError, type ExecutionResult } from 'graphql';
import type { Logger } from '../observability/logger';
import { cutMessage, MAX_ERRORS, RefusedError, type Refusal, type RefusalFacts } from '../domain/refusal';
import { DatabaseUnavailableError } from '../persistence/outage';
import { HTTP_STATUS } from '../rest/status';

const UNAVAILABLE: Refusal = {
  code: 'SERVICE_UNAVAILABLE',
  detail: 'The service is temporarily unavailable',
};
/** A change may have been committed. A retry with the same idempotency key replays the first answer. */
const UNANSWERED: Refusal = {
  code: 'SERVICE_UNAVAILABLE',
  detail:
    'The connection was lost before the response, so the change may or may not have been made: send the request again with the same Idempotency-Key',
};
const ROLLED_BACK: Refusal = {
  code: 'SERVICE_UNAVAILABLE',
  detail: 'The database was rolled back; nothing is submitted or decided until an operator accepts that',
};
const INTERNAL: Refusal = { code: 'INTERNAL_ERROR', detail: 'An internal error occurred' };

/** Returns the refusal that a client gets for a thrown value. Unexpected errors become INTERNAL_ERROR. */
export function refusalBehind(thrown: unknown): Refusal {
  if (thrown instanceof RefusedError) return thrown.refusal;
  if (!(thrown instanceof DatabaseUnavailableError)) return INTERNAL;
  if (thrown.kind === 'rolled_back') return ROLLED_BACK;
  return thrown.isOutcomeUnknown ? UNANSWERED : UNAVAILABLE;
}

/**
 * Logs unexpected errors, and database outages with their cause. It ignores refusals thrown as such, so that an error
 * that passes through both GraphQL and REST is logged once.
 */
export function logUnexpected(error: unknown, refusal: Refusal, correlationId: string, log: Logger): void {
  if (error instanceof RefusedError) return;
  if (refusal.code === 'INTERNAL_ERROR') log.error({ err: error, correlationId }, 'unexpected error');
  if (error instanceof DatabaseUnavailableError)
    log.warn({ err: error, correlationId, runbook: error.runbook }, 'database unavailable');
}

/**
 * Returns a refusal as GraphQL `extensions`: the code, its HTTP status over REST, and the facts in the schema's
 * notation (docs/graphql-api.md#errors).
 */
export function extensionsOf(refusal: Refusal, correlationId: string): Record<string, unknown> {
  return {
    code: refusal.code,
    status: HTTP_STATUS[refusal.code],
    correlationId,
    ...inSchemaWords(refusal.facts ?? {}),
    ...(refusal.errors && { errors: refusal.errors }),
  };
}

/** Converts facts to the schema's notation: enums in upper case, ids as strings. */
function inSchemaWords(facts: RefusalFacts): Readonly<Record<string, unknown>> {
  const { currentStatus, heldRole, requiredRoles, riskLevel, decidedBy, submittedBy } = facts;
  return {
    ...facts,
    ...(currentStatus && { currentStatus: currentStatus.toUpperCase() }),
    ...(heldRole && { heldRole: heldRole.toUpperCase() }),
    ...(requiredRoles && { requiredRoles: requiredRoles.map((role) => role.toUpperCase()) }),
    ...(riskLevel && { riskLevel: riskLevel.toUpperCase() }),
    ...(typeof decidedBy === 'number' && { decidedBy: String(decidedBy) }),
    ...(submittedBy !== undefined && { submittedBy: String(submittedBy) }),
  };
}

/** Converts the first MAX_ERRORS errors of a result to their public shape. Unexpected errors are logged and masked. */
export function maskErrors(result: ExecutionResult, correlationId: string, log: Logger): ExecutionResult {
  if (result.errors === undefined) return result;
  const errors = result.errors.slice(0, MAX_ERRORS);
  return { ...result, errors: errors.map((error) => maskError(error, correlationId, log)) };
}

function maskError(error: GraphQLError, correlationId: string, log: Logger): GraphQLError {
  const refusal = refusalOf(error);
  logUnexpected(error.originalError ?? error, refusal, correlationId, log);
  const masked = new GraphQLError(cutMessage(refusal.detail), {
    path: error.path ?? null,
    // REST reads the refusal from here.
    originalError: new RefusedError(refusal),
    extensions: extensionsOf(refusal, correlationId),
  });
  // Copied rather than derived from nodes: errors of a compiled operation have locations but no nodes.
  return Object.assign(masked, { locations: error.locations });
}

function refusalOf(error: GraphQLError): Refusal {
  const { originalError } = error;
  // For variables and arguments of the wrong type, the message of graphql-js is meant for the caller. An invalid value
  // from a resolver looks similar, but it has a path and its original error has no nodes.
  const isOfInput =
    (originalError === undefined && error.path === undefined) ||
    (originalError instanceof GraphQLError &&
      (error.path === undefined || originalError.nodes !== undefined));
  if (!isOfInput) return refusalBehind(originalError);
  const msg = cutMessage(error.message);
  return { code: 'VALIDATION_ERROR', detail: msg, errors: [{ loc: ['variables'], msg, type: 'graphql' }] };
}
