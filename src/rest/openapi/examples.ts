/** A pending action of organization 1. */
export const ACTION_ID_EXAMPLE = 12345;
export const CORRELATION_ID_EXAMPLE = 'action_20260120_143500_9f86d081884c7d65';
