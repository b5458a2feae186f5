import { cutMessage, type InputFault, type Refusal } from '../domain/refusal';
import { factsInSnakeCase } from './facts';
import { HTTP_STATUS } from './status';
import { restTime } from './rest-notation';

/** The error body of REST, with its keys in this order (docs/rest-api.md#errors). */
export interface ErrorBody {
  readonly detail: string;
  readonly error_code: string;
  readonly status: number;
  readonly correlation_id: string;
  readonly timestamp: string;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly errors?: readonly InputFault[];
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
