import type { Reviewer } from '../domain/principal';
import type { Refusal } from '../domain/refusal';

/** Reads a reviewer as they are now, with the policy in force now; null if they are gone. */
export type ReadReviewerNow = (reviewer: Reviewer) => Promise<Reviewer | null>;

/** Said of a token whose user is deactivated or gone, like of any other that does not count (docs/rest-api.md#errors). */
export const INVALID_TOKEN: Refusal = { code: 'INVALID_TOKEN', detail: 'Invalid or missing token' };
