import type { ErrorCode as GatewayCode, FactsFragment } from './operations.ts';

/**
 * Every error code that a caller can receive: the gateway's own (schema.graphql, ErrorCode), or the client's. `GRAPHQL`
 * means that the gateway does not understand the document, since its version differs from this client's.
 */
export type ErrorCode = GatewayCode | 'NETWORK' | 'TIMEOUT' | 'BAD_ANSWER' | 'GRAPHQL' | 'STILL_PENDING';

/**
 * The facts behind a refusal: what was required and held, or what had already happened. Only those of its code are set.
 */
export type Facts = { readonly [Name in keyof FactsFragment]?: NonNullable<FactsFragment[Name]> | null };

/** One fault in the input. */
export interface InputFault {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
}

/** The details of an error, beside its message. */
interface Told {
  readonly status?: number | null | undefined;
  readonly correlationId?: string | null | undefined;
  readonly facts?: Facts;
  readonly errors?: readonly InputFault[] | undefined;
  readonly cause?: unknown;
}

/** The only error that this client throws, apart from the abort reason of a caller's own signal. */
export class CountersignError extends Error {
  override readonly name = 'CountersignError';
  /** The HTTP status of the code over REST; null where there was no response. */
  readonly status: number | null;
  /** The request's correlation id in the gateway's log; null where there was no response. */
  readonly correlationId: string | null;
  readonly facts: Facts;
  /** The faults of a VALIDATION_ERROR. */
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

/** Returns whether a thrown value is a `CountersignError`, with one of these codes if any are given. */
export function isCountersignError<Code extends ErrorCode = ErrorCode>(
  thrown: unknown,
  ...codes: readonly Code[]
): thrown is CountersignError & { readonly code: Code } {
  return (
    thrown instanceof CountersignError && (codes.length === 0 || codes.some((code) => code === thrown.code))
  );
}
