import type { Reviewer } from '../../domain/principal';
import type { Refusal } from '../../domain/refusal';

/** Reads a reviewer with the policy in force, both as they are now; null if the reviewer no longer exists. */
export type ReadReviewerNow = (reviewer: Reviewer) => Promise<Reviewer | null>;

/**
 * The refusal of a token of a deactivated or missing user; the same for any invalid token (docs/rest-api.md#errors).
 */
export const INVALID_TOKEN: Refusal = { code: 'INVALID_TOKEN', detail: 'Invalid or missing token' };
