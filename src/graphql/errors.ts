import { GraphQLError, type ExecutionResult } from 'graphql';
import { logUnexpected, refusalBehind } from '../api/error-refusals';
import { factsInSchemaWords } from '../api/facts';
import { HTTP_STATUS } from '../api/status';
import type { Logger } from '../observability/logger';
import { cutMessage, MAX_ERRORS, RefusedError, type Refusal } from '../domain/refusal';

/**
 * Returns a refusal as GraphQL `extensions`: the code, its HTTP status over REST, and the facts in the schema's
 * notation (docs/graphql-api.md#errors).
 */
export function extensionsOf(refusal: Refusal, correlationId: string): Record<string, unknown> {
  return {
    code: refusal.code,
    status: HTTP_STATUS[refusal.code],
    correlationId,
    ...factsInSchemaWords(refusal.facts ?? {}),
    ...(refusal.errors && { errors: refusal.errors }),
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
