import { GraphQLError, type ExecutionResult } from 'graphql';
import type { Logger } from '../observability/logger';
import { cutMessage, MAX_ERRORS, RefusedError, type Refusal, type RefusalFacts } from '../domain/refusal';
import { DatabaseUnavailableError } from '../persistence/outage';
import { HTTP_STATUS } from '../rest/status';

const UNAVAILABLE: Refusal = {
  code: 'SERVICE_UNAVAILABLE',
  detail: 'The service is temporarily unavailable',
};
/** A change may have been made: whoever sent a key of theirs is told the first answer when they send it again. */
const UNANSWERED: Refusal = {
  code: 'SERVICE_UNAVAILABLE',
  detail:
    'The connection was lost before an answer came, so that a change may have been made or not: send it again with the same Idempotency-Key',
};
const ROLLED_BACK: Refusal = {
  code: 'SERVICE_UNAVAILABLE',
  detail: 'The database was rolled back; nothing is submitted or decided until an operator accepts that',
};
const INTERNAL: Refusal = { code: 'INTERNAL_ERROR', detail: 'An internal error occurred' };

/** What a thrown value means to a client: a refusal as it is, an outage, or a masked surprise. */
export function refusalBehind(thrown: unknown): Refusal {
  if (thrown instanceof RefusedError) return thrown.refusal;
  if (!(thrown instanceof DatabaseUnavailableError)) return INTERNAL;
  if (thrown.kind === 'rolled_back') return ROLLED_BACK;
  return thrown.isOutcomeUnknown ? UNANSWERED : UNAVAILABLE;
}

/**
 * Logs what an operator has to hear of: what nobody foresaw, and outages with their cause. A refusal is logged where
 * it was made, so that what passes both doors is told once.
 */
export function logSurprise(error: unknown, refusal: Refusal, correlationId: string, log: Logger): void {
  if (error instanceof RefusedError) return;
  if (refusal.code === 'INTERNAL_ERROR') log.error({ err: error, correlationId }, 'unexpected error');
  if (error instanceof DatabaseUnavailableError)
    log.warn({ err: error, correlationId, runbook: error.runbook }, 'database unavailable');
}

/**
 * A refusal as GraphQL's `extensions` carry it: the code, the HTTP status it has over REST, and the facts (docs/graphql-api.md#errors),
 * in the words of the schema: enums in upper case, ids as text.
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

/** Facts as the schema writes them: enums in upper case, ids as text. */
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

/** Gives the first errors of a result their outside shape; what nobody foresaw is logged and masked. */
export function maskErrors(result: ExecutionResult, correlationId: string, log: Logger): ExecutionResult {
  if (result.errors === undefined) return result;
  const errors = result.errors.slice(0, MAX_ERRORS);
  return { ...result, errors: errors.map((error) => maskError(error, correlationId, log)) };
}

function maskError(error: GraphQLError, correlationId: string, log: Logger): GraphQLError {
  const refusal = refusalOf(error);
  logSurprise(error.originalError ?? error, refusal, correlationId, log);
  const masked = new GraphQLError(cutMessage(refusal.detail), {
    path: error.path ?? null,
    // What REST, the other door, reads the refusal from.
    originalError: new RefusedError(refusal),
    extensions: extensionsOf(refusal, correlationId),
  });
  // Taken over as they are: what was compiled knows where its fields stand, and no longer the fields.
  return Object.assign(masked, { locations: error.locations });
}

function refusalOf(error: GraphQLError): Refusal {
  const { originalError } = error;
  // Variables and arguments of the wrong type: graphql-js says so in words meant for the caller. A value of ours that
  // does not fit the schema looks alike, but for having a path and no nodes of its own.
  const isOfInput =
    (originalError === undefined && error.path === undefined) ||
    (originalError instanceof GraphQLError &&
      (error.path === undefined || originalError.nodes !== undefined));
  if (!isOfInput) return refusalBehind(originalError);
  const msg = cutMessage(error.message);
  return { code: 'VALIDATION_ERROR', detail: msg, errors: [{ loc: ['variables'], msg, type: 'graphql' }] };
}
