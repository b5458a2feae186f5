import { actionNotFound, RefusedError } from '../domain/refusal';
import { oneOf } from './openapi/json-schema';
import type { Asked } from './route';

/** Converts an enum value of GraphQL to REST. */
export function word(value: string): string {
  return value.toLowerCase();
}

/** Converts an id of GraphQL to REST. */
export function number(id: string | null): number | null {
  return id === null ? null : Number(id);
}

/** Refuses the request for an action that the caller cannot see. @throws {RefusedError} ACTION_NOT_FOUND, always */
export function notFound({ variables }: Asked): never {
  throw new RefusedError(actionNotFound(Number(variables['id'])));
}

/**
 * Maps an action's status to the `decision` that the vendor's SDK reads. Only allowed and denied end its wait, so an
 * expired action is denied (docs/legacy-sdk.md#status-values).
 */
export const DECISION_WORDS = {
  PENDING_APPROVAL: 'pending',
  APPROVED: 'allowed',
  DENIED: 'denied',
  EXPIRED: 'denied',
} as const;

/** The schema of such a `decision`. */
export const DECISION = oneOf(['pending', 'allowed', 'denied']);
