import { GraphQLError, type ExecutionResult, type FormattedExecutionResult } from 'graphql';
import { newCorrelationId } from '../domain/correlation';
import { cutMessage } from '../domain/refusal';
import { maskErrors } from '../graphql/errors';
import type { Logger } from '../observability/logger';

/** Apollo's code for errors without a code, which occurred outside of our execution. */
const UNFORESEEN = 'INTERNAL_SERVER_ERROR';

/** Writes results as JSON. Errors after execution are masked, coded and logged like errors during execution. */
export class WrittenAnswers {
  /** The correlation ids of results, keyed by their data. */
  private readonly correlationIds = new WeakMap<object, string>();

  constructor(private readonly log: Logger) {}

  /** Remembers the correlation id of a result. */
  note(result: ExecutionResult, correlationId: string): ExecutionResult {
    if (result.data) this.correlationIds.set(result.data, correlationId);
    return result;
  }

  /** Returns the result as JSON, or a masked error if it cannot be serialized. */
  write(result: FormattedExecutionResult): string {
    try {
      return `${JSON.stringify(result)}\n`;
    } catch (error) {
      const correlationId = result.data ? this.correlationIds.get(result.data) : undefined;
      return `${JSON.stringify({ errors: [this.masked(error, correlationId)], data: null })}\n`;
    }
  }

  /** Formats an error. Errors from execution and Apollo's own request errors are kept, all others are masked. */
  format(formatted: FormattedError, error: unknown): FormattedError {
    if (formatted.extensions?.['code'] === UNFORESEEN) return this.masked(error);
    return { ...formatted, message: cutMessage(formatted.message) };
  }

  private masked(thrown: unknown, correlationId = newCorrelationId(new Date())): FormattedError {
    const cause = thrown instanceof GraphQLError ? (thrown.originalError ?? thrown) : thrown;
    const originalError =
      cause instanceof Error ? cause : new Error('A value that is not an error was thrown', { cause });
    const error = new GraphQLError(originalError.message, { originalError, path: [] });
    const [masked = error] = maskErrors({ errors: [error] }, correlationId, this.log).errors ?? [];
    const { message, extensions } = masked;
    return { message, extensions };
  }
}

type FormattedError = NonNullable<FormattedExecutionResult['errors']>[number];
