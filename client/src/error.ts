import type { ErrorCode as GatewayCode, FactsFragment } from './operations.ts';

/**
 * Every code that a caller can meet: the gateway's own (schema.graphql, ErrorCode), or what kept its answer from arriving.
 * `GRAPHQL` is a document that the gateway does not understand: it is of another version than this client.
 */
export type ErrorCode = GatewayCode | 'NETWORK' | 'TIMEOUT' | 'BAD_ANSWER' | 'GRAPHQL' | 'STILL_PENDING';

/** What was needed and what was held, or what had already happened: what the code calls for. */
export type Facts = { readonly [Name in keyof FactsFragment]?: NonNullable<FactsFragment[Name]> | null };

/** One fault in what was sent. */
export interface InputFault {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
}

/** What an error knows beside its message. */
interface Told {
  readonly status?: number | null | undefined;
  readonly correlationId?: string | null | undefined;
  readonly facts?: Facts;
  readonly errors?: readonly InputFault[] | undefined;
  readonly cause?: unknown;
}

/** The one error that this client throws, but for what a caller's own signal aborts with. */
export class CountersignError extends Error {
  override readonly name = 'CountersignError';
  /** The HTTP status that the code has over REST; null where there was no answer. */
  readonly status: number | null;
  /** Names the request in the gateway's log; null where there was no answer. */
  readonly correlationId: string | null;
  readonly facts: Facts;
  /** Every fault of a VALIDATION_ERROR. */
  readonly errors: readonly InputFault[];

  constructor(
    readonly code: ErrorCode,
    message: string,
    { status = null, correlationId = null, facts = {}, errors = [], cause }: Told = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.status = status;
    this.correlationId = correlationId;
    this.facts = facts;
    this.errors = errors;
  }
}

/** Whether something thrown is the client's error, with one of these codes if any are given. */
export function isCountersignError<Code extends ErrorCode = ErrorCode>(
  thrown: unknown,
  ...codes: readonly Code[]
): thrown is CountersignError & { readonly code: Code } {
  return (
    thrown instanceof CountersignError && (codes.length === 0 || codes.some((code) => code === thrown.code))
  );
}
