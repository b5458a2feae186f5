import { cutMessage, type Refusal, type RefusalFacts } from '../domain/refusal';
import { HTTP_STATUS } from './status';
import { restTime } from './time';

/** The error body of REST, with its keys in this order (docs/rest-api.md#errors). */
export interface ErrorBody {
  readonly detail: string;
  readonly error_code: string;
  readonly status: number;
  readonly correlation_id: string;
  readonly timestamp: string;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly errors?: readonly unknown[];
}

/** Returns the error body of a refusal. */
export function errorBody(refusal: Refusal, correlationId: string, now: Date): ErrorBody {
  return {
    detail: cutMessage(refusal.detail),
    error_code: refusal.code,
    status: HTTP_STATUS[refusal.code],
    correlation_id: correlationId,
    timestamp: restTime(now),
    ...(refusal.facts && { context: factsInSnakeCase(refusal.facts) }),
    ...(refusal.errors && { errors: refusal.errors }),
  };
}

/** Returns the facts of a refusal under their REST names, without those that are undefined. */
export function factsInSnakeCase(facts: RefusalFacts): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(facts)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]: [string, unknown]) => [
        inSnakeCase(name),
        value instanceof Date ? restTime(value) : value,
      ]),
  );
}

/** Converts a name to snake case: decidedBy becomes `decided_by`. */
export function inSnakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
