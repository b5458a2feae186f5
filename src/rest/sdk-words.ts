import { z } from 'zod';

/** Maps an action's status to the three that the vendor's SDK knows (docs/legacy-sdk.md#status-values). */
export const APPROVAL_WORDS = {
  PENDING_APPROVAL: 'pending',
  APPROVED: 'approved',
  DENIED: 'denied',
  EXPIRED: 'denied',
} as const;

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
export const DECISION = z.enum(['pending', 'allowed', 'denied']);
