import { GraphQLError, type ExecutionResult, type FormattedExecutionResult } from 'graphql';
import { newCorrelationId } from '../domain/correlation';
import { cutMessage } from '../domain/refusal';
import { maskErrors } from '../graphql/errors';
import type { Logger } from '../observability/logger';

/** Apollo's code of an error that nobody gave one: of what failed outside of our execution. */
const UNFORESEEN = 'INTERNAL_SERVER_ERROR';

/** Writes the results of operations as JSON. What fails after execution is masked, coded and logged as what fails in it. */
export class WrittenAnswers {
  /** The correlation ids of results, by their data. */
  private readonly correlationIds = new WeakMap<object, string>();

  constructor(private readonly log: Logger) {}

  /** Remembers whose result it is. */
  note(result: ExecutionResult, correlationId: string): ExecutionResult {
    if (result.data) this.correlationIds.set(result.data, correlationId);
    return result;
  }

  /** The result as JSON, or a masked error where it cannot be written. */
  write(result: FormattedExecutionResult): string {
    try {
      return `${JSON.stringify(result)}\n`;
    } catch (error) {
      const correlationId = result.data ? this.correlationIds.get(result.data) : undefined;
      return `${JSON.stringify({ errors: [this.masked(error, correlationId)], data: null })}\n`;
    }
  }

  /** An error as it goes out: as execution gave it, or as Apollo says it of a request or a document; else masked. */
  format(formatted: FormattedError, error: unknown): FormattedError {
    if (formatted.extensions?.['code'] === UNFORESEEN) return this.masked(error);
    return { ...formatted, message: cutMessage(formatted.message) };
  }

  private masked(thrown: unknown, correlationId = newCorrelationId(new Date())): FormattedError {
    const cause = thrown instanceof GraphQLError ? (thrown.originalError ?? thrown) : thrown;
    const originalError = cause instanceof Error ? cause : new Error('Something was thrown', { cause });
    const error = new GraphQLError(originalError.message, { originalError, path: [] });
    const [masked = error] = maskErrors({ errors: [error] }, correlationId, this.log).errors ?? [];
    const { message, extensions } = masked;
    return { message, extensions };
  }
}

type FormattedError = NonNullable<FormattedExecutionResult['errors']>[number];
